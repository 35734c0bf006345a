"""Requests for another plan with their approvals, arrangements, and when a session last proved a code."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "plan_requests",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("why_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("approvals_needed", sa.Integer(), nullable=False),
        sa.Column("anchor_no", sa.Integer(), nullable=False),
        sa.Column("snapshot_version", sa.Integer(), nullable=False),
        sa.Column("document_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=True),
        sa.Column("stands_until", sa.BigInteger(), nullable=False),
        sa.Column("hold_id", ident, nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_reason", sa.String(length=40), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_plan_requests_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_plan_requests_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_plan_requests_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_requests")),
    )
    op.create_index("ix_plan_requests_borrower_id", "plan_requests", ["borrower_id", "requested_at"])
    op.create_index("ix_plan_requests_lender_id", "plan_requests", ["lender_id", "state", "requested_at", "id"])
    waiting = sa.text("state IN ('requested', 'offered')")
    op.create_index(
        "ix_plan_requests_waiting", "plan_requests", ["loan_id"], unique=True, sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_table(
        "plan_approvals",
        sa.Column("id", ident, nullable=False),
        sa.Column("request_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("staff", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=400), nullable=True),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["plan_requests.id"], name=op.f("fk_plan_approvals_request_id_plan_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_approvals")),
        sa.UniqueConstraint("request_id", "staff", name=op.f("uq_plan_approvals_request_id_staff")),
    )
    op.create_table(
        "arrangements",
        sa.Column("id", ident, nullable=False),
        sa.Column("request_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("anchor_no", sa.Integer(), nullable=False),
        sa.Column("previous_anchor_no", sa.Integer(), nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("agreed_on", sa.Date(), nullable=False),
        sa.Column("agreed_at", sa.BigInteger(), nullable=False),
        sa.Column("agreed_by_session", ident, nullable=False),
        sa.Column("watched", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("hold_id", ident, nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_reason", sa.String(length=40), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["plan_requests.id"], name=op.f("fk_arrangements_request_id_plan_requests")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_arrangements_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_arrangements_loan_id_loans")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_arrangements_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrangements")),
        sa.UniqueConstraint("request_id", name=op.f("uq_arrangements_request_id")),
    )
    op.create_index("ix_arrangements_borrower_id", "arrangements", ["borrower_id", "agreed_at"])
    op.create_index("ix_arrangements_loan_id", "arrangements", ["loan_id", "agreed_at"])
    active = sa.text("state = 'active'")
    op.create_index(
        "ix_arrangements_active", "arrangements", ["loan_id"], unique=True, sqlite_where=active, postgresql_where=active
    )
    op.add_column("sessions", sa.Column("proved_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "proved_at")
    op.drop_table("arrangements")
    op.drop_table("plan_approvals")
    op.drop_table("plan_requests")
