"""What a contract adds to a loan's position: caps, charges with a day of their own, how late a row is."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("loans", sa.Column("cap", sa.Text(), nullable=True))
    op.add_column("ledger_entries", sa.Column("due_on", sa.Date(), nullable=True))
    op.add_column("ledger_entries", sa.Column("surplus", sa.String(length=12), nullable=True))
    op.add_column("position_snapshots", sa.Column("row_states", sa.Text(), nullable=True))
    op.add_column("position_snapshots", sa.Column("holds_until", sa.Date(), nullable=True))
    op.add_column("position_snapshots", sa.Column("paid_late_days", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("position_snapshots", "paid_late_days")
    op.drop_column("position_snapshots", "holds_until")
    op.drop_column("position_snapshots", "row_states")
    op.drop_column("ledger_entries", "surplus")
    op.drop_column("ledger_entries", "due_on")
    op.drop_column("loans", "cap")
