"""Attachments: files that borrowers hand in for disputes, hardship requests and conversations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "attachments",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=True),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("media_type", sa.String(length=40), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("stored_as", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("refused_because", sa.String(length=80), nullable=True),
        sa.Column("subject_kind", sa.String(length=24), nullable=True),
        sa.Column("subject_id", ident, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=True),
        sa.Column("scanned_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_attachments_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_attachments_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index("ix_attachments_borrower_id", "attachments", ["borrower_id", "created_at"])
    op.create_index("ix_attachments_subject_id", "attachments", ["subject_id"])
    unclaimed = sa.text("claimed_at IS NULL")
    op.create_index(
        "ix_attachments_unclaimed", "attachments", ["created_at"], sqlite_where=unclaimed, postgresql_where=unclaimed
    )


def downgrade() -> None:
    op.drop_table("attachments")
