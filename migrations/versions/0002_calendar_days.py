"""A lender's own days, and the version that says when they changed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_days",
        sa.Column("lender_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_calendar_days_lender_id")),
        sa.PrimaryKeyConstraint("lender_id", "day", name=op.f("pk_calendar_days")),
    )
    op.add_column(
        "lenders",
        sa.Column(
            "calendar_version", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=True
        ),
    )


def downgrade() -> None:
    op.drop_column("lenders", "calendar_version")
    op.drop_table("calendar_days")
