"""Column types that read the same on SQLite and PostgreSQL."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, Dialect, LargeBinary, String, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.domain.times import from_micros, to_micros


class Id(TypeDecorator[str]):
    """A UUIDv7 as 36 characters of text in Python; PostgreSQL's uuid, or CHAR(36) on SQLite."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the native type of the engine."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(String(36))


class Instant(TypeDecorator[datetime]):
    """An instant in UTC, stored as microseconds since 1970: compares and indexes alike on both engines (ADR 0003)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Refuse naive datetimes: subtracting the aware epoch from one raises TypeError."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime in UTC."""
        return _read_instant(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Read without SQLAlchemy's layer between, which takes longer than the reading: both engines give an int."""
        return _read_instant


def _read_instant(value: int | None) -> datetime | None:
    return None if value is None else from_micros(value)


class Json(TypeDecorator[Any]):
    """JSON as text, by orjson: small, read whole, never queried inside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write compact JSON with sorted keys, so that equal values are equal text."""
        return None if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read what was written."""
        return _read_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Read without SQLAlchemy's layer between, as `Instant` does."""
        return _read_json


def _read_json(value: str | None) -> Any:
    return None if value is None else orjson.loads(value)


Sealed = LargeBinary
"""Personal data as `vault.Vault.seal` made it."""
