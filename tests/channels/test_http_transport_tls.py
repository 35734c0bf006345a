"""The same transport over TLS, as it is in production: certificate checked, connection kept."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app import clock
from app.channels.http_transport import Failure, HttpRequest, PooledTransport

A_POST = HttpRequest("/x", {"Content-Type": "application/json"}, b"{}")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = clock.system_now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


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


def test_one_tls_connection_carries_many_requests(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    connections: list[int] = []

    with a_tls_server(certificate, connections) as url:
        transport = PooledTransport(url, threads=1)
        statuses = [transport.post([A_POST])[0].status for _ in range(5)]
        transport.close()

    assert statuses == [200] * 5
    assert connections == [5]


def test_a_certificate_nobody_vouches_for_is_not_spoken_to(certificate: tuple[Path, Path]) -> None:
    connections: list[int] = []

    with a_tls_server(certificate, connections) as url:
        transport = PooledTransport(url, threads=1)
        [answer] = transport.post([A_POST])
        transport.close()

    assert answer.failure is Failure.NEVER_SENT
    assert answer.reason == "SSLCertVerificationError"
    assert sum(connections) == 0
