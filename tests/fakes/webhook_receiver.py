"""A lender's own system on the loopback: it takes webhooks as a careful receiver does, and can be told to misbehave."""

import base64
import hashlib
import hmac
import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from app import clock

TOLERANCE_SECONDS = 300


class RefusedError(Exception):
    """The message is not to be trusted."""


def verify(secret: str, headers: dict[str, str], body: bytes, *, now: float | None = None) -> dict[str, Any]:
    """Check a message as Standard Webhooks tell receivers to, with one secret; return what it says. No code of ours."""
    said_at = int(headers["webhook-timestamp"])
    if abs((now if now is not None else clock.system_now().timestamp()) - said_at) > TOLERANCE_SECONDS:
        raise RefusedError("timestamp")
    content = b".".join([headers["webhook-id"].encode(), str(said_at).encode(), body])
    key = base64.b64decode(secret.split("_", 1)[1])
    wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    for each in headers["webhook-signature"].split(" "):
        version, _, given = each.partition(",")
        if version == "v1" and hmac.compare_digest(given, wanted):
            found: dict[str, Any] = json.loads(body)
            return found
    raise RefusedError("signature")


@dataclass
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class WebhookReceiver:
    """`acts`: what it does with the next requests, then `after`: a status, (status, headers), or a kind of silence."""

    acts: deque[Any] = field(default_factory=deque)
    after: Any = 204
    received: list[Received] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def __enter__(self) -> "WebhookReceiver":
        receiver = self
        self._lock, self._over = threading.Lock(), threading.Event()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.take(self)

            def do_GET(self) -> None:
                receiver.take(self)

            def log_message(self, *_args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_args: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_args: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hooks"

    def ids(self) -> list[str]:
        return [each.id for each in self.received]

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        with self._lock:
            headers = {name.lower(): value for name, value in handler.headers.items()}
            self.received.append(Received(handler.path, headers, body))
            act = self.acts.popleft() if self.acts else self.after
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self._answer(handler, act)
        finally:
            handler.close_connection = True
            with self._lock:
                self.at_once -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, act: Any) -> None:
        if act == "silence":
            self._over.wait(20)
        elif act == "drip":
            for byte in b"HTTP/1.1 204 No Content\r\nx-slow: " + b"a" * 500:
                handler.wfile.write(bytes([byte]))
                if self._over.wait(0.1):
                    return
        elif act == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        elif act == "garbage":
            handler.wfile.write(b"what is this\r\n\r\n")
        else:
            status, headers = act if isinstance(act, tuple) else (act, {})
            handler.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
