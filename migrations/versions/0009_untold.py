"""Messages whose provider has not told what became of them: an index over when to ask."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state IN ('uncertain', 'sent') AND channel IN ('sms', 'voice', 'wechat')")
    op.create_index("ix_messages_untold", "messages", ["next_attempt_at", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_messages_untold", table_name="messages")
