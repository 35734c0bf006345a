"""HTTP to a provider: a fixed pool of threads, each with one kept-alive connection. One attempt per request.

The seam is one method, `Transport.post`. What matters about a failure is whether the request may have been acted upon:
`NEVER_SENT` surely was not, `AMBIGUOUS` may have been. Redirects are not followed and proxies are not used: a provider's
address is a setting, and what it answers is judged by the adapter.
"""

import http.client
import io
import select
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

from app import clock

MAX_ANSWER_BYTES = 256 * 1024
"""Of a body; what is beyond is not read: providers answer in hundreds."""
_LOOK_SECONDS = 0.05


class Failure(StrEnum):
    """Why there is no answer."""

    NEVER_SENT = "never_sent"
    """No connection, or the request did not leave whole: nobody can have acted upon it."""
    AMBIGUOUS = "ambiguous"
    """The whole request left and no answer came."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `path` begins with a slash and may hold a phone number in its query; headers may hold a credential.

    Neither is ever logged.
    """

    path: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back: `status` with headers (names in lower case) and body, or `status` 0 with the failure."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    """May be cut short when the connection broke after the status line."""
    failure: Failure | None = None
    reason: str | None = None
    """Name of the error behind a failure, e.g. "timeout", "ConnectionResetError"."""


class Transport(Protocol):
    """A way of posting to one provider."""

    at_once: int
    """Requests on the wire at the same moment; what is posted beyond waits for answers, while facts may change."""

    def post(self, requests: Sequence[HttpRequest]) -> list[HttpAnswer]:
        """Post each request once; one answer per request, in order. Never raises for what the network does."""
        ...

    def begin(self, requests: Sequence[HttpRequest]) -> Callable[[], list[HttpAnswer]]:
        """Begin to post, and return at once what waits for the answers."""
        ...

    def await_room(self, count: int) -> None:
        """Wait until so many more requests go to the wire at once when they are begun, instead of queueing here."""
        ...

    def close(self) -> None:
        """Close connections and threads."""
        ...


class PooledTransport:
    """Plain HTTP/1.1 to one origin over `threads` connections; in flight at once = threads."""

    def __init__(
        self, base_url: str, *, threads: int = 32, connect_seconds: float = 2.0, total_seconds: float = 12.0
    ) -> None:
        """`total_seconds` bounds one request from connecting to the last byte, also when bytes only drip in."""
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("A provider's base URL must be http(s)://host.")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port or (443 if self._secure else 80)
        self._prefix = parts.path.rstrip("/")
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._tls = ssl.create_default_context() if self._secure else None
        self.at_once = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="provider")
        self._local = threading.local()
        self._open: set[_Connection] = set()
        self._begun: list[Future[HttpAnswer]] = []
        self._lock = threading.Lock()

    def post(self, requests: Sequence[HttpRequest]) -> list[HttpAnswer]:
        """Post each request once, `threads` at a time."""
        return self.begin(requests)()

    def begin(self, requests: Sequence[HttpRequest]) -> Callable[[], list[HttpAnswer]]:
        """Begin to post; the return value waits for the answers."""
        begun = [self._pool.submit(self._post_one, request) for request in requests]
        with self._lock:
            self._begun = [each for each in self._begun if not each.done()] + begun
        return lambda: [each.result() for each in begun]

    def await_room(self, count: int) -> None:
        """Wait until so many threads are free, or all."""
        with self._lock:
            busy = [each for each in self._begun if not each.done()]
        while sum(not each.done() for each in busy) > max(self.at_once - count, 0):
            wait(busy, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
            busy = [each for each in busy if not each.done()]

    def close(self) -> None:
        """Wait for what is in flight, then close the connections."""
        self._pool.shutdown(wait=True)
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _post_one(self, request: HttpRequest) -> HttpAnswer:
        deadline = clock.monotonic_seconds() + self._total_seconds
        try:
            connection = self._ready_connection(deadline)
            connection.put(request.method, self._prefix + request.path, request.headers, request.body)
        except (OSError, http.client.HTTPException) as error:
            # A request that did not leave whole cannot be acted upon: its Content-Length says that more was to come.
            self._drop_connection()
            return HttpAnswer(0, failure=Failure.NEVER_SENT, reason=_name_of(error))
        try:
            answer, reusable = connection.read_answer(request.method)
        except (OSError, http.client.HTTPException) as error:
            self._drop_connection()
            return HttpAnswer(0, failure=Failure.AMBIGUOUS, reason=_name_of(error))
        if not reusable:
            self._drop_connection()
        return answer

    def _ready_connection(self, deadline: float) -> "_Connection":
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is not None and not connection.is_idle():
            self._drop_connection()
            connection = None
        if connection is None:
            connection = _Connection(self._host, self._port, self._tls, min(self._connect_seconds, self._total_seconds))
            self._local.connection = connection
            with self._lock:
                self._open.add(connection)
        connection.deadline = deadline
        return connection

    def _drop_connection(self) -> None:
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            with self._lock:
                self._open.discard(connection)
            connection.close()


class _Connection:
    """One connection whose every wait ends at `deadline` (monotonic seconds). `http.client` reads the answers."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, connect_seconds: float) -> None:
        self.deadline = 0.0
        default_port = 443 if tls else 80
        name = f"[{host}]" if ":" in host else host
        self._host_header = name if port == default_port else f"{name}:{port}"
        raw = socket.create_connection((host, port), connect_seconds)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = tls.wrap_socket(raw, server_hostname=host) if tls else raw
        except BaseException:
            raw.close()
            raise

    def is_idle(self) -> bool:
        """Whether it can carry a request: a peer that hung up meanwhile, or speaks unasked, makes it readable."""
        return not select.select([self._socket], [], [], 0)[0]

    def put(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send one request whole, or raise."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host_header}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "\r\n"]).encode("latin-1")
        self._socket.settimeout(self._left())
        self._socket.sendall(head + body)

    def read_answer(self, method: str) -> tuple[HttpAnswer, bool]:
        """Return the answer and whether the connection can carry another request."""
        response = http.client.HTTPResponse(_Deadline(self), method=method)  # type: ignore[arg-type]
        try:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            try:
                body = response.read(MAX_ANSWER_BYTES)
                whole = response.isclosed() or response.length == 0
            except (OSError, http.client.HTTPException):
                body, whole = b"", False  # the status is known, and the adapter decides by that
            return HttpAnswer(response.status, headers, body), whole and not response.will_close
        finally:
            response.close()

    def receive_into(self, buffer: Any) -> int:
        """Read some bytes into the buffer; raises TimeoutError at the deadline."""
        self._socket.settimeout(self._left())
        return self._socket.recv_into(buffer)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _left(self) -> float:
        left = self.deadline - clock.monotonic_seconds()
        if left <= 0:
            raise TimeoutError
        return left


class _Deadline(io.RawIOBase):
    """What HTTPResponse takes for a socket: reads that end at the deadline, however slowly the bytes come."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._connection.receive_into(buffer)


def _name_of(error: Exception) -> str:
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__
