"""The reminder engine: policy versions, holds, wishes, tasks, rehearsals, channel switches, rungs and experiment arms."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_switches",
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("daily_messages", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel_switches")),
    )
    op.create_table(
        "rehearsals",
        sa.Column("id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("lender_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("borrowers_done", sa.Integer(), nullable=False),
        sa.Column("borrowers_total", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("failure", sa.String(length=400), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_rehearsals_lender_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsals")),
    )
    op.create_table(
        "contact_preferences",
        sa.Column("id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("borrower_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("from_time", sa.Time(), nullable=True),
        sa.Column("until_time", sa.Time(), nullable=True),
        sa.Column("place", sa.String(length=16), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_contact_preferences_borrower_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_preferences")),
    )
    with op.batch_alter_table("contact_preferences", schema=None) as batch_op:
        batch_op.create_index("ix_contact_preferences_borrower_id", ["borrower_id"], unique=False)

    op.create_table(
        "rehearsal_counts",
        sa.Column("rehearsal_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("table_name", sa.String(length=20), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["rehearsal_id"], ["rehearsals.id"], name=op.f("fk_rehearsal_counts_rehearsal_id")),
        sa.PrimaryKeyConstraint("rehearsal_id", "seq", name=op.f("pk_rehearsal_counts")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("natural_key", sa.String(length=160), nullable=False),
        sa.Column("borrower_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("loan_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=True),
        sa.Column("decision_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("queue", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("state_reason", sa.String(length=40), nullable=True),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("not_after", sa.BigInteger(), nullable=True),
        sa.Column("breach", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_tasks_borrower_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("natural_key", name=op.f("uq_tasks_natural_key")),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index("ix_tasks_borrower_id", ["borrower_id", "state"], unique=False)
        batch_op.create_index("ix_tasks_queue", ["state", "queue", "due_on"], unique=False)

    op.create_table(
        "holds",
        sa.Column("id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("borrower_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=False),
        sa.Column("loan_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("from_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=True),
        sa.Column("form", sa.String(length=12), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("evidence", sa.String(length=400), nullable=True),
        sa.Column("reference", sa.String(length=120), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("released_by", sa.String(length=80), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_holds_borrower_id")),
        sa.ForeignKeyConstraint(["loan_id"], ["loans.id"], name=op.f("fk_holds_loan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index("ix_holds_borrower_id", ["borrower_id", "from_at"], unique=False)
        batch_op.create_index(
            "ix_holds_reference",
            ["borrower_id", "reference"],
            unique=True,
            sqlite_where=sa.text("reference IS NOT NULL"),
            postgresql_where=sa.text("reference IS NOT NULL"),
        )

    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("staff", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("role", sa.String(length=16), nullable=True))

    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("purpose", sa.String(length=40), nullable=False, server_default="contact"))
        batch_op.add_column(sa.Column("form", sa.String(length=12), nullable=True))

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("origin", sa.String(length=12), nullable=False, server_default="policy"))
        batch_op.add_column(sa.Column("rungs_done", sa.Integer(), nullable=False, server_default="0"))

    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("experiment", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("arm", sa.String(length=40), nullable=True))

    with op.batch_alter_table("decision_events", schema=None) as batch_op:
        batch_op.create_index("ix_decision_events_reason_at", ["reason", "at"], unique=False)

    with op.batch_alter_table("lenders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("role", sa.String(length=24), nullable=True))
        batch_op.add_column(sa.Column("role_reason", sa.String(length=400), nullable=True))
        batch_op.add_column(sa.Column("heard_at", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.add_column(sa.Column("product_kind", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("autopay", sa.Boolean(), nullable=False, server_default=sa.false()))

    with op.batch_alter_table("rules_state", schema=None) as batch_op:
        batch_op.add_column(sa.Column("content_version", sa.String(length=64), nullable=True))

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rung_no", sa.Integer(), nullable=False, server_default="0"))

    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("lender_id", sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql"), nullable=True)
        )
        batch_op.add_column(sa.Column("activated_by", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("submitted_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("approved_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("retired_at", sa.BigInteger(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_policies_lender_id"), "lenders", ["lender_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("policies", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_policies_lender_id"), type_="foreignkey")
        batch_op.drop_column("retired_at")
        batch_op.drop_column("approved_at")
        batch_op.drop_column("submitted_at")
        batch_op.drop_column("activated_by")
        batch_op.drop_column("lender_id")

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_column("rung_no")

    with op.batch_alter_table("rules_state", schema=None) as batch_op:
        batch_op.drop_column("content_version")

    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.drop_column("autopay")
        batch_op.drop_column("product_kind")

    with op.batch_alter_table("lenders", schema=None) as batch_op:
        batch_op.drop_column("heard_at")
        batch_op.drop_column("role_reason")
        batch_op.drop_column("role")

    with op.batch_alter_table("decision_events", schema=None) as batch_op:
        batch_op.drop_index("ix_decision_events_reason_at")

    with op.batch_alter_table("decisions", schema=None) as batch_op:
        batch_op.drop_column("arm")
        batch_op.drop_column("experiment")

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_column("rungs_done")
        batch_op.drop_column("origin")

    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_column("form")
        batch_op.drop_column("purpose")

    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_column("role")
        batch_op.drop_column("staff")

    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_holds_reference",
            sqlite_where=sa.text("reference IS NOT NULL"),
            postgresql_where=sa.text("reference IS NOT NULL"),
        )
        batch_op.drop_index("ix_holds_borrower_id")

    op.drop_table("holds")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index("ix_tasks_queue")
        batch_op.drop_index("ix_tasks_borrower_id")

    op.drop_table("tasks")
    op.drop_table("rehearsal_counts")
    with op.batch_alter_table("contact_preferences", schema=None) as batch_op:
        batch_op.drop_index("ix_contact_preferences_borrower_id")

    op.drop_table("contact_preferences")
    op.drop_table("rehearsals")
    op.drop_table("channel_switches")
