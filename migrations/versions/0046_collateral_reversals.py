"""A sale of collateral is taken back by two people, keeps what the core tells of it otherwise, and seals why."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_TABLE = "collateral_sales"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("reason_sealed", sa.LargeBinary(), nullable=True))
    op.add_column(_TABLE, sa.Column("told", sa.Text(), nullable=True))
    op.add_column(_TABLE, sa.Column("reversal_state", sa.String(length=12), nullable=True))
    op.add_column(_TABLE, sa.Column("reversal_asked_by", sa.String(length=90), nullable=True))
    op.add_column(_TABLE, sa.Column("reversal_asked_at", sa.BigInteger(), nullable=True))
    op.add_column(_TABLE, sa.Column("reversal_reason_sealed", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    for name in (
        "reversal_reason_sealed", "reversal_asked_at", "reversal_asked_by", "reversal_state", "told", "reason_sealed",
    ):  # fmt: skip
        op.drop_column(_TABLE, name)
