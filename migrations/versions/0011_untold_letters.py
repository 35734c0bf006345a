"""Letters too are asked about when nobody told what became of them: the index over when to ask takes them in."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _replace("'sms', 'voice', 'wechat', 'letter'")


def downgrade() -> None:
    _replace("'sms', 'voice', 'wechat'")


def _replace(channels: str) -> None:
    where = sa.text(f"state IN ('uncertain', 'sent') AND channel IN ({channels})")
    op.drop_index("ix_messages_untold", table_name="messages")
    op.create_index("ix_messages_untold", "messages", ["next_attempt_at", "id"], sqlite_where=where, postgresql_where=where)
