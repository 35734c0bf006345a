"""What a message speaks of, where that is less than its contact was made about: the rest of it was paid or held since."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("about", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "about")
