"""Conversations at the desk: kinds, assignment, snoozing, notes, canned replies, service levels, attachments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_THREAD = (
    "lender_id", "kind", "loan_id", "subject_id", "heard_at", "language", "priority", "team", "assignee", "had_by",
    "restarted_at", "snoozed_until", "resolved_at", "first_answered_at", "first_due_at", "next_due_at", "resolution_due_at",
    "resolution_left_seconds", "first_breached_at", "next_breached_at", "resolution_breached_at", "due_at", "urgent_at",
    "unread", "staff_read_to", "borrower_read_to",
)  # fmt: skip
_INSTANTS = frozenset(name for name in _THREAD if name.endswith("_at")) | {"snoozed_until"}
_IDS = frozenset({"lender_id", "loan_id", "subject_id", "staff_read_to", "borrower_read_to"})
_TEXTS = {
    "kind": (12, "question"), "language": (16, "en"), "priority": (8, "normal"),
    "team": (40, None), "assignee": (80, None), "had_by": (80, None),
}  # fmt: skip


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    for name in _THREAD:
        op.add_column("conversations", _column(name, ident))
    # Threads from before are behind what has a target, by their last word.
    op.execute(sa.text("UPDATE conversations SET urgent_at = last_at + 3155760000000000, heard_at = last_at"))
    op.execute(sa.text("UPDATE conversations SET resolved_at = last_at WHERE status = 'resolved'"))
    op.create_index("ix_conversations_queue", "conversations", ["lender_id", "status", "urgent_at", "id"])
    op.create_index("ix_conversations_assignee", "conversations", ["lender_id", "assignee", "status"])
    op.create_index("ix_conversations_subject_id", "conversations", ["subject_id"])
    op.add_column("conversation_messages", sa.Column("quotes_id", ident, nullable=True))
    op.add_column("conversation_messages", sa.Column("attachments", sa.Text(), nullable=False, server_default="[]"))
    by = sa.Column("by", sa.String(length=80), nullable=False, server_default="borrower")
    op.add_column("attachments", by)
    op.create_table(
        "conversation_notes",
        sa.Column("id", ident, nullable=False),
        sa.Column("conversation_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("source_key", sa.String(length=240), nullable=False),
        sa.Column("author", sa.String(length=80), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_conversation_notes_conversation_id_conversations")
        ),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_conversation_notes_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation_notes")),
        sa.UniqueConstraint("source_key", name=op.f("uq_conversation_notes_source_key")),
    )
    op.create_index("ix_conversation_notes_conversation_id", "conversation_notes", ["conversation_id", "created_at"])
    op.create_table(
        "reply_copies",
        sa.Column("word_id", ident, nullable=False),
        sa.Column("conversation_id", ident, nullable=False),
        sa.Column("borrower_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("rule", sa.String(length=80), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("message_id", ident, nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_reply_copies_conversation_id_conversations")
        ),
        sa.ForeignKeyConstraint(
            ["word_id"], ["conversation_messages.id"], name=op.f("fk_reply_copies_word_id_conversation_messages")
        ),
        sa.PrimaryKeyConstraint("word_id", name=op.f("pk_reply_copies")),
    )
    op.create_index("ix_reply_copies_conversation_id", "reply_copies", ["conversation_id"])
    op.create_index("ix_reply_copies_message_id", "reply_copies", ["message_id"])
    op.create_table(
        "service_levels",
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_service_levels_lender_id_lenders")),
        sa.PrimaryKeyConstraint("lender_id", name=op.f("pk_service_levels")),
    )
    op.create_table(
        "canned_replies",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=True),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("sets_status", sa.String(length=12), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("written_by", sa.String(length=80), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=True),
        sa.Column("approved_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_canned_replies_lender_id_lenders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canned_replies")),
        sa.UniqueConstraint("lender_id", "key", name=op.f("uq_canned_replies_lender_id_key")),
    )
    op.create_table(
        "staff_absences",
        sa.Column("staff_id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_staff_absences_lender_id_lenders")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_accounts.id"], name=op.f("fk_staff_absences_staff_id_staff_accounts")),
        sa.PrimaryKeyConstraint("staff_id", "lender_id", name=op.f("pk_staff_absences")),
    )


def downgrade() -> None:
    for name in ("staff_absences", "canned_replies", "service_levels", "reply_copies", "conversation_notes"):
        op.drop_table(name)
    op.drop_column("attachments", "by")
    for name in ("quotes_id", "attachments"):
        op.drop_column("conversation_messages", name)
    for name in ("queue", "assignee", "subject_id"):
        op.drop_index(f"ix_conversations_{name}", "conversations")
    # Who is to read these with the code of before knows no such status.
    op.execute(sa.text("UPDATE conversations SET status = 'open' WHERE status = 'snoozed'"))
    for name in reversed(_THREAD):
        op.drop_column("conversations", name)


def _column(name: str, ident: sa.types.TypeEngine) -> sa.Column:
    if name == "urgent_at":
        return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
    if name == "unread":
        return sa.Column(name, sa.Integer(), nullable=False, server_default="0")
    if name in _INSTANTS:
        return sa.Column(name, sa.BigInteger(), nullable=True)
    if name in _IDS:
        return sa.Column(name, ident, nullable=True)
    if name == "resolution_left_seconds":
        return sa.Column(name, sa.Integer(), nullable=True)
    length, usual = _TEXTS[name]
    return sa.Column(name, sa.String(length=length), nullable=usual is None, server_default=usual)
