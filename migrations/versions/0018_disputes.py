"""Disputes, requests for help with money trouble, requests about contact."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "disputes",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("reference", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("ground", sa.String(length=24), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("jurisdiction", sa.String(length=8), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("answer_due_on", sa.Date(), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("source", sa.String(length=160), nullable=False),
        sa.Column("taken_by", sa.String(length=80), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.String(length=80), nullable=True),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("upheld_minor", sa.BigInteger(), nullable=True),
        sa.Column("correction_reference", sa.String(length=64), nullable=True),
        sa.Column("breached_at", sa.BigInteger(), nullable=True),
        sa.Column("hold_id", ident, nullable=True),
        sa.Column("credit_mark", sa.String(length=2), nullable=True),
        sa.Column("escalated_at", sa.BigInteger(), nullable=True),
        sa.Column("escalated_to", sa.String(length=12), nullable=True),
        sa.Column("escalation_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("attachments", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_disputes_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_disputes_lender_id_lenders")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_disputes_loan_id_loans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
    )
    op.create_index("ix_disputes_borrower_id", "disputes", ["borrower_id", "received_at", "id"])
    op.create_index("ix_disputes_lender_id", "disputes", ["lender_id", "state", "answer_due_on", "id"])
    op.create_index("ix_disputes_loan_id", "disputes", ["loan_id", "state"])
    op.create_table(
        "hardship_requests",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=True),
        sa.Column("lender_id", ident, nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("answers_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("jurisdiction", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("review_due_on", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("taken_by", sa.String(length=80), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("outcome_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("arrangement", sa.String(length=64), nullable=True),
        sa.Column("breached_at", sa.BigInteger(), nullable=True),
        sa.Column("hold_id", ident, nullable=True),
        sa.Column("attachments", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_hardship_requests_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_hardship_requests_lender_id_lenders")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_hardship_requests_loan_id_loans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hardship_requests")),
    )
    op.create_index("ix_hardship_requests_borrower_id", "hardship_requests", ["borrower_id", "opened_at", "id"])
    op.create_index("ix_hardship_requests_state", "hardship_requests", ["state", "review_due_on", "id"])
    op.create_table(
        "contact_requests",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("details_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("place", sa.String(length=16), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("hold_id", ident, nullable=True),
        sa.Column("wish_id", ident, nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_contact_requests_borrower_id_borrowers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_requests")),
    )
    op.create_index("ix_contact_requests_borrower_id", "contact_requests", ["borrower_id", "recorded_at", "id"])


def downgrade() -> None:
    op.drop_table("contact_requests")
    op.drop_table("hardship_requests")
    op.drop_table("disputes")
