"""The audit trail as a chain of hashes, and triggers that keep it append-only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_KEPT = ("id", "at", "actor", "action", "borrower_id", "facts", "lender_id", "mac", "key_id")
_REFUSED = "the audit trail is append-only"
_SQLITE = (
    f"CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
    "CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit WHEN OLD.seq IS NOT NULL OR "
    + " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _KEPT)
    + f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
)
_CHANGED = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _KEPT)
_POSTGRESQL = (
    f"""CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP <> 'UPDATE' THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
        IF OLD.seq IS NOT NULL OR {_CHANGED} THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE ON audit "
    "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()",
    "CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()",
)


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.add_column("audit", sa.Column("lender_id", ident, nullable=True))
    op.add_column("audit", sa.Column("key_id", sa.String(length=16), nullable=True))
    op.add_column("audit", sa.Column("mac", sa.String(length=64), nullable=True))
    op.add_column("audit", sa.Column("seq", sa.BigInteger(), nullable=True))
    op.add_column("audit", sa.Column("chain", sa.String(length=64), nullable=True))
    op.create_index("ix_audit_seq", "audit", ["seq"], unique=True)
    unsealed = sa.text("seq IS NULL")
    op.create_index("ix_audit_unsealed", "audit", ["id"], postgresql_where=unsealed, sqlite_where=unsealed)
    op.create_index("ix_audit_at", "audit", ["at", "id"])
    op.create_table(
        "audit_heads",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.Column("keyed_from", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_heads")),
    )
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER audit_is_never_changed")
        op.execute("DROP TRIGGER audit_is_never_deleted")
    else:
        op.execute("DROP TRIGGER audit_is_never_emptied ON audit")
        op.execute("DROP TRIGGER audit_is_never_changed ON audit")
        op.execute("DROP FUNCTION audit_is_append_only()")
    op.drop_table("audit_heads")
    for index in ("ix_audit_at", "ix_audit_unsealed", "ix_audit_seq"):
        op.drop_index(index, table_name="audit")
    for column in ("chain", "seq", "mac", "key_id", "lender_id"):
        op.drop_column("audit", column)
