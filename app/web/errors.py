"""Every error as RFC 9457 problem+json: ours by the table, Flask's and the database's alike."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson
from flask import Flask, Response, g
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from app import logs
from app.domain.errors import DomainError, FieldError
from app.web.languages import request_locale
from app.web.problems import CODE_OF_STATUS, PROBLEMS
from app.wording.refusal_words import fields_in_words, refused_in_words

PROBLEM_TYPE = "application/problem+json"
_BUSY_SECONDS = 5
_MOST_ERRORS = 100
"""So many wrong fields are named; a body with more of them must not make the answer large."""
_LOCATIONS = {"json": "", "query": "/query", "querystring": "/query", "headers": "/headers"}


def init_errors(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(DomainError, _domain_error)
    app.register_error_handler(HTTPException, http_error)
    for kind in (OperationalError, InterfaceError, PoolTimeoutError):
        app.register_error_handler(kind, _database_error)
    app.register_error_handler(Exception, _unexpected_error)


def problem_response(
    code: str,
    *,
    detail: str | None = None,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the problem. `detail` and `errors` are in the answer's language; without a detail the table's words stand."""
    problem = PROBLEMS.get(code) or PROBLEMS["internal"]
    g.problem = code
    locale = request_locale()
    words = problem.words(locale)
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": words.title,
        "status": problem.status,
        "detail": logs.redact_text(detail) if detail else words.detail,
        "instance": g.get("request_id", "unknown"),
        "code": code,
    }
    listed = [
        {"pointer": logs.redact_text(error.pointer), "code": error.code, "detail": logs.redact_text(error.detail)}
        for error in islice(errors, _MOST_ERRORS)
    ]
    if listed:
        body["errors"] = listed
    response = Response(orjson.dumps(body), problem.status, content_type=PROBLEM_TYPE)
    response.headers["Content-Language"] = locale
    response.headers["Cache-Control"] = "no-store"
    if problem.status == 401:
        hint = "" if code == "unauthenticated" else ', error="invalid_token"'
        response.headers["WWW-Authenticate"] = f'Bearer realm="duecourse"{hint}'
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def _domain_error(error: DomainError) -> Response:
    headers = {}
    wait = error.facts.get("retry_after_seconds")
    if isinstance(wait, int | float):
        headers["Retry-After"] = str(max(1, -int(-wait // 1)))
    max_age = error.facts.get("max_age_seconds")
    if isinstance(max_age, int):  # RFC 9470 section 3
        challenge = 'error="insufficient_user_authentication", error_description="A fresh one-time code is needed."'
        headers["WWW-Authenticate"] = f'Bearer realm="duecourse", {challenge}, max_age="{max_age}"'
    detail, errors = refused_in_words(error, request_locale())
    return problem_response(error.code, detail=detail, errors=errors, headers=headers)


def http_error(error: HTTPException) -> Response:
    """Return Flask's, Werkzeug's and webargs's errors as problems, with the headers they came with (Allow ...)."""
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    data = getattr(error, "data", None) or {}
    messages = data.get("messages")
    code = CODE_OF_STATUS.get(error.code, "bad-request" if error.code < 500 else "internal")
    if error.code == 400 and messages:
        code = "malformed-json"
    headers = {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length", "content-language", "www-authenticate")
    }
    listed = fields_in_words(field_errors(messages), request_locale()) if error.code == 422 and messages else ()
    return problem_response(code, errors=listed, headers=headers)


def field_errors(messages: Mapping[str, Any]) -> Iterator[FieldError]:
    """Turn marshmallow's nested messages into pointers (RFC 6901). Query parameters are under /query."""
    for location, tree in messages.items():
        yield from _walk(_LOCATIONS.get(location, f"/{location}"), tree)


def _walk(pointer: str, tree: Any) -> Iterator[FieldError]:
    if isinstance(tree, Mapping):
        for key, below in tree.items():
            step = "" if key == "_schema" else "/" + str(key).replace("~", "~0").replace("/", "~1")
            yield from _walk(pointer + step, below)
    else:
        for text in tree if isinstance(tree, list | tuple) else [tree]:
            yield FieldError(pointer, _code_of(str(text)), str(text))


def _code_of(text: str) -> str:
    if text.startswith("Missing data"):
        return "required"
    return "unknown-field" if text.startswith("Unknown field") else "invalid"


def _database_error(error: Exception) -> Response:
    logs.logger().error("database not available", kind=type(error).__name__, exc_info=error)
    return problem_response("maintenance", headers={"Retry-After": str(_BUSY_SECONDS)})


def _unexpected_error(error: Exception) -> Response:
    logs.logger().error("unhandled error", kind=type(error).__name__, exc_info=error)
    return problem_response("internal")
