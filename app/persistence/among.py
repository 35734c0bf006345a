"""`among`: whether a column is one of a list of ids, in a statement whose text stays the same however long the list.

`IN` with a parameter per value is written and read anew for every batch, by SQLAlchemy, the driver and the planner; this is
one parameter: an array on PostgreSQL, JSON on SQLite. Both use the column's index.
"""

from typing import Any

import orjson
from sqlalchemy import BindParameter, Dialect, Text, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _IdList(TypeDecorator[Any]):
    """A list of ids as one parameter."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the native type of the engine."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(postgresql.UUID(as_uuid=False)))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Take any collection of ids."""
        return list(value) if dialect.name == "postgresql" else orjson.dumps(list(value)).decode()


def ids_named(name: str) -> BindParameter[Any]:
    """Return a parameter that takes a collection of ids."""
    return bindparam(name, type_=_IdList())


class among(FunctionElement[bool]):
    """`among(column, ids_named("b_ids"))` where the column holds ids; a condition, not a value to select."""

    inherit_cache = True
    # It has no type: SQLAlchemy would compare a Boolean with 1 on SQLite, and then no index serves it.


@compiles(among, "postgresql")
def _with_array(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **options)} = ANY ({compiler.process(ids, **options)})"


@compiles(among, "sqlite")
def _with_json(element: among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = element.clauses
    listed = compiler.process(ids, **options)
    return f"{compiler.process(column, **options)} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - no values
