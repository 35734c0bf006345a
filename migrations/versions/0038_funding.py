"""Who funded which part of a loan, and what was passed on to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "funders",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("funder_no", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("account_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("locale", sa.String(length=16), nullable=False, server_default="en"),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_funders_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_funders")),
        sa.UniqueConstraint("lender_id", "funder_no", name=op.f("uq_funders_lender_id_funder_no")),
    )
    op.create_table(
        "funded_loans",
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("units_minor", sa.BigInteger(), nullable=False),
        sa.Column("service_fee", sa.Text(), nullable=False),
        sa.Column("passed_version", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_funded_loans_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_funded_loans_lender_id_lenders")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_funded_loans_borrower_id_borrowers")),
        sa.PrimaryKeyConstraint("loan_id", name=op.f("pk_funded_loans")),
    )
    op.create_index("ix_funded_loans_lender_id", "funded_loans", ["lender_id", "loan_id"])
    op.create_table(
        "share_transfers",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("giver_id", ident, nullable=True),
        sa.Column("taker_id", ident, nullable=True),
        sa.Column("units_minor", sa.BigInteger(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=90), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_share_transfers_lender_id_lenders")),
        sa.ForeignKeyConstraint(["loan_id"], ["funded_loans.loan_id"], name=op.f("fk_share_transfers_loan_id_funded_loans")),
        sa.ForeignKeyConstraint(["giver_id"], ["funders.id"], name=op.f("fk_share_transfers_giver_id_funders")),
        sa.ForeignKeyConstraint(["taker_id"], ["funders.id"], name=op.f("fk_share_transfers_taker_id_funders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_transfers")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_share_transfers_lender_id_reference")),
    )
    op.create_index("ix_share_transfers_giver_id", "share_transfers", ["giver_id", "loan_id"])
    op.create_index("ix_share_transfers_loan_id", "share_transfers", ["loan_id", "effective_on"])
    op.create_index("ix_share_transfers_taker_id", "share_transfers", ["taker_id", "loan_id"])
    op.create_table(
        "pass_through_marks",
        sa.Column("entry_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("is_money", sa.Boolean(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), nullable=False),
        sa.Column("fees_minor", sa.BigInteger(), nullable=False),
        sa.Column("penalties_minor", sa.BigInteger(), nullable=False),
        sa.Column("shares_hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["loan_id"], ["funded_loans.loan_id"], name=op.f("fk_pass_through_marks_loan_id_funded_loans")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_pass_through_marks")),
    )
    op.create_index("ix_pass_through_marks_loan_id", "pass_through_marks", ["loan_id"])
    op.create_table(
        "pass_through_entries",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("entry_id", ident, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("funder_id", ident, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("booked_at", sa.BigInteger(), nullable=False),
        sa.Column("is_money", sa.Boolean(), nullable=False),
        sa.Column("principal_minor", sa.BigInteger(), nullable=False),
        sa.Column("interest_minor", sa.BigInteger(), nullable=False),
        sa.Column("fees_minor", sa.BigInteger(), nullable=False),
        sa.Column("penalties_minor", sa.BigInteger(), nullable=False),
        sa.Column("service_fee_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_pass_through_entries_lender_id_lenders")),
        sa.ForeignKeyConstraint(
            ["loan_id"], ["funded_loans.loan_id"], name=op.f("fk_pass_through_entries_loan_id_funded_loans")
        ),
        sa.ForeignKeyConstraint(["funder_id"], ["funders.id"], name=op.f("fk_pass_through_entries_funder_id_funders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pass_through_entries")),
    )
    op.create_index("ix_pass_through_entries_entry_id", "pass_through_entries", ["entry_id", "revision"])
    op.create_index("ix_pass_through_entries_funder_id", "pass_through_entries", ["funder_id", "booked_on"])
    op.create_index("ix_pass_through_entries_loan_id", "pass_through_entries", ["loan_id", "funder_id"])
    op.create_table(
        "payout_batches",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("payouts", sa.Integer(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("requested_by", sa.String(length=90), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("declined_reason", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_payout_batches_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_batches")),
    )
    op.create_index("ix_payout_batches_lender_id", "payout_batches", ["lender_id", "requested_at"])
    op.create_index(
        "uq_payout_batches_waiting",
        "payout_batches",
        ["lender_id", "currency"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "payouts",
        sa.Column("id", ident, nullable=False),
        sa.Column("batch_id", ident, nullable=False),
        sa.Column("funder_id", ident, nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("payee_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["payout_batches.id"], name=op.f("fk_payouts_batch_id_payout_batches")),
        sa.ForeignKeyConstraint(["funder_id"], ["funders.id"], name=op.f("fk_payouts_funder_id_funders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payouts")),
        sa.UniqueConstraint("batch_id", "funder_id", name=op.f("uq_payouts_batch_id_funder_id")),
    )
    op.create_index("ix_payouts_funder_id", "payouts", ["funder_id"])
    op.create_table(
        "wind_downs",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=90), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("declined_reason", sa.String(length=200), nullable=True),
        sa.Column("told_until", ident, nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=90), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_wind_downs_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wind_downs")),
    )
    op.create_index(
        "uq_wind_downs_live",
        "wind_downs",
        ["lender_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('waiting', 'active')"),
        postgresql_where=sa.text("state IN ('waiting', 'active')"),
    )


def downgrade() -> None:
    op.drop_table("wind_downs")
    op.drop_table("payouts")
    op.drop_table("payout_batches")
    op.drop_table("pass_through_entries")
    op.drop_table("pass_through_marks")
    op.drop_table("share_transfers")
    op.drop_table("funded_loans")
    op.drop_table("funders")
