"""HTTP to a provider by libcurl: HTTP/2, many requests at once on few connections, at a native client's cost a request.

One thread drives everything that is posted, whoever posts it, so that a small batch does not wait for a large one to end.
"""

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import cast
from urllib.parse import urlsplit

from app.channels.curl_exchange import Posting, options_of
from app.channels.curl_loop import CONNECTIONS, MOST_IN_FLIGHT, Loop
from app.channels.http_transport import Failure, HttpAnswer, HttpRequest
from app.logs import logger

_LOOK_SECONDS = 0.0005


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
        self._open: list[Posting] = []
        """Not all answered yet, and some that are."""
        self._loop: Loop | None = None
        self._bell, self._ear = socket.socketpair()
        self._bell.setblocking(False)
        self._ear.setblocking(False)
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def post(self, requests: Sequence[HttpRequest]) -> list[HttpAnswer]:
        """Post each request once; one answer per request, in order. Any number of threads may post at once."""
        return self.begin(requests)()

    def begin(self, requests: Sequence[HttpRequest]) -> Callable[[], list[HttpAnswer]]:
        """Begin to post; the return value waits for the answers."""
        if not requests:
            return list
        posting = Posting(requests)
        with self._lock:
            if self._is_closed:
                raise RuntimeError("The transport is closed.")
            self._new.append(posting)
            self._open = [each for each in self._open if each.left] + [posting]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="provider-http", daemon=True)
                self._thread.start()
        self._ring()

        def answers() -> list[HttpAnswer]:
            posting.done.wait()
            return cast(list[HttpAnswer], posting.answers)

        return answers

    def await_room(self, count: int) -> None:
        """Wait until so many more have a place beside what is in flight: few while HTTP/1.1 is spoken."""
        while True:
            with self._lock:
                in_flight = sum(each.left for each in self._open if not each.done.is_set())
                places = self._loop.places if self._loop is not None else CONNECTIONS
            if in_flight <= max(places - count, 0):
                return
            time.sleep(_LOOK_SECONDS)

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
        loop = self._loop = Loop(self._url, self._options, self._ear)
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
