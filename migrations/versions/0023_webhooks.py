"""Notices to borrowers, each told once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "notices",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=True),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column("loan_id", ident, nullable=True),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("push_id", ident, nullable=True),
        sa.Column("withheld_reason", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_notices_borrower_id_borrowers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("borrower_id", "key", name=op.f("uq_notices_borrower_id_key")),
    )
    op.create_index("ix_notices_borrower_id", "notices", ["borrower_id", "created_at", "id"])
    op.create_index("ix_notices_push_id", "notices", ["push_id"])


def downgrade() -> None:
    op.drop_table("notices")
