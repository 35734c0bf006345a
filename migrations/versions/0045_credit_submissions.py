"""What follows from a handed in credit file is noted page by page; words are sealed; loans found by account number."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_ACCOUNT_NO = (
    "upper(replace(replace(replace(replace(replace(replace(replace("
    "loan_no, '-', ''), '.', ''), '_', ''), ':', ''), '/', ''), '#', ''), ' ', ''))"
)


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.add_column("credit_snapshots", sa.Column("decline_reason_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("credit_snapshots", sa.Column("noted_cursor", ident, nullable=True))
    op.add_column("credit_snapshots", sa.Column("noted_at", sa.BigInteger(), nullable=True))
    op.add_column("credit_rejections", sa.Column("detail_sealed", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE credit_snapshots SET noted_at = submitted_at WHERE submitted_at IS NOT NULL")
    op.create_index("ix_loans_account_no", "loans", ["lender_id", sa.text(_ACCOUNT_NO)])


def downgrade() -> None:
    op.drop_index("ix_loans_account_no", table_name="loans")
    op.drop_column("credit_rejections", "detail_sealed")
    op.drop_column("credit_snapshots", "noted_at")
    op.drop_column("credit_snapshots", "noted_cursor")
    op.drop_column("credit_snapshots", "decline_reason_sealed")
