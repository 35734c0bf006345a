"""What the operations pages keep, and the indexes by which they stay quick on a large book.

What is uncertain gets a lane of its own: it is looked for by people, and must be found without reading what was sent.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_ASKABLE = "channel IN ('sms', 'voice', 'wechat', 'letter')"


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "engine_reports",
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_engine_reports")),
    )
    op.create_table(
        "delivery_hours",
        sa.Column("id", ident, nullable=False),
        sa.Column("hour_at", sa.BigInteger(), nullable=False),
        sa.Column("lender_id", ident, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("attempts", "accepted", "refused", "retried", "uncertain", "units")
        ),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_hours")),
    )
    op.create_index("ix_delivery_hours_hour_at", "delivery_hours", ["hour_at"])
    op.create_index("ix_delivery_hours_lender_id", "delivery_hours", ["lender_id", "hour_at"])
    op.create_table(
        "invariant_counts",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_invariant_counts")),
    )
    # Attempts are appended in the order of their instant: a summary of page ranges costs a send next to nothing.
    op.create_index("ix_delivery_attempts_started_at", "delivery_attempts", ["started_at"], postgresql_using="brin")
    open_ones, waiting = sa.text("state = 'open'"), sa.text("state IN ('created', 'pending')")
    op.create_index("ix_tasks_open", "tasks", ["breach", "due_on", "id"], sqlite_where=open_ones, postgresql_where=open_ones)
    claimed = sa.text("claimed_by IS NOT NULL")
    op.create_index("ix_tasks_claimed_by", "tasks", ["claimed_by"], sqlite_where=claimed, postgresql_where=claimed)
    op.create_index("ix_tasks_deadline", "tasks", ["due_on", "id"], sqlite_where=open_ones, postgresql_where=open_ones)
    op.create_index(
        "ix_payment_intents_waiting", "payment_intents", ["lender_id", "id"], sqlite_where=waiting, postgresql_where=waiting
    )
    unmatched = sa.text("matched_at IS NULL")
    op.create_index(
        "ix_unmatched_payments_waiting",
        "unmatched_payments",
        ["lender_id", "received_at", "id"],
        sqlite_where=unmatched,
        postgresql_where=unmatched,
    )
    failed = sa.text("state = 'failed'")
    op.create_index(
        "ix_webhook_deliveries_failed",
        "webhook_deliveries",
        ["endpoint_id", "created_at", "id"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
    op.execute("UPDATE messages SET lane = 'uncertain' WHERE state = 'uncertain'")


def downgrade() -> None:
    op.execute(
        f"UPDATE messages SET lane = CASE WHEN {_ASKABLE} THEN 'untold' ELSE NULL END WHERE state = 'uncertain'"  # noqa: S608
    )
    op.drop_index("ix_webhook_deliveries_failed", "webhook_deliveries")
    op.drop_index("ix_unmatched_payments_waiting", "unmatched_payments")
    op.drop_index("ix_payment_intents_waiting", "payment_intents")
    op.drop_index("ix_tasks_deadline", "tasks")
    op.drop_index("ix_tasks_claimed_by", "tasks")
    op.drop_index("ix_tasks_open", "tasks")
    op.drop_index("ix_delivery_attempts_started_at", "delivery_attempts")
    op.drop_table("invariant_counts")
    op.drop_table("delivery_hours")
    op.drop_table("engine_reports")
