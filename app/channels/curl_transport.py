"""HTTP to a provider by libcurl: HTTP/2, many requests at once on few connections, at a native client's cost a request.

One thread drives everything that is posted, whoever posts it, so that a small batch does not wait for a large one to end.
"""

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit

from app.channels.curl_exchange import Posting, options_of
from app.channels.curl_loop import MOST_IN_FLIGHT, Loop
from app.channels.http_transport import Failure, HttpAnswer, HttpRequest
from app.logs import logger


class CurlTransport:
    """HTTP/2 (HTTP/1.1 where the server has no more) to one origin."""

    at_once = MOST_IN_FLIGHT

    def __init__(self, base_url: str, *, connect_seconds: float = 10.0, total_seconds: float = 15.0) -> None:
        """`total_seconds` bounds one request from its start to the last byte, also when bytes only drip in.

        Certificates are checked against SSL_CERT_FILE or the system's bundle, else certifi's. Raises ValueError.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("A provider's base URL must be http(s)://host.")
        self._url = base_url.rstrip("/")
        self._options = options_of(connect_seconds, total_seconds)
        self._lock = threading.Lock()
        self._new: deque[Posting] = deque()
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def post(self, requests: Sequence[HttpRequest]) -> list[HttpAnswer]:
        """Post each request once; one answer per request, in order. Any number of threads may post at once."""
        if not requests:
            return []
        posting = Posting(requests)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("The transport is closed.")
            self._new.append(posting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="provider-http", daemon=True)
                self._thread.start()
        self._ring()
        posting.done.wait()
        return cast(list[HttpAnswer], posting.answers)

    def close(self) -> None:
        """Wait for what is in flight, then close the connections."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        self._ring()
        if thread is not None:
            thread.join()
        self._bell.close()
        self._ear.close()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # full: it is awake already
            self._bell.send(b"\0")

    def _run(self) -> None:
        loop = Loop(self._url, self._options, self._ear)
        try:
            while True:
                with self._lock:
                    while self._new:
                        loop.add(self._new.popleft())
                    if self._is_closed and loop.is_idle():
                        return
                loop.turn()
        except Exception:  # a defect of ours: nobody may wait for ever, and what left may have been acted upon
            logger().exception("the thread that posts to a provider died")
            with self._lock:
                self._thread = None  # the next posting starts another
                while self._new:
                    self._new.popleft().give_up(Failure.NEVER_SENT)
            loop.give_up()
        finally:
            loop.close()
