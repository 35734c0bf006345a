"""Posts of providers that are still kept: an index over their age, so that forgetting old ones reads no others."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("raw_sealed IS NOT NULL")
    op.create_index("ix_delivery_receipts_raw", "delivery_receipts", ["received_at"], sqlite_where=where,
                    postgresql_where=where)  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_delivery_receipts_raw", table_name="delivery_receipts")
