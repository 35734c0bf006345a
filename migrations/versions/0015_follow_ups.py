"""Follow-ups (what waits for a day), and events for the lender's own systems."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "follow_ups",
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("subject_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_follow_ups_borrower_id_borrowers")),
        sa.PrimaryKeyConstraint("kind", "subject_id", name=op.f("pk_follow_ups")),
    )
    op.create_index("ix_follow_ups_next_try_at", "follow_ups", ["next_try_at"])
    op.create_table(
        "webhook_events",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=True),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_webhook_events_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
    )
    op.create_index("ix_webhook_events_lender_id", "webhook_events", ["lender_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("webhook_events")
    op.drop_table("follow_ups")
