"""One column says in which lane a message stands, in place of four indexes that had to look at its state at every change."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_WAITS = "state IN ('queued', 'sending', 'stale')"
_BEFORE = {
    "ix_messages_security": (["next_attempt_at", "id"], f"{_WAITS} AND message_class = 'security'"),
    "ix_messages_withdrawal": (["next_attempt_at", "id"], f"{_WAITS} AND message_class = 'withdrawal'"),
    "ix_messages_ordinary": (
        ["channel", "next_attempt_at", "id"],
        f"{_WAITS} AND message_class <> 'security' AND message_class <> 'withdrawal'",
    ),
    "ix_messages_untold": (
        ["next_attempt_at", "id"],
        "state IN ('uncertain', 'sent') AND channel IN ('sms', 'voice', 'wechat', 'letter')",
    ),
}


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "messages", columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.add_column("messages", sa.Column("lane", sa.String(16)))
    op.execute(f"""
        UPDATE messages SET lane =
          CASE WHEN message_class IN ('security', 'withdrawal') THEN message_class ELSE channel END
         WHERE {_WAITS}""")  # noqa: S608 - constants
    op.execute("""
        UPDATE messages SET lane = 'untold'
         WHERE state IN ('uncertain', 'sent') AND channel IN ('sms', 'voice', 'wechat', 'letter')""")
    for name in _BEFORE:
        op.drop_index(name, table_name="messages")
    _index("ix_messages_lane", ["lane", "next_attempt_at", "id"], "lane IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_messages_lane", table_name="messages")
    for name, (columns, where) in _BEFORE.items():
        _index(name, columns, where)
    op.drop_column("messages", "lane")
