"""Notes about borrowers, and what searching needs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "notes",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("corrected_by", sa.String(length=80), nullable=True),
        sa.Column("corrected_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_notes_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_notes_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notes")),
    )
    op.create_index("ix_notes_borrower_id", "notes", ["borrower_id", "lender_id", "written_at", "id"])
    op.create_table(
        "note_versions",
        sa.Column("note_id", ident, nullable=False),
        sa.Column("version_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], name=op.f("fk_note_versions_note_id_notes")),
        sa.PrimaryKeyConstraint("note_id", "version_no", name=op.f("pk_note_versions")),
    )
    op.create_index("ix_note_versions_borrower_id", "note_versions", ["borrower_id", "at"])
    # With the borrower in it, a common word is followed through the index alone.
    op.drop_index("ix_search_terms_kind_digest", table_name="search_terms")
    op.create_index("ix_search_terms_kind_digest", "search_terms", ["kind", "digest", "borrower_id"])


def downgrade() -> None:
    op.drop_index("ix_search_terms_kind_digest", table_name="search_terms")
    op.create_index("ix_search_terms_kind_digest", "search_terms", ["kind", "digest"])
    op.drop_table("note_versions")
    op.drop_table("notes")
