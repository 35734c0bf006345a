"""Bulletins, triggers that keep what is frozen as it is, and the indexes by which a period is read quickly."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_MAY_CHANGE = ("state", "published_by", "published_at")
_COLUMNS = (
    "id", "lender_id", "first_on", "last_on", "zone", "state", "corrects_id", "note", "made_by", "made_at", "frozen_by",
    "frozen_at", "chain_no", "smallest_cell", "document", "sha256", "signature", "published_by", "published_at",
)  # fmt: skip
_KEPT = tuple(name for name in _COLUMNS if name not in _MAY_CHANGE)
_REFUSED = "a frozen bulletin is never changed"
_SQLITE = (
    "CREATE TRIGGER bulletins_are_never_deleted BEFORE DELETE ON bulletins WHEN OLD.frozen_at IS NOT NULL "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
    "CREATE TRIGGER bulletins_are_never_changed BEFORE UPDATE ON bulletins WHEN OLD.published_at IS NOT NULL "
    "OR (OLD.frozen_at IS NOT NULL AND ("
    + " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in _KEPT)
    + f")) BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
    "CREATE TRIGGER bulletin_figures_are_never_deleted BEFORE DELETE ON bulletin_figures "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
    "CREATE TRIGGER bulletin_figures_are_never_changed BEFORE UPDATE ON bulletin_figures "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END",
)
_CHANGED = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _KEPT)
_POSTGRESQL = (
    f"""CREATE FUNCTION bulletins_stay_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
        IF TG_OP = 'DELETE' THEN
            IF OLD.frozen_at IS NOT NULL THEN RAISE EXCEPTION '{_REFUSED}'; END IF;
            RETURN OLD;
        END IF;
        IF OLD.published_at IS NOT NULL OR (OLD.frozen_at IS NOT NULL AND ({_CHANGED})) THEN
            RAISE EXCEPTION '{_REFUSED}';
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION bulletin_figures_stay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{_REFUSED}';
    END $$""",
    "CREATE TRIGGER bulletins_are_never_changed BEFORE UPDATE OR DELETE ON bulletins "
    "FOR EACH ROW EXECUTE FUNCTION bulletins_stay_frozen()",
    "CREATE TRIGGER bulletins_are_never_emptied BEFORE TRUNCATE ON bulletins "
    "FOR EACH STATEMENT EXECUTE FUNCTION bulletins_stay_frozen()",
    "CREATE TRIGGER bulletin_figures_are_never_changed BEFORE UPDATE OR DELETE ON bulletin_figures "
    "FOR EACH ROW EXECUTE FUNCTION bulletin_figures_stay()",
    "CREATE TRIGGER bulletin_figures_are_never_emptied BEFORE TRUNCATE ON bulletin_figures "
    "FOR EACH STATEMENT EXECUTE FUNCTION bulletin_figures_stay()",
)


def upgrade() -> None:
    ident = sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")
    op.create_table(
        "bulletins",
        sa.Column("id", ident, nullable=False),
        sa.Column("lender_id", ident, nullable=True),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("corrects_id", ident, nullable=True),
        sa.Column("note", sa.String(length=400), nullable=True),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("frozen_by", sa.String(length=80), nullable=True),
        sa.Column("frozen_at", sa.BigInteger(), nullable=True),
        sa.Column("chain_no", sa.Integer(), nullable=True),
        sa.Column("smallest_cell", sa.Integer(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("signature", sa.String(length=88), nullable=True),
        sa.Column("published_by", sa.String(length=80), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["lender_id"], ["lenders.id"], name=op.f("fk_bulletins_lender_id_lenders")),
        sa.ForeignKeyConstraint(["corrects_id"], ["bulletins.id"], name=op.f("fk_bulletins_corrects_id_bulletins")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulletins")),
    )
    op.create_index("ix_bulletins_chain_no", "bulletins", ["chain_no"], unique=True)
    op.create_index("ix_bulletins_published_at", "bulletins", ["published_at", "id"])
    op.create_index("ix_bulletins_lender_id", "bulletins", ["lender_id", "made_at", "id"])
    op.create_table(
        "bulletin_figures",
        sa.Column("bulletin_id", ident, nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("cell", sa.String(length=120), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("hidden", sa.String(length=12), nullable=True),
        sa.ForeignKeyConstraint(["bulletin_id"], ["bulletins.id"], name=op.f("fk_bulletin_figures_bulletin_id_bulletins")),
        sa.PrimaryKeyConstraint("bulletin_id", "key", "cell", "currency", name=op.f("pk_bulletin_figures")),
    )
    # Appended in the order of their instants: a summary of page ranges costs a write next to nothing.
    op.create_index("ix_messages_sent_at", "messages", ["sent_at"], postgresql_using="brin")
    op.create_index("ix_ledger_entries_effective_on", "ledger_entries", ["effective_on"], postgresql_using="brin")
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    op.drop_index("ix_ledger_entries_effective_on", "ledger_entries")
    op.drop_index("ix_messages_sent_at", "messages")
    op.drop_table("bulletin_figures")
    op.drop_table("bulletins")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION bulletin_figures_stay()")
        op.execute("DROP FUNCTION bulletins_stay_frozen()")
