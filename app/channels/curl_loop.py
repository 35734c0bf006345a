"""What is in flight over libcurl: its multi handle, the sockets it wants watched, its one timer."""

import os
import select
import selectors
import socket
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import pycurl

from app import clock
from app.channels.curl_exchange import Exchange, Posting
from app.channels.http_transport import Failure, HttpAnswer
from app.logs import logger

CONNECTIONS = 32
"""At most, to the one host. With few, an HTTP/1.1 provider would queue everything behind one request that hangs."""
STREAMS = 100
"""Requests at once on one HTTP/2 connection, unless the server allows fewer."""
MOST_IN_FLIGHT = 1000
"""10,000 requests a second at 100 ms an answer; a provider that is slower than that is not helped by more."""
GATHER_FROM = 64
"""From so many in flight on, answers that trickle in are let gather for a twentieth of what an answer takes, before they are
looked at: libcurl looks at every stream of a connection for whatever comes in on it, and one answer at a time, a hundred
streams cost several times what the answer does."""
LONGEST_GATHER_SECONDS = 0.02
PRUNE_SECONDS = 1.05
"""libcurl looks whether the connections it keeps still live when a request begins, but at most once a second."""
_HTTP_1 = (pycurl.CURL_HTTP_VERSION_1_0, pycurl.CURL_HTTP_VERSION_1_1)


class Loop:
    """Runs exchanges. All methods are called by one thread."""

    def __init__(self, url: str, options: Sequence[tuple[int, Any]], ear: socket.socket) -> None:
        """`ear`: becomes readable when `turn` shall look up."""
        self._url, self._options = url, options
        self._ear = ear
        self._waiting: deque[tuple[Posting, int]] = deque()
        self._spare: list[Exchange] = []
        self._flying: set[Exchange] = set()
        self.places = CONNECTIONS
        """How many may be in flight: one a connection until HTTP/2 was spoken, so that no time-out runs in a queue."""
        self._wake_at: float | None = None
        self._active_at = 0.0
        self._hold_until: float | None = None
        self._brought = 0
        """How many answers the last turn brought."""
        self._gather_seconds = 0.0
        self._sockets = _Sockets(ear)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, CONNECTIONS)
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, STREAMS)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._sockets.watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def add(self, posting: Posting) -> None:
        """Queue a posting's requests behind those that wait."""
        self._waiting.extend((posting, place) for place in range(len(posting.requests)))

    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return not self._waiting and not self._flying

    def turn(self) -> None:
        """Send what has a place, wait until something happens, take what has come."""
        if self._waiting and len(self._flying) < self.places and not self._holds():
            self._begin()
        if self._brought * 20 < len(self._flying) >= GATHER_FROM:
            time.sleep(self._gather_seconds)
        for fd, ready in self._sockets.ready(self._patience()):
            self._multi.socket_action(fd, ready)
        if self._wake_at is not None and self._wake_at <= clock.monotonic_seconds():
            self._wake_at = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._take_finished()

    def give_up(self) -> None:
        """Answer all that is open, because the loop is broken."""
        postings = {exchange.posting for exchange in self._flying} | {posting for posting, _ in self._waiting}
        for posting in postings - {None}:
            posting.give_up(Failure.AMBIGUOUS)  # type: ignore[union-attr]

    def close(self) -> None:
        """Close the connections."""
        for exchange in self._flying:
            self._multi.remove_handle(exchange.curl)
        self._multi.close()
        for exchange in [*self._spare, *self._flying]:
            exchange.curl.close()
        self._sockets.close()

    def _begin(self) -> None:
        self._active_at = clock.monotonic_seconds()
        while self._waiting and len(self._flying) < self.places:
            posting, place = self._waiting.popleft()
            exchange = self._spare.pop() if self._spare else Exchange(self._url, self._options)
            try:
                exchange.load(posting, place)
            except Exception as error:  # headers or a body that are none: our defect, and nobody else's request
                logger().exception("a request to a provider cannot be made")
                exchange.curl.close()
                posting.put(place, HttpAnswer(0, failure=Failure.NEVER_SENT, reason=type(error).__name__))
                continue
            self._flying.add(exchange)
            self._multi.add_handle(exchange.curl)

    def _holds(self) -> bool:
        """Whether nothing may begin just now, because a kept connection seems dead and libcurl would still use it.

        What is sent there is in doubt, and some of what we send must not go out twice. It is rare: the peer closed within
        a second of its last answer.
        """
        now = clock.monotonic_seconds()
        if self._hold_until is None:
            if now - self._active_at >= PRUNE_SECONDS or not self._sockets.has_stale():
                return False
            self._hold_until = self._active_at + PRUNE_SECONDS
        if now < self._hold_until:
            return True
        self._hold_until = None
        self._sockets.forget_stale()
        return False

    def _take_finished(self) -> None:
        left, self._brought = 1, 0
        while left:
            left, whole, broken = self._multi.info_read()
            self._brought += len(whole) + len(broken)
            for curl in whole:
                self._finish(curl, curl.exchange.answer())
            for curl, code, _text in broken:
                self._finish(curl, curl.exchange.failure(code))
            if whole:
                self._learn(whole[-1])
        if self._brought:
            self._active_at = clock.monotonic_seconds()  # what stood in libcurl's own queue has begun by now

    def _learn(self, curl: Any) -> None:
        """Take from one of the newest answers how this provider is to be treated."""
        self._gather_seconds = min(curl.getinfo(pycurl.TOTAL_TIME) / 20, LONGEST_GATHER_SECONDS)
        if self.places == CONNECTIONS and curl.getinfo(pycurl.INFO_HTTP_VERSION) not in _HTTP_1:
            self.places = MOST_IN_FLIGHT

    def _finish(self, curl: Any, answer: HttpAnswer) -> None:
        exchange: Exchange = curl.exchange
        self._multi.remove_handle(curl)
        self._flying.discard(exchange)
        self._spare.append(exchange)
        posting, exchange.posting = exchange.posting, None
        if posting is not None:
            posting.put(exchange.place, answer)

    def _patience(self) -> float | None:
        ends = [at for at in (self._wake_at, self._hold_until) if at is not None]
        return max(0.0, min(ends) - clock.monotonic_seconds()) if ends else None

    def _set_timer(self, milliseconds: int) -> None:
        self._wake_at = None if milliseconds < 0 else clock.monotonic_seconds() + milliseconds / 1000


class _Sockets:
    """The sockets that libcurl wants watched, and those of the connections it keeps without a request on them."""

    def __init__(self, ear: socket.socket) -> None:
        self._ear = ear
        self._selector = selectors.DefaultSelector()
        self._selector.register(ear, selectors.EVENT_READ)
        self._inodes: dict[int, int] = {}
        """Of watched sockets. A number may come back as another socket, its inode does not."""
        self._idle: dict[int, int] = {}

    def watch(self, what: int, fd: int, _multi: object, _data: object) -> None:
        """Do what libcurl asks (its socket callback)."""
        if what == pycurl.POLL_REMOVE:
            inode = self._inodes.pop(fd, None)
            if inode is not None:
                self._idle[fd] = inode
                self._selector.unregister(fd)
            return
        events = selectors.EVENT_READ if what & pycurl.POLL_IN else 0
        events |= selectors.EVENT_WRITE if what & pycurl.POLL_OUT else 0
        self._idle.pop(fd, None)
        if fd in self._inodes:
            self._selector.modify(fd, events)
        else:
            self._inodes[fd] = os.fstat(fd).st_ino
            self._selector.register(fd, events)

    def ready(self, seconds: float | None) -> list[tuple[int, int]]:
        """Wait for at most so long; return what libcurl is to be told."""
        found: list[tuple[int, int]] = []
        for key, events in self._selector.select(seconds):
            if key.fileobj is self._ear:
                self._ear.recv(4096)
                continue
            came = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
            found.append((key.fd, came | (pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0)))
        return found

    def has_stale(self) -> bool:
        """Whether a connection without a request has something to read: its end, most likely."""
        if not self._idle:
            return False
        poll = select.poll()
        for fd, inode in list(self._idle.items()):
            if _inode(fd) == inode:
                poll.register(fd, select.POLLIN)
            else:
                del self._idle[fd]
        return bool(poll.poll(0))

    def forget_stale(self) -> None:
        """Leave the connections that are kept to libcurl, which looks at them now."""
        self._idle.clear()

    def close(self) -> None:
        """Stop watching."""
        self._selector.close()


def _inode(fd: int) -> int | None:
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return None
