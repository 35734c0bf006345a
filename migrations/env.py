"""Alembic's environment: one transaction, a short lock time-out, and never two migrations at once."""

from alembic import context
from sqlalchemy import Engine, text

from app.persistence.db import Base

ADVISORY_LOCK = 0x64756563  # "duec": held while migrating, so that two starting processes take turns


def _include(_object: object, name: str | None, type_: str, _reflected: bool, _compare_to: object) -> bool:
    return not (type_ == "table" and name == "alembic_version")


_PLAIN_TYPES = {
    "Id": 'sa.String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")',
    "Instant": "sa.BigInteger()",
    "Json": "sa.Text()",
}


def _render(kind: str, item: object, autogen_context: object) -> str | bool:
    """Write our own column types as plain ones: a migration must not change when the program does."""
    plain = _PLAIN_TYPES.get(type(item).__name__) if kind == "type" else None
    if plain and "postgresql" in plain:
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")  # type: ignore[attr-defined]
    return plain or False


def run(engine: Engine) -> None:
    """Migrate on one connection and commit once."""
    with engine.connect().execution_options(duecourse_writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK})
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_object=_include,
            render_item=_render,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run(context.config.attributes["engine"])
