"""What may come in and go out: JSON in UTF-8, at most 1 MiB in; a few views take a file, or can answer with one."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, NoReturn

import orjson
from flask import Request, abort, current_app, request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from webargs.flaskparser import abort as abort_with
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

_TYPES = ("application/json", "application/problem+json")
_MERGE_PATCH = "application/merge-patch+json"
_UNKNOWN = ["Unknown field."]
"""What marshmallow says of a field that no schema has."""


def check_media() -> None:
    """Refuse an Accept we cannot meet (406) and a body that is not JSON (415)."""
    environ = request.environ
    accept = environ.get("HTTP_ACCEPT")
    if accept and not accepts_json(accept) and not _offers_file(accept):
        abort(406)
    if environ.get("CONTENT_LENGTH", "") in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
        return
    if not is_json(request) and request.mimetype not in _takes_files():
        abort(415)


@lru_cache(maxsize=1024)
def accepts_json(accept: str) -> bool:
    """Return whether JSON answers meet this Accept value (RFC 9110)."""
    parsed = _parsed(accept)
    return not parsed or parsed.best_match(_TYPES) is not None


def prefers(media_type: str) -> bool:
    """Return whether the caller would rather have this than JSON (RFC 9110); JSON where both are as good."""
    accept = request.environ.get("HTTP_ACCEPT")
    return accept is not None and _parsed(accept).best_match(("application/json", media_type)) == media_type


def _takes_files() -> Sequence[str]:
    """Return the media types that the view asked for takes as files, by `Door.takes_file`; mostly none."""
    view = current_app.view_functions.get(request.endpoint or "")
    found: Sequence[str] = getattr(view, "_apidoc", {}).get("file_types", ())
    return found


def _offers_file(accept: str) -> bool:
    """Return whether the view asked for says, by `answers(files=...)`, that it has what this Accept value wants."""
    view = current_app.view_functions.get(request.endpoint or "")
    files = getattr(view, "_apidoc", {}).get("answers", {}).get("files", ())
    return _parsed(accept).best_match(files) is not None


def _parsed(accept: str) -> MIMEAccept:
    return parse_accept_header(accept[:500], MIMEAccept)


def is_json(req: Request) -> bool:
    """Return whether the body says it is JSON in UTF-8 (merge patch too, on PATCH)."""
    allowed = ("application/json", _MERGE_PATCH) if req.method == "PATCH" else ("application/json",)
    charset = req.mimetype_params.get("charset", "utf-8").lower()
    return req.mimetype in allowed and charset in ("utf-8", "utf8")


def refuse_query() -> None:
    """Refuse whatever stands in the query of a request to a view that asks for nothing there."""
    unknown = {name: ["Unknown field. Nothing is asked for in the query here."] for name in request.args}
    if unknown:
        abort_with(422, messages={"query": unknown})


class StrictParser(FlaskParser):
    """Reads bodies by orjson: no NaN, no lone surrogates, and 415 for a body without its media type.

    What nobody asked for is refused with the name that may be meant.
    """

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Mapping[str, str] | None,
    ) -> NoReturn:
        """Answer 422."""
        hinted = {location: _with_hints(tree, [*schema.fields]) for location, tree in error.messages_dict.items()}
        raised = ValidationError(hinted)
        super().handle_error(raised, req, schema, error_status_code=error_status_code, error_headers=error_headers)

    def _raw_load_json(self, req: Request) -> Any:
        if not is_json(req):
            abort(415)
        body = req.get_data(cache=True)
        if req.content_length is None and len(body) >= (req.max_content_length or 0):
            abort(413)  # a body without a length is cut at the limit, and Werkzeug says nothing
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            _malformed(error)


def _with_hints(tree: Any, names: list[str]) -> Any:
    """Return the messages of one location with the nearest of `names` beside each field that has an unknown one."""
    if not isinstance(tree, Mapping):
        return tree
    hinted = dict(tree)
    for name, messages in tree.items():
        near = get_close_matches(str(name), names, 1)
        if messages == _UNKNOWN and near:
            hinted[name] = [f"{_UNKNOWN[0]} Did you mean {near[0]}?"]
    return hinted


def _malformed(error: Exception) -> NoReturn:
    abort_with(400, exc=error, messages={"json": ["This is not JSON."]})
