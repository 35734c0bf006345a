"""The same transport over TLS, as it is in production: certificate checked, connection kept."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.channels.http_transport import Failure, HttpRequest
from tests.channels.conftest import MakeTransport

A_POST = HttpRequest("/x", {"Content-Type": "application/json"}, b"{}")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.contextmanager
def a_tls_server(certificate: tuple[Path, Path], connections: list[int]) -> Iterator[str]:
    """Answers every request of every connection; notes each connection's requests."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with raw, contextlib.suppress(OSError), context.wrap_socket(raw, server_side=True) as connection:
                connections.append(0)
                while connection.recv(65536):
                    connections[-1] += 1
                    connection.sendall(OK)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_one_tls_connection_carries_many_requests(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, a_transport: MakeTransport
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    connections: list[int] = []

    with a_tls_server(certificate, connections) as url:
        transport = a_transport(url)
        statuses = [transport.post([A_POST])[0].status for _ in range(5)]
        transport.close()

    assert statuses == [200] * 5
    assert connections == [5]


def test_a_certificate_nobody_vouches_for_is_not_spoken_to(
    certificate: tuple[Path, Path], a_transport: MakeTransport
) -> None:
    connections: list[int] = []

    with a_tls_server(certificate, connections) as url:
        transport = a_transport(url)
        [answer] = transport.post([A_POST])
        transport.close()

    assert answer.failure is Failure.NEVER_SENT
    assert answer.reason in ("SSLCertVerificationError", "certificate_refused")
    assert sum(connections) == 0
