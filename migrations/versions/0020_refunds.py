"""Refunds, autopay mandates with their drawings, and the proofs that were tried on links for paying."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_IS_LIVING = sa.text("state IN ('pending', 'active', 'failing', 'failed')")


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "payment_mandates",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("last_drawn_on", sa.Date(), nullable=True),
        sa.Column("retry_on", sa.Date(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=True),
        sa.Column("failure_code", sa.String(length=40), nullable=True),
        sa.Column("loan_said", sa.Boolean(), nullable=False),
        sa.Column("source_version", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_payment_mandates_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_payment_mandates_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_payment_mandates_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_mandates")),
    )
    op.create_index("ix_payment_mandates_borrower_id", "payment_mandates", ["borrower_id", "loan_id", "created_at"])
    op.create_index("ix_payment_mandates_loan_id", "payment_mandates", ["loan_id", "created_at"])
    op.create_index(
        "ix_payment_mandates_living",
        "payment_mandates",
        ["loan_id"],
        unique=True,
        sqlite_where=_IS_LIVING,
        postgresql_where=_IS_LIVING,
    )
    op.create_table(
        "mandate_draws",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("mandate_id", ident, nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("drawn_on", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("retry_on", sa.Date(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_mandate_draws_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(
            ["mandate_id"], ["payment_mandates.id"], name=op.f("fk_mandate_draws_mandate_id_payment_mandates")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mandate_draws")),
        sa.UniqueConstraint("mandate_id", "reference", name=op.f("uq_mandate_draws_mandate_id_reference")),
    )
    op.create_index("ix_mandate_draws_borrower_id", "mandate_draws", ["borrower_id", "mandate_id"])
    op.create_table(
        "refunds",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("intent_id", ident, nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("method", sa.String(length=12), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.Column("provider_reference", sa.String(length=120), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=True),
        sa.Column("entry_id", ident, nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("next_look_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_refunds_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_refunds_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_refunds_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("lender_id", "reference", name=op.f("uq_refunds_lender_id_reference")),
    )
    op.create_index("ix_refunds_borrower_id", "refunds", ["borrower_id", "loan_id", "requested_at"])
    op.create_index("ix_refunds_lender_id", "refunds", ["lender_id", "state", "requested_at"])
    op.create_index("ix_refunds_next_look_at", "refunds", ["next_look_at"])
    op.create_table(
        "pay_link_tries",
        sa.Column("message_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_pay_link_tries_borrower_id_borrowers")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_pay_link_tries")),
    )
    op.create_index("ix_pay_link_tries_borrower_id", "pay_link_tries", ["borrower_id", "last_at"])


def downgrade() -> None:
    for name in ("pay_link_tries", "refunds", "mandate_draws", "payment_mandates"):
        op.drop_table(name)
