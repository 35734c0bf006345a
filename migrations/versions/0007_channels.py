"""Channels: receipts, provider tokens and wordings, letters, conversations, calls, and the state of each inbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "delivery_receipts",
        sa.Column("id", ident, nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("event_key", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.String(length=20), nullable=False),
        sa.Column("provider_reference", sa.String(length=200), nullable=True),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("borrower_id", ident, nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("raw_code", sa.String(length=60), nullable=True),
        sa.Column("is_signed", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.Column("raw_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_receipts")),
        sa.UniqueConstraint("provider", "event_key", name=op.f("uq_delivery_receipts_provider_event_key")),
    )
    with op.batch_alter_table("delivery_receipts", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_receipts_message_id", ["message_id"], unique=False)
        batch_op.create_index("ix_delivery_receipts_outcome", ["outcome", "received_at"], unique=False)

    op.create_table(
        "endpoint_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("code_sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_endpoint_links")),
    )
    op.create_table(
        "letter_batches",
        sa.Column("id", ident, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_batches")),
    )
    op.create_table(
        "provider_templates",
        sa.Column("id", ident, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("is_one_time", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_templates")),
        sa.UniqueConstraint(
            "channel", "provider", "template", "locale", name=op.f("uq_provider_templates_channel_provider_template_locale")
        ),
    )
    op.create_table(
        "provider_tokens",
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("renewing_by", sa.String(length=80), nullable=True),
        sa.Column("renewing_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("provider", "account", name=op.f("pk_provider_tokens")),
    )
    op.create_table(
        "subscription_credits",
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("is_refused", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("borrower_id", "code", name=op.f("pk_subscription_credits")),
    )
    op.create_table(
        "calls",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("loan_id", ident, nullable=True),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("task_id", ident, nullable=True),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("origin", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("keypress", sa.String(length=8), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("called_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("note_key", sa.String(length=160), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_calls_borrower_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint("note_key", name=op.f("uq_calls_note_key")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index("ix_calls_borrower_id", ["borrower_id", "called_at"], unique=False)

    op.create_table(
        "conversations",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("waiting_since", sa.BigInteger(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_conversations_borrower_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index("ix_conversations_borrower_id", ["borrower_id", "status"], unique=False)
        batch_op.create_index("ix_conversations_status", ["status", "waiting_since"], unique=False)

    op.create_table(
        "conversation_messages",
        sa.Column("id", ident, nullable=False),
        sa.Column("conversation_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("source_key", sa.String(length=240), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("in_reply_to", ident, nullable=True),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_conversation_messages_conversation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_messages")),
        sa.UniqueConstraint("source_key", name=op.f("uq_conversation_messages_source_key")),
    )
    with op.batch_alter_table("conversation_messages", schema=None) as batch_op:
        batch_op.create_index("ix_conversation_messages_conversation_id", ["conversation_id", "created_at"], unique=False)

    op.create_table(
        "letters",
        sa.Column("id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("batch_id", ident, nullable=True),
        sa.Column("jurisdiction", sa.String(length=8), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=False),
        sa.Column("locale", sa.String(length=16), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("pdf_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["letter_batches.id"], name=op.f("fk_letters_batch_id")),
        sa.ForeignKeyConstraint(["borrower_id"], ["borrowers.id"], name=op.f("fk_letters_borrower_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_letters_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
    )
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.create_index("ix_letters_batch_id", ["batch_id"], unique=False)
        batch_op.create_index("ix_letters_borrower_id", ["borrower_id"], unique=False)
        batch_op.create_index("ix_letters_message_id", ["message_id"], unique=True)

    with op.batch_alter_table("agenda", schema=None) as batch_op:
        batch_op.add_column(sa.Column("inbox_state", sa.BigInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("delivery_attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("units", sa.Integer(), server_default="1", nullable=False))
        batch_op.create_index("ix_delivery_attempts_reference", ["provider_reference", "provider"], unique=False)

    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("delivered_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("clicked_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("replied_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("snoozed_until", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("withdrawn_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("withdraws_id", ident, nullable=True))
        batch_op.add_column(sa.Column("inbox_created", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("inbox_state", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.create_index("ix_messages_inbox_state", ["borrower_id", "channel", "inbox_state"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index("ix_messages_inbox_state")
        batch_op.drop_column("inbox_state")
        batch_op.drop_column("inbox_created")
        batch_op.drop_column("withdraws_id")
        batch_op.drop_column("withdrawn_at")
        batch_op.drop_column("snoozed_until")
        batch_op.drop_column("replied_at")
        batch_op.drop_column("clicked_at")
        batch_op.drop_column("delivered_at")

    with op.batch_alter_table("delivery_attempts", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_attempts_reference")
        batch_op.drop_column("units")

    with op.batch_alter_table("agenda", schema=None) as batch_op:
        batch_op.drop_column("inbox_state")

    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_index("ix_letters_message_id")
        batch_op.drop_index("ix_letters_borrower_id")
        batch_op.drop_index("ix_letters_batch_id")

    op.drop_table("letters")
    with op.batch_alter_table("conversation_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_conversation_messages_conversation_id")

    op.drop_table("conversation_messages")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index("ix_conversations_status")
        batch_op.drop_index("ix_conversations_borrower_id")

    op.drop_table("conversations")
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_index("ix_calls_borrower_id")

    op.drop_table("calls")
    op.drop_table("subscription_credits")
    op.drop_table("provider_tokens")
    op.drop_table("provider_templates")
    op.drop_table("letter_batches")
    op.drop_table("endpoint_links")
    with op.batch_alter_table("delivery_receipts", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_receipts_outcome")
        batch_op.drop_index("ix_delivery_receipts_message_id")

    op.drop_table("delivery_receipts")
