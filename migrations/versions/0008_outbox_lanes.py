"""Lanes of the outbox: one per channel, one for silent withdrawals; a message is withdrawn once."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WAITS = "state IN ('queued', 'sending', 'stale')"


def _index(name: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, "messages", columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.drop_index("ix_messages_ordinary", table_name="messages")
    _index(
        "ix_messages_ordinary",
        ["channel", "next_attempt_at", "id"],
        f"{_WAITS} AND message_class <> 'security' AND message_class <> 'withdrawal'",
    )
    _index("ix_messages_withdrawal", ["next_attempt_at", "id"], f"{_WAITS} AND message_class = 'withdrawal'")
    _index("ix_messages_withdraws_id", ["withdraws_id"], "withdraws_id IS NOT NULL", unique=True)


def downgrade() -> None:
    op.drop_index("ix_messages_withdraws_id", table_name="messages")
    op.drop_index("ix_messages_withdrawal", table_name="messages")
    op.drop_index("ix_messages_ordinary", table_name="messages")
    _index("ix_messages_ordinary", ["next_attempt_at", "id"], f"{_WAITS} AND message_class <> 'security'")
