"""Notices to borrowers, each told once; webhooks: where a lender wants to be told, and how each telling fares."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "notices",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("key", sa.String(length=120), nullable=True),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column("loan_id", ident, nullable=True),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("push_id", ident, nullable=True),
        sa.Column("withheld_reason", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_notices_borrower_id_borrowers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("borrower_id", "key", name=op.f("uq_notices_borrower_id_key")),
    )
    op.create_index("ix_notices_borrower_id", "notices", ["borrower_id", "created_at", "id"])
    op.create_index("ix_notices_push_id", "notices", ["push_id"])
    op.create_index("ix_webhook_events_created_at", "webhook_events", ["created_at"])
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("types", sa.Text(), nullable=False),
        sa.Column("secrets_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_reason", sa.String(length=40), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_webhook_endpoints_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
        sa.UniqueConstraint("lender_id", "name", name=op.f("uq_webhook_endpoints_lender_id_name")),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", ident, nullable=False),
        sa.Column("event_id", ident, nullable=False),
        sa.Column("endpoint_id", ident, nullable=False),
        sa.Column("replay_no", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(length=60), nullable=True),
        sa.Column("leased_by", sa.String(length=80), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["webhook_events.id"], name=op.f("fk_webhook_deliveries_event_id_webhook_events")
        ),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_deliveries_endpoint_id_webhook_endpoints")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "event_id", "endpoint_id", "replay_no", name=op.f("uq_webhook_deliveries_event_id_endpoint_id_replay_no")
        ),
    )
    pending = sa.text("state = 'pending'")
    where = {"sqlite_where": pending, "postgresql_where": pending}
    op.create_index("ix_webhook_deliveries_pending", "webhook_deliveries", ["endpoint_id", "next_attempt_at", "id"], **where)
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["next_attempt_at"], **where)
    op.create_index("ix_webhook_deliveries_endpoint_id", "webhook_deliveries", ["endpoint_id", "created_at", "id"])
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhook_endpoints")
    op.drop_index("ix_webhook_events_created_at", "webhook_events")
    op.drop_table("notices")
