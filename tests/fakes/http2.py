"""A provider over HTTP/2 and TLS that does to each request what a test says."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, StreamEnded

Act = Callable[[int], str]
"""Number of the request on its connection, from 1 -> what is done: ok, refuse, error, goaway, turn_away, fin, reset, hang.
"""


class Http2Provider:
    """What it saw: the bodies of requests that came whole, in order, and requests per connection.

    Whatever a client sent is seen when the provider has ended, which is after the block of `an_http2_provider`.
    """

    def __init__(self, act: Act) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.connections: list[int] = []
        self.act = act
        self._lock = threading.Lock()

    def serve(self, connection: ssl.SSLSocket) -> None:
        """Answer one connection until it ends."""
        http = H2Connection(H2Configuration(client_side=False))
        http.initiate_connection()
        connection.sendall(http.data_to_send())
        bodies: dict[int, bytes] = {}
        with self._lock:
            place = len(self.connections)
            self.connections.append(0)
        while data := connection.recv(65536):
            for event in http.receive_data(data):
                if isinstance(event, DataReceived) and event.stream_id is not None:
                    bodies[event.stream_id] = bodies.get(event.stream_id, b"") + (event.data or b"")
                    http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                if isinstance(event, StreamEnded) and event.stream_id is not None:
                    with self._lock:
                        self.connections[place] += 1
                    if not self._answer(http, connection, event.stream_id, self.connections[place], bodies):
                        return
            if out := http.data_to_send():
                connection.sendall(out)

    def _answer(
        self, http: H2Connection, connection: ssl.SSLSocket, stream: int, number: int, bodies: dict[int, bytes]
    ) -> bool:
        """Do what the test says; return whether the connection goes on."""
        act = self.act(number)
        if act not in ("refuse", "turn_away"):
            self.bodies.append(bodies.get(stream, b""))
        if act in ("ok", "goaway"):
            http.send_headers(stream, [(":status", "200"), ("content-type", "application/json")])
            http.send_data(stream, b"{}", end_stream=True)
        if act in ("refuse", "error"):
            http.reset_stream(stream, ErrorCodes.REFUSED_STREAM if act == "refuse" else ErrorCodes.INTERNAL_ERROR)
        if act in ("goaway", "turn_away"):
            http.close_connection(last_stream_id=stream if act == "goaway" else stream - 2)
        if act in ("goaway", "turn_away", "fin"):
            connection.sendall(http.data_to_send())
            with contextlib.suppress(OSError):
                connection.unwrap()
            return False
        if act == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        return True


@contextlib.contextmanager
def an_http2_provider(certificate: tuple[Path, Path], act: Act = lambda _number: "ok") -> Iterator[Http2Provider]:
    """A provider for the length of a block; each connection has a thread."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))
    provider = Http2Provider(act)
    provider.url = f"https://127.0.0.1:{listener.getsockname()[1]}"

    def one(raw: socket.socket) -> None:
        with raw, contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
            provider.serve(connection)

    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=one, args=(raw,), daemon=True))
            threads[-1].start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield provider
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for each in threads:
            each.join(60)
