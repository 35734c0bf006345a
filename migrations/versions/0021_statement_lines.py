"""Bank transfers: references by which payers name a loan, lines of statements with their parts, and a lender's account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "transfer_references",
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("reference", sa.String(length=10), nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_transfer_references_lender_id_lenders")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_transfer_references_loan_id_loans")),
        sa.PrimaryKeyConstraint("lender_id", "reference", name=op.f("pk_transfer_references")),
        sa.UniqueConstraint("loan_id", name=op.f("uq_transfer_references_loan_id")),
    )
    op.create_table(
        "transfer_settings",
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("account", sa.String(length=56), nullable=True),
        sa.Column("bic", sa.String(length=11), nullable=True),
        sa.Column("holder", sa.String(length=70), nullable=True),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_transfer_settings_lender_id_lenders")),
        sa.PrimaryKeyConstraint("lender_id", name=op.f("pk_transfer_settings")),
    )
    op.create_table(
        "statement_lines",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("reference", sa.String(length=90), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("returns_reference", sa.String(length=90), nullable=True),
        sa.Column("our_account", sa.String(length=56), nullable=True),
        sa.Column("texts_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("how", sa.String(length=20), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("candidates", sa.Text(), nullable=False),
        sa.Column("ignored_because", sa.String(length=200), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("matched_at", sa.BigInteger(), nullable=True),
        sa.Column("matched_by", sa.String(length=80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_statement_lines_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_lines")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_statement_lines_lender_id_reference")),
    )
    op.create_index("ix_statement_lines_state", "statement_lines", ["lender_id", "state", "received_at", "id"])
    op.create_table(
        "statement_parts",
        sa.Column("line_id", ident, nullable=False),
        sa.Column("part_no", sa.Integer(), nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("payment_reference", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["statement_lines.id"], name=op.f("fk_statement_parts_line_id_statement_lines")
        ),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_statement_parts_loan_id_loans")),
        sa.PrimaryKeyConstraint("line_id", "part_no", name=op.f("pk_statement_parts")),
        sa.UniqueConstraint("lender_id", "payment_reference", name=op.f("uq_statement_parts_lender_id_payment_reference")),
    )
    op.create_index("ix_statement_parts_borrower_id", "statement_parts", ["borrower_id", "loan_id"])
    op.create_table(
        "statement_keys",
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("key_hash", sa.String(length=40), nullable=False),
        sa.Column("line_id", ident, nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["statement_lines.id"], name=op.f("fk_statement_keys_line_id_statement_lines")),
        sa.PrimaryKeyConstraint("lender_id", "key_hash", "line_id", name=op.f("pk_statement_keys")),
    )
    op.create_index("ix_statement_keys_line_id", "statement_keys", ["line_id"])
    has_bank_reference = sa.text("bank_reference IS NOT NULL")
    op.create_index(
        "ix_ledger_entries_bank_reference",
        "ledger_entries",
        ["bank_reference"],
        sqlite_where=has_bank_reference,
        postgresql_where=has_bank_reference,
    )


def downgrade() -> None:
    op.drop_index("ix_ledger_entries_bank_reference", "ledger_entries")
    for table in ("statement_keys", "statement_parts", "statement_lines", "transfer_settings", "transfer_references"):
        op.drop_table(table)
