"""What a frozen credit report was read from, so that the month after it knows whether that is still the same."""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_REFUSED = "what was frozen of a credit report never changes"
_MARKS = ("people_mark", "terms_mark")
_KEPT = (
    "snapshot_id", "loan_id", "borrower_id", "kind", "reason", "rule", "notice_message_id", "mark", "status",
    "first_delinquency_on", "history", "last_snapshot_id", "account", "sha256",
)  # fmt: skip


def upgrade() -> None:
    for name in _MARKS:
        op.add_column("credit_reports", sa.Column(name, sa.String(length=64), nullable=True))
    _keep((*_KEPT, *_MARKS))


def downgrade() -> None:
    _keep(_KEPT)
    for name in reversed(_MARKS):
        op.drop_column("credit_reports", name)


def _keep(names: tuple[str, ...]) -> None:
    """Let the trigger refuse a change of any of these columns."""
    if op.get_bind().dialect.name == "sqlite":
        changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in names)
        op.execute("DROP TRIGGER credit_reports_are_never_changed")
        op.execute(
            "CREATE TRIGGER credit_reports_are_never_changed BEFORE UPDATE ON credit_reports "
            f"WHEN NEW.people_sealed IS NOT NULL OR {changed} BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )
        return
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in names)
    op.execute(f"""CREATE OR REPLACE FUNCTION credit_reports_are_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'UPDATE' THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
        IF NEW.people_sealed IS NOT NULL OR {changed} THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
        RETURN NEW;
    END $$""")
