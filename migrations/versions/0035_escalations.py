"""Escalations of arrears: where each loan stands, and why a step did or did not happen."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "escalation_policies",
        sa.Column("id", ident, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("version_no", sa.Integer(), nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=True),
        sa.Column("activated_by", sa.String(length=80), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("activated_at", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_escalation_policies_lender_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_policies")),
        sa.UniqueConstraint("lender_id", "key", "version_no", name=op.f("uq_escalation_policies_lender_id_key_version_no")),
    )
    op.create_index(
        "ix_escalation_policies_active",
        "escalation_policies",
        ["lender_id"],
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_table(
        "escalation_rehearsals",
        sa.Column("id", ident, nullable=False),
        sa.Column("policy_id", ident, nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("assumptions", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["policy_id"], ["escalation_policies.id"], name=op.f("fk_escalation_rehearsals_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_rehearsals")),
    )
    op.create_index("ix_escalation_rehearsals_policy_id", "escalation_rehearsals", ["policy_id", "made_at"], unique=False)
    op.create_table(
        "escalations",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("spell_no", sa.Integer(), nullable=False),
        sa.Column("policy_id", ident, nullable=False),
        sa.Column("anchor_no", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("late_since", sa.Date(), nullable=False),
        sa.Column("next_look_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_reason", sa.String(length=40), nullable=True),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("event_count", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_escalations_borrower_id")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_escalations_lender_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_escalations_loan_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["escalation_policies.id"], name=op.f("fk_escalations_policy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
        sa.UniqueConstraint("loan_id", "spell_no", name=op.f("uq_escalations_loan_id_spell_no")),
    )
    op.create_index("ix_escalations_borrower_id", "escalations", ["borrower_id", "state"], unique=False)
    op.create_index("ix_escalations_lender_id", "escalations", ["lender_id", "state", "stage", "id"], unique=False)
    op.create_index(
        "ix_escalations_open",
        "escalations",
        ["loan_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "escalation_events",
        sa.Column("id", ident, nullable=False),
        sa.Column("escalation_id", ident, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("step_key", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=24), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["escalation_id"], ["escalations.id"], name=op.f("fk_escalation_events_escalation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_events")),
        sa.UniqueConstraint("escalation_id", "seq", name=op.f("uq_escalation_events_escalation_id_seq")),
    )
    op.create_index("ix_escalation_events_borrower_id", "escalation_events", ["borrower_id", "at"], unique=False)
    op.create_index(
        "ix_escalation_events_lender_id", "escalation_events", ["lender_id", "at", "kind", "outcome"], unique=False
    )
    op.create_table(
        "escalation_steps",
        sa.Column("id", ident, nullable=False),
        sa.Column("escalation_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("step_key", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("attempt_no", sa.Integer(), nullable=False),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("handed_over_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("wanted_at", sa.BigInteger(), nullable=True),
        sa.Column("approved_by", sa.String(length=80), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("confirmed_by", sa.String(length=80), nullable=True),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("declined_by", sa.String(length=80), nullable=True),
        sa.Column("declined_reason", sa.String(length=40), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_escalation_steps_borrower_id")),
        sa.ForeignKeyConstraint(["escalation_id"], ["escalations.id"], name=op.f("fk_escalation_steps_escalation_id")),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_escalation_steps_lender_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_escalation_steps_loan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_steps")),
        sa.UniqueConstraint("escalation_id", "step_key", name=op.f("uq_escalation_steps_escalation_id_step_key")),
    )
    op.create_index("ix_escalation_steps_borrower_id", "escalation_steps", ["borrower_id"], unique=False)
    op.create_index("ix_escalation_steps_message_id", "escalation_steps", ["message_id"], unique=False)
    op.create_index(
        "ix_escalation_steps_reason", "escalation_steps", ["lender_id", "kind", "outcome", "reason"], unique=False
    )
    op.create_index(
        "ix_escalation_steps_waits",
        "escalation_steps",
        ["lender_id", "wanted_at", "id"],
        unique=False,
        sqlite_where=sa.text("outcome = 'needs_approval'"),
        postgresql_where=sa.text("outcome = 'needs_approval'"),
    )
    op.add_column("agenda", sa.Column("escalations_at", sa.BigInteger(), server_default="0", nullable=True))
    op.create_index(op.f("ix_agenda_escalations_at"), "agenda", ["escalations_at"], unique=False)


def downgrade() -> None:

    op.drop_index(op.f("ix_agenda_escalations_at"), table_name="agenda")
    op.drop_column("agenda", "escalations_at")
    op.drop_index(
        "ix_escalation_steps_waits",
        table_name="escalation_steps",
        sqlite_where=sa.text("outcome = 'needs_approval'"),
        postgresql_where=sa.text("outcome = 'needs_approval'"),
    )
    op.drop_index("ix_escalation_steps_reason", table_name="escalation_steps")
    op.drop_index("ix_escalation_steps_message_id", table_name="escalation_steps")
    op.drop_index("ix_escalation_steps_borrower_id", table_name="escalation_steps")
    op.drop_table("escalation_steps")
    op.drop_index("ix_escalation_events_lender_id", table_name="escalation_events")
    op.drop_index("ix_escalation_events_borrower_id", table_name="escalation_events")
    op.drop_table("escalation_events")
    op.drop_index(
        "ix_escalations_open",
        table_name="escalations",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_index("ix_escalations_lender_id", table_name="escalations")
    op.drop_index("ix_escalations_borrower_id", table_name="escalations")
    op.drop_table("escalations")
    op.drop_index("ix_escalation_rehearsals_policy_id", table_name="escalation_rehearsals")
    op.drop_table("escalation_rehearsals")
    op.drop_index(
        "ix_escalation_policies_active",
        table_name="escalation_policies",
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    )
    op.drop_table("escalation_policies")
