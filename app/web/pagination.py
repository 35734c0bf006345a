"""Cursors: opaque, signed, and good only for the list, the filter and the person they were made for.

Keyset on (instant, id), newest first: a page never repeats or skips a row because another arrived.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import g, request

from app.domain.errors import FieldError, ValidationError
from app.domain.times import from_micros, to_micros
from app.persistence.db import vault
from app.persistence.vault import Vault
from app.web.answers import Answer


class Key(NamedTuple):
    """Where a page ends: the next one begins after it."""

    at: datetime
    row_id: str


def write_cursor(ring: Vault, key: Key, scope: str) -> str:
    """Return the cursor for rows after `key`. `scope` names principal, route and filter."""
    text = f"{ring.current_key_id}.{to_micros(key.at)}.{key.row_id}"
    return _encode(f"{text}.{_mac(ring, ring.current_key_id, text, scope)}")


def read_cursor(ring: Vault, cursor: str, scope: str) -> Key:
    """Return where the page begins. Raises ValidationError for anything `write_cursor` did not make for this scope."""
    try:
        text, _, mac = _decode(cursor).rpartition(".")
        key_id, micros, row_id = text.split(".")
        if key_id in ring.key_ids and hmac.compare_digest(mac.encode(), _mac(ring, key_id, text, scope).encode()):
            return Key(from_micros(int(micros)), row_id)
    except (ValueError, binascii.Error):
        pass
    wrong = FieldError("/query/cursor", "invalid", "Not a cursor of this list.")
    raise ValidationError("The cursor is not one of this list; begin again without it.", errors=(wrong,))


def requested_key(query: Mapping[str, Any]) -> Key | None:
    """Return where the requested page begins, None for the first page."""
    cursor = query.get("cursor")
    return read_cursor(vault(), cursor, _scope(query)) if cursor else None


def page_answer(
    rows: Sequence[Any], keys: Sequence[Key], query: Mapping[str, Any], *, resume: Key | None = None, **more: Any
) -> Answer:
    """Return a page out of up to limit + 1 rows: the extra one only says that there is a next page (RFC 8288).

    `resume`: where a search that stopped before the page was full goes on.
    """
    limit = query["limit"]
    if len(rows) > limit:
        resume = keys[limit - 1]
    if resume is None:
        return Answer({"items": rows, "next_cursor": None, **more})
    cursor, headers = next_page(resume, query)
    return Answer({"items": rows[:limit], "next_cursor": cursor, **more}, headers=headers)


def next_page(resume: Key, query: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the cursor of the page after `resume`, and the header that links to it."""
    cursor = write_cursor(vault(), resume, _scope(query))
    link = urlencode([*((k, v) for k, v in request.args.items(multi=True) if k != "cursor"), ("cursor", cursor)])
    return cursor, {"Link": f'<{request.path}?{link}>; rel="next"'}


def _scope(query: Mapping[str, Any]) -> str:
    filters = sorted((key, str(value)) for key, value in query.items() if key not in ("cursor", "limit"))
    principal = g.get("principal")  # a list that anybody reads has cursors of anybody
    whose = "public" if principal is None else principal.keyspace
    return f"{whose} {request.path} {filters}"


def _mac(ring: Vault, key_id: str, text: str, scope: str) -> str:
    return ring.mac("cursor", f"{text}\0{scope}", key_id=key_id)[:32]


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
