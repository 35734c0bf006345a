"""What dated facts were before they were told otherwise, so that a frozen bulletin can be counted as it was known."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_TABLE = "fact_revisions"
_REFUSED = f"{_TABLE} is append-only"
_KEPT = ("id", "fact", "row_id", "before_at", "before_word", "revised_at")


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        _TABLE,
        sa.Column("id", ident, nullable=False),
        sa.Column("fact", sa.String(length=24), nullable=False),
        sa.Column("row_id", ident, nullable=False),
        sa.Column("before_at", sa.BigInteger(), nullable=True),
        sa.Column("before_word", sa.String(length=24), nullable=True),
        sa.Column("revised_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
    )
    op.create_index(f"ix_{_TABLE}_fact", _TABLE, ["fact", "revised_at"])
    op.create_index(f"ix_{_TABLE}_row_id", _TABLE, ["row_id", "fact", "revised_at"])
    for statement in _sqlite() if op.get_bind().dialect.name == "sqlite" else _postgresql():
        op.execute(statement)


def _sqlite() -> list[str]:
    abort = f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    changed = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in _KEPT)
    return [
        f"CREATE TRIGGER {_TABLE}_are_never_deleted BEFORE DELETE ON {_TABLE} {abort}",
        f"CREATE TRIGGER {_TABLE}_are_never_changed BEFORE UPDATE ON {_TABLE} WHEN {changed} {abort}",
    ]


def _postgresql() -> list[str]:
    return [
        f"CREATE FUNCTION {_TABLE}_are_kept() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END; $$ "
        "LANGUAGE plpgsql",
        f"CREATE TRIGGER {_TABLE}_are_kept BEFORE UPDATE OR DELETE ON {_TABLE} "
        f"FOR EACH ROW EXECUTE FUNCTION {_TABLE}_are_kept()",
        f"CREATE TRIGGER {_TABLE}_are_never_emptied BEFORE TRUNCATE ON {_TABLE} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {_TABLE}_are_kept()",
    ]


def downgrade() -> None:
    op.drop_table(_TABLE)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {_TABLE}_are_kept()")
