"""Files as bodies of requests and of answers: read to the byte that was announced, given out to be kept and never shown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import quote

from flask import Response, abort, current_app, request

from app.domain.attachments import RULES
from app.domain.errors import refused_at
from app.services.attachments import DOWNLOAD_TYPE, Download
from app.web.answers import repr_digest

View = TypeVar("View", bound=Callable[..., Any])
_CHUNK = 64 * 1024
_FIELDS = 64 * 1024
"""So much room is left for the other fields of a form with files."""
_SANDBOX = "default-src 'none'; frame-ancestors 'none'; sandbox"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)


def takes_files(view: View) -> View:
    """Say of a form's view that it takes files, all together as large as one may be. Put it under `permits`."""
    view._takes_files = True  # type: ignore[attr-defined]
    return view


def make_room() -> None:
    """Let a form with files be as large as they are, before its fields are read; the others stay within 1 MiB.

    Its bytes stay in memory: by default they would lie on the disk, unsealed, while the request lasts.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "_takes_files", False):
        request.max_content_length = RULES.most_bytes + _FIELDS
        request._get_file_stream = lambda *_args, **_kwargs: BytesIO()  # type: ignore[method-assign]


def uploads(name: str) -> list[Upload]:
    """Return the files that were chosen in a field of the form."""
    return [Upload(each.filename, each.read()) for each in request.files.getlist(name) if each.filename]


def file_body(size_bytes: int) -> bytes:
    """Read a body of exactly so many bytes, and not one more than is needed to see that it is another."""
    request.max_content_length = RULES.most_bytes
    if (request.content_length or 0) > RULES.most_bytes:
        abort(413)
    if request.content_length not in (None, size_bytes):
        raise refused_at("/headers/Content-Length", f"This file was announced with {size_bytes} bytes.")
    content = bytearray()
    while len(content) <= size_bytes and (part := request.stream.read(min(_CHUNK, size_bytes + 1 - len(content)))):
        content += part
    return bytes(content)


def kept_file(found: Download) -> Response:
    """Return a file as one to be kept: no browser opens it, no store on the way holds it."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._- ") else "_" for char in found.name)
    response = Response(found.content, 200, content_type=DOWNLOAD_TYPE)
    response.headers["Content-Disposition"] = (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    )
    response.headers["Content-Security-Policy"] = _SANDBOX
    response.headers["Cache-Control"] = "no-store"
    response.headers["Repr-Digest"] = repr_digest(found.content)
    if not found.is_scanned:
        response.headers["Warning"] = '199 - "No scanner has looked at this file"'
    return response
