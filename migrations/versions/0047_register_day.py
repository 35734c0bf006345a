"""Register files tell the amounts of their day: the line as it was handed over, and who was held back; sealed reasons.

A line is written once, when its file is made; from then on it stays like everything else of its event. The reason of a
declined report was kept as plain text: what is written from now on is sealed, and the old column is still read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_EVENTS = "register_report_events"
_FILES = "register_files"
_REFUSED = "is append-only"


def upgrade() -> None:
    op.add_column(_EVENTS, sa.Column("told_sealed", sa.LargeBinary(), nullable=True))
    op.add_column(_EVENTS, sa.Column("told_sha256", sa.String(length=64), nullable=True))
    op.add_column(_FILES, sa.Column("columns", sa.Text(), nullable=True))
    op.add_column(_FILES, sa.Column("held_back", sa.Text(), nullable=True))
    op.add_column("register_reports", sa.Column("declined_reason_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("register_reports", sa.Column("stated_at", sa.BigInteger(), nullable=True))
    for statement in _sqlite() if op.get_bind().dialect.name == "sqlite" else _postgresql():
        op.execute(statement)


def downgrade() -> None:
    for table in (_EVENTS, _FILES):
        if op.get_bind().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER {table}_are_told_once")
        else:
            op.execute(f"DROP TRIGGER {table}_are_told_once ON {table}")
            op.execute(f"DROP FUNCTION {table}_told()")
    op.drop_column("register_reports", "stated_at")
    op.drop_column("register_reports", "declined_reason_sealed")
    op.drop_column(_FILES, "held_back")
    op.drop_column(_FILES, "columns")
    op.drop_column(_EVENTS, "told_sha256")
    op.drop_column(_EVENTS, "told_sealed")


def _sqlite() -> list[str]:
    said = {
        _EVENTS: 'OLD."told_sealed" IS NOT NULL AND (NEW."told_sealed" IS NOT OLD."told_sealed" '
        'OR NEW."told_sha256" IS NOT OLD."told_sha256")',
        _FILES: 'NEW."columns" IS NOT OLD."columns" OR NEW."held_back" IS NOT OLD."held_back"',
    }
    return [
        f"CREATE TRIGGER {table}_are_told_once BEFORE UPDATE ON {table} WHEN {changed} "
        f"BEGIN SELECT RAISE(ABORT, '{table} {_REFUSED}'); END"
        for table, changed in said.items()
    ]


def _postgresql() -> list[str]:
    said = {
        _EVENTS: "OLD.told_sealed IS NOT NULL AND (NEW.told_sealed IS DISTINCT FROM OLD.told_sealed "
        "OR NEW.told_sha256 IS DISTINCT FROM OLD.told_sha256)",
        _FILES: "NEW.columns IS DISTINCT FROM OLD.columns "
        "OR NEW.held_back IS DISTINCT FROM OLD.held_back",
    }
    found = []
    for table, changed in said.items():
        found += [
            f"""CREATE FUNCTION {table}_told() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF {changed} THEN RAISE EXCEPTION '{table} {_REFUSED}'; END IF;
                RETURN NEW;
            END $$""",
            f"CREATE TRIGGER {table}_are_told_once BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_told()",
        ]
    return found
