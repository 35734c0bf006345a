"""What an address of the console asks for besides its path: a day, a place to go on from."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import request
from marshmallow import Schema
from marshmallow import ValidationError as SchemaError

from app.domain.errors import ValidationError
from app.web.errors import field_errors
from app.web.pagination import Key, next_page, requested_key


def asked(schema: type[Schema]) -> dict[str, Any]:
    """Return the query by a schema; empty fields of a form count as not given. Raises ValidationError."""
    try:
        found: dict[str, Any] = schema().load({name: text for name, text in request.args.items() if text.strip()})
    except SchemaError as error:
        wrong = tuple(field_errors({"query": error.messages}))
        raise ValidationError("The address does not say what is asked.", errors=wrong) from None
    return found


def place(query: dict[str, Any]) -> tuple[Any, str] | None:
    """Return where a list goes on, None at its beginning. Raises ValidationError."""
    key = requested_key(query)
    return None if key is None else (key.at, key.row_id)


def older(resume: tuple[Any, str] | None, query: dict[str, Any]) -> str | None:
    """Return the address of the next page of this list; None: there is none."""
    if resume is None:
        return None
    cursor, _ = next_page(Key(*resume), query)
    return with_query(cursor=cursor)


def with_query(**changes: Any) -> str:
    """Return this page's address with other values in its query; None takes one away."""
    values = {**request.args.to_dict(), **changes}
    said = urlencode({name: _text(value) for name, value in values.items() if value is not None})
    return f"{request.path}?{said}" if said else request.path


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)
