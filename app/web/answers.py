"""How a view's value becomes a response: JSON by orjson, an ETag on what can be read again, `no-store` on the rest."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Response, request
from flask.json.provider import JSONProvider
from marshmallow import Schema
from werkzeug.datastructures import Headers

from app.web.etag import PRIVATE, VARY, VARY_BY_MEDIA, body_etag, is_unchanged
from app.web.languages import request_locale

JSON_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A value with another status, or with headers. `dumped`: the value is JSON already, as kept for a replay."""

    value: Any
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    dumped: bool = False


class OrjsonProvider(JSONProvider):
    """Flask's JSON by orjson: keys in the order given, instants with a Z."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return the JSON text; `indent` makes it readable."""
        option = orjson.OPT_UTC_Z | (orjson.OPT_INDENT_2 if kwargs.get("indent") else 0)
        return orjson.dumps(obj, option=option).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Read JSON text."""
        return orjson.loads(s)


def dump_json(value: Any) -> bytes:
    """Return compact JSON in UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def respond(value: Any, schema: Schema | None, status: int) -> Response:
    """Return the response for a view's value; a Response goes through as it is."""
    if isinstance(value, Response):
        return value
    headers: Mapping[str, str] = {}
    if isinstance(value, Answer):
        schema = None if value.dumped else schema
        value, status, headers = value.value, value.status or status, value.headers
    if status == 204:
        return Response(status=204, headers=dict(headers))
    body = dump_json(schema.dump(value) if schema is not None else value)
    if request.method in ("GET", "HEAD"):
        response = cacheable(body, body_etag(request_locale(), body))
    else:
        response = Response(body, status, content_type=JSON_TYPE)
        response.headers["Content-Language"] = request_locale()
    for name, text in headers.items():
        response.headers[name] = text
    return response


class ReadyResponse(Response):
    """A response whose headers are complete: Werkzeug need not copy and complete them."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers as they are."""
        return self.headers


def file_answer(body: bytes, media_type: str, *, name: str) -> Response:
    """Return a file to be kept under `name`, whose SHA-256 is its ETag and its Repr-Digest (RFC 9530), or a 304."""
    response = cacheable(body, f'"{hashlib.sha256(body).hexdigest()}"')
    response.headers["Vary"] = VARY_BY_MEDIA
    response.headers["Repr-Digest"] = repr_digest(body)
    if response.status_code == 200:
        response.headers["Content-Type"] = media_type
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def personal_file(body: bytes, media_type: str, *, name: str) -> Response:
    """Return a file full of people's data, as `file_answer` does; no browser and nothing on the way keeps a copy."""
    response = file_answer(body, media_type, name=name)
    response.headers["Cache-Control"] = "no-store"
    return response


def repr_digest(body: bytes) -> str:
    """Return the value of Repr-Digest (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def cacheable(body: bytes, etag: str) -> Response:
    """Return a 200 with its ETag, or a 304 when the caller already has it."""
    headers = [
        ("ETag", etag),
        ("Cache-Control", PRIVATE),
        ("Vary", VARY),
        ("Content-Language", request_locale()),
    ]
    if is_unchanged(etag):
        return ReadyResponse(b"", 304, headers)
    return ReadyResponse(body, 200, [*headers, ("Content-Type", JSON_TYPE), ("Content-Length", str(len(body)))])
