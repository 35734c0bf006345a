"""Pages of long lists: by the same signed cursors as the API, bounded, with a link to the next one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request

from app.web.pagination import Key, page_answer, requested_key

SIZE = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list. `older`: address of the next one; `newest`: of the first, None on it."""

    items: Sequence[Any]
    older: str | None
    newest: str | None


def begin(**filters: Any) -> Key | None:
    """Return where the page that is asked for begins. Raises ValidationError for a cursor of another list."""
    return requested_key(_query(filters))


def after(**filters: Any) -> tuple[Any, str] | None:
    """Return the same as (instant, id), as queries take it."""
    key = begin(**filters)
    return None if key is None else (key.at, key.row_id)


def listed(
    rows: Sequence[Any], keys: Sequence[Key], *, size: int = SIZE, resume: Key | None = None, **filters: Any
) -> Listed:
    """Return a page out of up to `size` + 1 rows. `filters`: what the list was asked for, kept in the links."""
    found: Mapping[str, Any] = page_answer(rows, keys, {**_query(filters), "limit": size}, resume=resume).value
    kept = {name: value for name, value in filters.items() if value not in (None, "")}
    cursor = found["next_cursor"]
    older = None if cursor is None else f"{request.path}?{urlencode({**kept, 'cursor': cursor})}"
    newest = f"{request.path}?{urlencode(kept)}" if request.args.get("cursor") else None
    return Listed(found["items"], older, newest)


def one_of(name: str, known: Sequence[str], default: str | None = None) -> str | None:
    """Return a filter of the address if it is one of those known, else the default."""
    given = request.args.get(name, "")
    return given if given in known else default


def _query(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {**filters, "cursor": request.args.get("cursor")}
