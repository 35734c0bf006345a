"""Payment intents, and what providers tell of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "payment_intents",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("is_live", sa.Boolean(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("surplus", sa.String(length=12), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("provider_reference", sa.String(length=120), nullable=True),
        sa.Column("payment_reference", sa.String(length=120), nullable=True),
        sa.Column("pay_url_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("return_to", sa.String(length=400), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("page_until", sa.BigInteger(), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("paid_at", sa.BigInteger(), nullable=True),
        sa.Column("entry_reference", sa.String(length=120), nullable=True),
        sa.Column("failure_code", sa.String(length=60), nullable=True),
        sa.Column("ask_at", sa.BigInteger(), nullable=True),
        sa.Column("opening_until", sa.BigInteger(), nullable=True),
        sa.Column("request_key", sa.String(length=64), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=True),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_payment_intents_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_payment_intents_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_payment_intents_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_intents")),
        sa.UniqueConstraint("provider", "provider_reference", name=op.f("uq_payment_intents_provider_provider_reference")),
        sa.UniqueConstraint("provider", "payment_reference", name=op.f("uq_payment_intents_provider_payment_reference")),
        sa.UniqueConstraint("borrower_id", "request_key", name=op.f("uq_payment_intents_borrower_id_request_key")),
    )
    op.create_index("ix_payment_intents_borrower_id", "payment_intents", ["borrower_id", "loan_id", "id"])
    op.create_index(
        "ix_payment_intents_ask_at",
        "payment_intents",
        ["ask_at"],
        sqlite_where=sa.text("ask_at IS NOT NULL"),
        postgresql_where=sa.text("ask_at IS NOT NULL"),
    )
    op.create_table(
        "payment_events",
        sa.Column("id", ident, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("intent_id", ident, nullable=True),
        sa.Column("borrower_id", ident, nullable=True),
        sa.Column("lender_id", ident, nullable=True),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("why", sa.String(length=40), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_events")),
        sa.UniqueConstraint("provider", "event_id", name=op.f("uq_payment_events_provider_event_id")),
    )
    op.create_index("ix_payment_events_state", "payment_events", ["state", "received_at", "id"])
    op.create_index("ix_payment_events_intent_id", "payment_events", ["intent_id", "received_at"])


def downgrade() -> None:
    op.drop_table("payment_events")
    op.drop_table("payment_intents")
