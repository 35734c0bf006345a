"""Why a lender winds down, and why a batch of payouts was declined, are sealed; a wind-down in force can be corrected.

What was written before stays in the old columns and is read from there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

_LIVE = sa.text("state IN ('waiting', 'active')")
_ALONE = {"waiting": sa.text("state = 'waiting'"), "active": sa.text("state = 'active'")}


def upgrade() -> None:
    op.add_column("payout_batches", sa.Column("declined_reason_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("wind_downs", sa.Column("reason_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("wind_downs", sa.Column("declined_reason_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("wind_downs", sa.Column("since_at", sa.BigInteger(), nullable=True))
    op.drop_index("uq_wind_downs_live", "wind_downs")
    for state, where in _ALONE.items():
        op.create_index(
            f"uq_wind_downs_{state}", "wind_downs", ["lender_id"], unique=True, sqlite_where=where, postgresql_where=where
        )


def downgrade() -> None:
    for state in _ALONE:
        op.drop_index(f"uq_wind_downs_{state}", "wind_downs")
    op.execute(  # a correction that waits beside what is in force is what the older schema does not know
        "UPDATE wind_downs SET state = 'declined' WHERE state = 'waiting'"
        " AND lender_id IN (SELECT lender_id FROM wind_downs WHERE state = 'active')"
    )
    op.create_index(
        "uq_wind_downs_live", "wind_downs", ["lender_id"], unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
    )
    op.drop_column("wind_downs", "since_at")
    op.drop_column("wind_downs", "declined_reason_sealed")
    op.drop_column("wind_downs", "reason_sealed")
    op.drop_column("payout_batches", "declined_reason_sealed")
