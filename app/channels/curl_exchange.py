"""One request at a time on one libcurl handle: how it is set up, what its end means.

libcurl sends a POST again by itself when a connection that it used before ends without an answer, though the first copy may
have been acted upon. (`CURLOPT_FORBID_RETRY_ON_REUSE` is not in the versions we run on.) The hook that it calls before each
sending lets only the first one pass.
"""

import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import certifi
import pycurl

from app.channels.http_transport import MAX_ANSWER_BYTES, Failure, HttpAnswer, HttpRequest

_REASONS = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "connect_refused",
    pycurl.E_COULDNT_RESOLVE_HOST: "unknown_host",
    pycurl.E_PEER_FAILED_VERIFICATION: "certificate_refused",
    pycurl.E_SSL_CONNECT_ERROR: "tls_failed",
    pycurl.E_ABORTED_BY_CALLBACK: "connection_lost",  # it would have been sent again
    pycurl.E_SEND_ERROR: "connection_lost",
    pycurl.E_RECV_ERROR: "connection_lost",
    pycurl.E_GOT_NOTHING: "connection_lost",
}


class Posting:
    """The requests of one call, and their answers as they come."""

    __slots__ = ("answers", "done", "left", "requests")

    def __init__(self, requests: Sequence[HttpRequest]) -> None:
        self.requests = requests
        self.answers: list[HttpAnswer | None] = [None] * len(requests)
        self.left = len(requests)
        self.done = threading.Event()

    def put(self, place: int, answer: HttpAnswer) -> None:
        """Keep the answer to one request; with the last one the call is done."""
        self.answers[place] = answer
        self.left -= 1
        if not self.left:
            self.done.set()

    def give_up(self, failure: Failure) -> None:
        """End the call: what has no answer now gets none."""
        self.answers = [answer or HttpAnswer(0, failure=failure, reason="internal") for answer in self.answers]
        self.done.set()


class Exchange:
    """A handle that is set up once and used again and again: libcurl makes little of a request whose like it knows."""

    __slots__ = (
        "_body_bytes",
        "_chunks",
        "_headers",
        "_lines",
        "_method",
        "_path",
        "_sendings",
        "_url",
        "curl",
        "place",
        "posting",
    )

    def __init__(self, url: str, options: Sequence[tuple[int, Any]]) -> None:
        self.curl = pycurl.Curl()
        self.posting: Posting | None = None
        self.place = 0
        self._url = url
        self._path: str | None = None
        self._method = "POST"
        self._headers: Mapping[str, str] | None = None
        self._body_bytes = 0
        self._sendings = 0
        self._chunks: list[bytes] = []
        self._lines: list[bytes] = []
        for option, value in options:
            self.curl.setopt(option, value)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._chunks.append)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        self.curl.setopt(pycurl.PREREQFUNCTION, self._may_send)
        self.curl.exchange = self

    def load(self, posting: Posting, place: int) -> None:
        """Take up the request at this place of a posting. The requests of a batch share path and headers."""
        request = posting.requests[place]
        self.posting, self.place = posting, place
        self._sendings = 0
        self._body_bytes = len(request.body)
        self._chunks.clear()
        self._lines.clear()
        if request.method != self._method:
            self._method = request.method
            self.curl.setopt(pycurl.HTTPGET if request.method == "GET" else pycurl.POST, 1)
            self.curl.unsetopt(pycurl.CUSTOMREQUEST)
            if request.method not in ("GET", "POST"):
                self.curl.setopt(pycurl.CUSTOMREQUEST, request.method)
        if request.path != self._path:
            self._path = request.path
            self.curl.setopt(pycurl.URL, self._url + request.path)
        if request.headers is not self._headers:
            self._headers = request.headers
            lines = [f"{name}: {value}" for name, value in request.headers.items()]
            self.curl.setopt(pycurl.HTTPHEADER, [*lines, "Expect:", "Accept:"])
        if request.method != "GET":
            self.curl.setopt(pycurl.POSTFIELDS, request.body)

    def answer(self) -> HttpAnswer:
        """Return what came back, whole."""
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        return HttpAnswer(self.curl.getinfo(pycurl.RESPONSE_CODE), Headers(self._lines[:]), body)

    def failure(self, code: int) -> HttpAnswer:
        """Return what a transfer that ended with an error means."""
        if self._lines[-1:] == [b"\r\n"] and (status := self.curl.getinfo(pycurl.RESPONSE_CODE)) >= 200:
            # The status is known, and the adapter decides by that; of a body without end the beginning is kept.
            body = b"".join(self._chunks)[:MAX_ANSWER_BYTES] if code == pycurl.E_FILESIZE_EXCEEDED else b""
            return HttpAnswer(status, Headers(self._lines[:]), body)
        return HttpAnswer(0, failure=self._how_far(), reason=_REASONS.get(code, f"curl_{code}"))

    def _how_far(self) -> Failure:
        """Tell what surely did not leave whole from what may have been acted upon.

        When a second sending was stopped, libcurl has forgotten how far the first one came.
        """
        if self._sendings == 0:
            return Failure.NEVER_SENT
        if self._sendings == 1 and self.curl.getinfo(pycurl.SIZE_UPLOAD_T) < self._body_bytes:
            return Failure.NEVER_SENT
        return Failure.AMBIGUOUS

    def _may_send(self, *_connection: object) -> int:
        self._sendings += 1
        allowed: int = pycurl.PREREQFUNC_OK if self._sendings == 1 else pycurl.PREREQFUNC_ABORT
        return allowed


class Headers(Mapping[str, str]):
    """Header lines as they came, read when somebody asks: of an accepted message nobody does. Names in lower case."""

    __slots__ = ("_lines", "_values")

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self._values: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, str]:
        if self._values is None:
            self._values = {}
            for line in self._lines:
                if line.startswith(b"HTTP/"):  # of several heads (100 Continue) the last one counts
                    self._values.clear()
                name, colon, value = line.decode("latin-1").partition(":")
                if colon:
                    self._values[name.strip().lower()] = value.strip()
        return self._values


def options_of(connect_seconds: float, total_seconds: float) -> list[tuple[int, Any]]:
    """Return what every handle is set up with."""
    return [
        (pycurl.POST, 1),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
        (pycurl.PIPEWAIT, 1),  # rather a stream on a connection that is being made than a connection of its own
        (pycurl.CONNECTTIMEOUT_MS, int(min(connect_seconds, total_seconds) * 1000)),
        (pycurl.TIMEOUT_MS, int(total_seconds * 1000)),
        (pycurl.MAXFILESIZE, MAX_ANSWER_BYTES),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.PROXY, ""),
        (pycurl.USERAGENT, "duecourse"),
        (pycurl.NOSIGNAL, 1),
        (pycurl.CAINFO, ssl.get_default_verify_paths().cafile or certifi.where()),
    ]
