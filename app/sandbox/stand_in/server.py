"""The stand-in's HTTP server: one process, one event loop, HTTP/1.1 with keep-alive, loopback only.

Provider side: POST /token, POST /v1/projects/{id}/messages:send, POST /sms.
Other providers: see providers.py.
Control side: GET /received?since=&limit=&target=, GET /callbacks?since=, GET /counts, POST /faults (one or a list),
POST /reset, POST /gestures (by_hand.py), GET /health (with the port of the mail server, see mail.py).
"""

import asyncio
import functools
import secrets
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import orjson

from app import clock
from app.domain.times import rfc3339
from app.sandbox.stand_in.answers import NAMED, SILENCE, Answer, Taken, issue_token, json_answer, send_push, send_sms
from app.sandbox.stand_in.by_hand import posts_of
from app.sandbox.stand_in.callbacks import CallbackBook
from app.sandbox.stand_in.faults import ENDPOINTS, Fault, FaultError, FaultProgram
from app.sandbox.stand_in.magic import outcome_of
from app.sandbox.stand_in.mail import ENDPOINTS as MAIL_ENDPOINTS
from app.sandbox.stand_in.providers import ProviderRequest, StandInConfig, make_providers
from app.sandbox.stand_in.received import Received
from app.sandbox.stand_in.returned_mail import Mailbag

_MAX_BODY_BYTES = 1024 * 1024
_PUSH_REFUSED = {"uninstalled": "unregistered", "invalid": "invalid_token"}
_PUSH_FIRST_TRY = {"rate_limited": "quota_retry_after", "unavailable": "unavailable_retry_after"}


class StandIn:
    """What all connections share."""

    def __init__(
        self,
        received: Received,
        *,
        sms_key: str | None = None,
        posts_back: bool = False,
        config: StandInConfig | None = None,
        bag: Mailbag | None = None,
    ) -> None:
        """With `posts_back` it posts receipts and replies to the addresses it was given; else it only keeps them."""
        self.received = received
        self.faults = FaultProgram()
        self.callbacks = CallbackBook(posts=posts_back)
        self.smtp_port = 0
        """Set once the mail server listens."""
        self._config = config or StandInConfig()
        self._providers = make_providers(self._config)
        self.bag = bag or Mailbag()
        names = [*MAIL_ENDPOINTS, *(name for each in self._providers for name in each.endpoints)]
        ENDPOINTS.extend(name for name in names if name not in ENDPOINTS)
        self._sms_key = sms_key
        self._tokens: set[str] = set()
        self._tried: set[tuple[str, str]] = set()
        self._requests: Counter[str] = Counter()

    def endpoint(self, method: str, target: str) -> str | None:
        """Return which provider endpoint an address is, or None."""
        path = target.partition("?")[0]
        if method == "POST" and path.endswith("/messages:send") and path.startswith("/v1/projects/"):
            return "send"
        if method == "POST" and path in ("/token", "/sms"):
            return path[1:]
        return next((name for each in self._providers if (name := each.endpoint(method, path))), None)

    def provide(self, endpoint: str, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer | Taken:
        """Answer as the provider would when nothing is wrong with it."""
        for provider in self._providers:
            if endpoint in provider.endpoints:
                parts = urlsplit(target)
                query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
                return provider.answer(endpoint, ProviderRequest(method, parts.path, query, headers, body))
        if endpoint == "token":
            token = f"stand-in-{secrets.token_urlsafe(32)}"
            answer = issue_token(body, token)
            if answer.status == 200:
                self._tokens.add(token)
            return answer
        if endpoint == "sms":
            return send_sms(body, headers, self._sms_key)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self._tokens:
            return NAMED["unauthenticated"]
        return self._pushed(send_push(body))

    def _pushed(self, given: Answer | Taken) -> Answer | Taken:
        """Return what FCM answers about the device of a push, by its token."""
        outcome = outcome_of(given.target) if isinstance(given, Taken) else "delivered"
        if isinstance(given, Answer) or outcome == "delivered":
            return given
        if outcome in _PUSH_REFUSED:
            return NAMED[_PUSH_REFUSED[outcome]]
        if outcome in _PUSH_FIRST_TRY and (given.message_id, given.target) not in self._tried:
            self._tried.add((given.message_id, given.target))
            return NAMED[_PUSH_FIRST_TRY[outcome]]
        return replace(given, act="accept_then_drop") if outcome == "timeout" else given

    def take(self, taken: Taken) -> None:
        """Remember a message as delivered."""
        self.received.take(taken, rfc3339(clock.system_now()))
        if taken.then is not None:
            taken.then()
        for post in taken.callbacks:
            self.callbacks.add(post)

    def count(self, endpoint: str, status: int) -> None:
        """Count an answered provider request; status 0: it got no answer."""
        self._requests[f"{endpoint}:{status}"] += 1

    def control(self, method: str, target: str, body: bytes) -> Answer:
        """Answer a control request."""
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        try:
            if (method, parts.path) == ("GET", "/received"):
                since, limit = int(query.get("since", ["0"])[0]), int(query.get("limit", ["1000"])[0])
                return json_answer(self.received.page(since=since, limit=limit, targets=query.get("target")))
            if (method, parts.path) == ("GET", "/callbacks"):
                return json_answer({"items": self.callbacks.page(int(query.get("since", ["0"])[0]))})
            if (method, parts.path) == ("GET", "/counts"):
                return json_answer({**self.received.counts(), "requests": dict(self._requests)})
            if (method, parts.path) == ("POST", "/faults"):
                described = orjson.loads(body)
                for fault in described if isinstance(described, list) else [described]:
                    self.faults.add(fault)
                return json_answer({"ok": True})
            if (method, parts.path) == ("POST", "/gestures"):
                for post in posts_of(orjson.loads(body), self.received, (*self._providers, self.bag)):
                    self.callbacks.add(post)
                return json_answer({"ok": True})
            if (method, parts.path) == ("POST", "/reset"):
                self._reset(orjson.loads(body) if body else {})
                return json_answer({"ok": True})
            if (method, parts.path) == ("GET", "/health"):
                return json_answer({"ok": True, "smtp_port": self.smtp_port})
        except (FaultError, ValueError, TypeError, AttributeError) as error:
            return json_answer({"error": str(error)}, 400)
        return json_answer({"error": "There is nothing here."}, 404)

    def _reset(self, what: dict[str, Any]) -> None:
        """Forget faults always; received messages and tokens unless told to keep them."""
        self.faults.clear()
        if not what.get("keep_received"):
            self.received.clear()
            self.callbacks.clear()
            self._requests.clear()
            self._providers = make_providers(self._config)
        if not what.get("keep_tokens"):
            self._tokens.clear()


class Connection(asyncio.Protocol):
    """One connection. Requests are answered in order; while a fault holds one back, later ones wait."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; answers are small and must not wait for more."""
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Handle as many whole requests as have arrived."""
        self._buffer += data
        while not self._busy and self._one_request():
            pass

    def _one_request(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        request_line, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, target, _version = request_line.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        endpoint = self._stand_in.endpoint(method, target)
        if endpoint and self._stand_in.faults.has_any(endpoint):
            if self._stand_in.faults.pick(endpoint, "", before_body=True):
                self._stand_in.count(endpoint, 0)
                self._reset()
                return False
        size = int(headers.get("content-length", "0"))
        if size > _MAX_BODY_BYTES:
            self._transport.close()
            return False
        if len(self._buffer) < end + 4 + size:
            return False
        body = self._buffer[end + 4 : end + 4 + size]
        self._buffer = self._buffer[end + 4 + size :]
        if endpoint is None:
            self._write(self._stand_in.control(method, target, body))
        else:
            self._provide(endpoint, self._stand_in.provide(endpoint, method, target, headers, body))
        if headers.get("connection", "").lower() == "close":
            self._transport.close()
            return False
        return bool(self._buffer)

    def _provide(self, endpoint: str, given: Answer | Taken) -> None:
        target = given.target if isinstance(given, Taken) else ""
        fault = None
        if self._stand_in.faults.has_any(endpoint):
            fault = self._stand_in.faults.pick(endpoint, target, before_body=False)
        if fault is None and isinstance(given, Taken) and given.act:
            fault = Fault(given.act, endpoint, target, None, 1, None, 0)
        if fault is not None:
            self._misbehave(endpoint, fault, given)
        else:
            self._finish(endpoint, given)

    def _finish(self, endpoint: str, given: Answer | Taken) -> None:
        answer = self._take(given)
        self._stand_in.count(endpoint, answer.status)
        if answer is SILENCE:
            self._busy = True
        else:
            self._write(answer)

    def _take(self, given: Answer | Taken) -> Answer:
        if isinstance(given, Taken):
            self._stand_in.take(given)
            return given.answer
        return given

    def _misbehave(self, endpoint: str, fault: Fault, given: Answer | Taken) -> None:
        act = fault.act
        if act == "answer" or (act == "delay" and fault.answer is not None):
            given = cast(Answer, fault.answer)
            act = "delay" if fault.delay_ms else "answer"
        if act == "answer":
            self._finish(endpoint, given)
        elif act == "delay":
            self._later(fault.delay_ms, functools.partial(self._finish, endpoint, given))
        elif act == "drip":
            answer = self._take(given)
            self._stand_in.count(endpoint, answer.status)
            self._drip(_bytes_of(answer), fault.delay_ms)
        elif act == "cut":
            answer = self._take(given)
            self._stand_in.count(endpoint, answer.status)
            self._transport.write(_bytes_of(answer)[: -max(1, len(answer.body) // 2)])
            self._transport.close()
        else:
            if act.startswith("accept"):
                self._take(given)
            self._stand_in.count(endpoint, 0)
            self._busy = True
            if act.endswith(("reset", "reset_after")):
                self._reset()

    def _later(self, delay_ms: int, act: Callable[[], None]) -> None:
        self._busy = True

        def go_on() -> None:
            self._busy = False
            if not self._transport.is_closing():
                act()
                self.data_received(b"")

        asyncio.get_running_loop().call_later(delay_ms / 1000, go_on)

    def _drip(self, rest: bytes, delay_ms: int) -> None:
        self._transport.write(rest[:1])
        if rest[1:]:
            self._later(delay_ms, functools.partial(self._drip, rest[1:], delay_ms))

    def _reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close answers RST, not FIN
        self._transport.abort()

    def _write(self, answer: Answer) -> None:
        self._transport.write(_bytes_of(answer))


def _bytes_of(answer: Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status} {_phrase(answer.status)}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nDate: {_date()}\r\n"
    )
    extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    return (head + extra + "\r\n").encode("latin-1") + answer.body


@functools.cache
def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _date() -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
