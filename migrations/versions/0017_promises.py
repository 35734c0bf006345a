"""Promises to pay, and what became of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "promises",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("group_id", ident, nullable=False),
        sa.Column("promise_no", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("promised_on", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("channel", sa.String(length=12), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=True),
        sa.Column("replaced_by_id", ident, nullable=True),
        sa.Column("hold_id", ident, nullable=True),
        sa.Column("open_since", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_promises_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_promises_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_promises_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
        sa.UniqueConstraint("borrower_id", "loan_id", "promise_no", name=op.f("uq_promises_borrower_id_loan_id_promise_no")),
    )
    op.create_index("ix_promises_loan_id", "promises", ["loan_id"])
    referenced = sa.text("reference IS NOT NULL")
    op.create_index("ix_promises_reference", "promises", ["borrower_id", "reference"], unique=True,
                    sqlite_where=referenced, postgresql_where=referenced)  # fmt: skip
    op.create_table(
        "promise_events",
        sa.Column("promise_id", ident, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["promise_id"], ["promises.id"], name=op.f("fk_promise_events_promise_id_promises")),
        sa.PrimaryKeyConstraint("promise_id", "seq", name=op.f("pk_promise_events")),
    )


def downgrade() -> None:
    op.drop_table("promise_events")
    op.drop_table("promises")
