"""Call tasks and visits: worklists, dialling, outcomes, evidence."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_TO_RANK = sa.text("state = 'open' AND kind IN ('call', 'call_back')")
_DIALLED = sa.text("outcome = 'dialled'")


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.add_column("tasks", sa.Column("claimed_by", sa.String(length=80), nullable=True))
    op.add_column("tasks", sa.Column("claimed_until", sa.BigInteger(), nullable=True))
    op.add_column("tasks", sa.Column("rank_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_tasks_to_rank", "tasks", ["rank_at", "id"], sqlite_where=_TO_RANK, postgresql_where=_TO_RANK)
    op.add_column("calls", sa.Column("result", sa.String(length=16), nullable=True))
    op.create_index("ix_calls_dialled", "calls", ["by", "called_at"], sqlite_where=_DIALLED, postgresql_where=_DIALLED)
    op.create_table(
        "call_ranks",
        sa.Column("task_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("opens_at", sa.BigInteger(), nullable=True),
        sa.Column("closes_at", sa.BigInteger(), nullable=True),
        sa.Column("blocked_by", sa.String(length=40), nullable=True),
        sa.Column("case_version", sa.Integer(), nullable=False),
        sa.Column("ranked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_call_ranks_task_id_tasks")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_call_ranks_lender_id_lenders")),
        sa.PrimaryKeyConstraint("task_id", "lender_id", name=op.f("pk_call_ranks")),
    )
    op.create_index("ix_call_ranks_order", "call_ranks", ["lender_id", "urgency", "score", "task_id"])
    op.create_table(
        "visits",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_ids", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=12), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("people_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_reason", sa.String(length=40), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("override_reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("identity_shown", sa.Boolean(), nullable=True),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("notes_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.BigInteger(), nullable=False),
        sa.Column("planned_by", sa.String(length=80), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("started_by", sa.String(length=80), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_visits_borrower_id_borrowers")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_visits_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
    )
    op.create_index("ix_visits_borrower_id", "visits", ["borrower_id", "from_at", "id"])
    op.create_index("ix_visits_lender_id", "visits", ["lender_id", "from_at", "id"])
    op.create_table(
        "visit_rules",
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("workplace", sa.Boolean(), nullable=False),
        sa.Column("most_people", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_visit_rules_lender_id_lenders")),
        sa.PrimaryKeyConstraint("lender_id", name=op.f("pk_visit_rules")),
    )


def downgrade() -> None:
    op.drop_table("visit_rules")
    op.drop_table("visits")
    op.drop_table("call_ranks")
    op.drop_index("ix_calls_dialled", "calls")
    op.drop_column("calls", "result")
    op.drop_index("ix_tasks_to_rank", "tasks")
    for name in ("rank_at", "claimed_until", "claimed_by"):
        op.drop_column("tasks", name)
