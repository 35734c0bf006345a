"""Things pledged to loans, and what happened to them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "collateral_things",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("about_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("plate_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("plate_key", sa.String(length=60), nullable=True),
        sa.Column("vin_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("vin_key", sa.String(length=60), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_on", sa.Date(), nullable=False),
        sa.Column("place_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("in_custody_on", sa.Date(), nullable=True),
        sa.Column("last_no", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_collateral_things_lender_id_lenders")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_collateral_things_borrower_id_borrowers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collateral_things")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_collateral_things_lender_id_reference")),
    )
    op.create_index("ix_collateral_things_borrower_id", "collateral_things", ["borrower_id"])
    op.create_index("ix_collateral_things_lender_id", "collateral_things", ["lender_id", "state", "id"])
    op.create_index("ix_collateral_things_plate_key", "collateral_things", ["plate_key"])
    op.create_index("ix_collateral_things_vin_key", "collateral_things", ["vin_key"])
    op.create_table(
        "collateral_pledges",
        sa.Column("id", ident, nullable=False),
        sa.Column("thing_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("pledged_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=90), nullable=False),
        sa.ForeignKeyConstraint(
            ["thing_id"], ["collateral_things.id"], name=op.f("fk_collateral_pledges_thing_id_collateral_things")
        ),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_collateral_pledges_loan_id_loans")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_collateral_pledges_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_collateral_pledges_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collateral_pledges")),
        sa.UniqueConstraint("thing_id", "loan_id", name=op.f("uq_collateral_pledges_thing_id_loan_id")),
    )
    op.create_index("ix_collateral_pledges_borrower_id", "collateral_pledges", ["borrower_id"])
    op.create_index("ix_collateral_pledges_loan_id", "collateral_pledges", ["loan_id"])
    op.create_table(
        "collateral_events",
        sa.Column("id", ident, nullable=False),
        sa.Column("thing_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=90), nullable=False),
        sa.Column("origin", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("from_state", sa.String(length=16), nullable=True),
        sa.Column("to_state", sa.String(length=16), nullable=True),
        sa.Column("reverses_id", ident, nullable=True),
        sa.Column("cost_kind", sa.String(length=16), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("is_charged", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["thing_id"], ["collateral_things.id"], name=op.f("fk_collateral_events_thing_id_collateral_things")
        ),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_collateral_events_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_collateral_events_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collateral_events")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_collateral_events_lender_id_reference")),
        sa.UniqueConstraint("thing_id", "no", name=op.f("uq_collateral_events_thing_id_no")),
    )
    op.create_index("ix_collateral_events_borrower_id", "collateral_events", ["borrower_id", "recorded_at"])
    op.create_index("ix_collateral_events_lender_id", "collateral_events", ["lender_id", "kind", "effective_on"])
    op.create_table(
        "collateral_appraisals",
        sa.Column("id", ident, nullable=False),
        sa.Column("thing_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("valued_on", sa.Date(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("appraiser_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("haircut", sa.String(length=20), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=90), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["thing_id"], ["collateral_things.id"], name=op.f("fk_collateral_appraisals_thing_id_collateral_things")
        ),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_collateral_appraisals_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collateral_appraisals")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_collateral_appraisals_lender_id_reference")),
    )
    op.create_index("ix_collateral_appraisals_thing_id", "collateral_appraisals", ["thing_id", "valued_on"])
    op.create_table(
        "collateral_insurance",
        sa.Column("id", ident, nullable=False),
        sa.Column("thing_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("cover", sa.String(length=20), nullable=False),
        sa.Column("policy_no_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("insured_minor", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=90), nullable=False),
        sa.Column("reminded_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["thing_id"], ["collateral_things.id"], name=op.f("fk_collateral_insurance_thing_id_collateral_things")
        ),
        sa.ForeignKeyConstraint(
            ["borrower_id"], ["borrowers.id"], name=op.f("fk_collateral_insurance_borrower_id_borrowers")
        ),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_collateral_insurance_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collateral_insurance")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_collateral_insurance_lender_id_reference")),
    )
    op.create_index("ix_collateral_insurance_thing_id", "collateral_insurance", ["thing_id", "valid_until"])
    op.create_table(
        "redemption_quotes",
        sa.Column("id", ident, nullable=False),
        sa.Column("thing_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("quoted_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=90), nullable=False),
        sa.Column("quoted_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("basis", sa.String(length=12), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("redeemed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["thing_id"], ["collateral_things.id"], name=op.f("fk_redemption_quotes_thing_id_collateral_things")
        ),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_redemption_quotes_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_redemption_quotes_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption_quotes")),
    )
    op.create_index("ix_redemption_quotes_thing_id", "redemption_quotes", ["thing_id", "quoted_at"])
    op.create_table(
        "collateral_sales",
        sa.Column("id", ident, nullable=False),
        sa.Column("thing_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("sold_on", sa.Date(), nullable=False),
        sa.Column("proceeds_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("sale_costs_minor", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("sold_by", sa.String(length=8), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("rule", sa.String(length=60), nullable=False),
        sa.Column("division", sa.Text(), nullable=False),
        sa.Column("surplus_minor", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("shortfall_minor", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("refund_id", ident, nullable=True),
        sa.Column("event_id", ident, nullable=True),
        sa.Column("requested_by", sa.String(length=90), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=90), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.ForeignKeyConstraint(
            ["thing_id"], ["collateral_things.id"], name=op.f("fk_collateral_sales_thing_id_collateral_things")
        ),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_collateral_sales_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_collateral_sales_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collateral_sales")),
    )
    op.create_index("ix_collateral_sales_lender_id", "collateral_sales", ["lender_id", "state", "requested_at"])
    op.create_index("ix_collateral_sales_thing_id", "collateral_sales", ["thing_id", "requested_at"])


def downgrade() -> None:
    op.drop_table("collateral_sales")
    op.drop_table("redemption_quotes")
    op.drop_table("collateral_insurance")
    op.drop_table("collateral_appraisals")
    op.drop_table("collateral_events")
    op.drop_table("collateral_pledges")
    op.drop_table("collateral_things")
