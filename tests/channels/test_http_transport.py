import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pytest

from app.channels.http_transport import MAX_ANSWER_BYTES, Failure, HttpRequest
from tests.builders.patience import BRIEF
from tests.channels.conftest import MakeTransport

A_POST = HttpRequest("/x", {"Content-Type": "application/json"}, b"{}")
Handler = Callable[[socket.socket], None]


@contextlib.contextmanager
def a_server(handler: Handler) -> Iterator[str]:
    """A listener that hands each connection to `handler` and then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                handler(connection)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def answers(*parts: bytes) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)

    return handle


def test_a_kept_connection_the_peer_has_closed_is_replaced_before_anything_is_sent(a_transport: MakeTransport) -> None:
    """Else the request would be in doubt, and an SMS in doubt is never sent again."""
    seen: list[bytes] = []
    closed = threading.Semaphore(0)

    def one_answer(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        connection.shutdown(socket.SHUT_RDWR)
        closed.release()

    statuses = []
    with a_server(one_answer) as url:
        transport = a_transport(url)
        for _ in range(4):
            statuses.append(transport.post([A_POST])[0].status)
            assert closed.acquire(timeout=10)
        transport.close()

    assert statuses == [200] * 4
    assert len(seen) == 4


def test_a_chunked_answer_is_read_whole(a_transport: MakeTransport) -> None:
    with a_server(answers(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")) as url:
        transport = a_transport(url)
        [answer] = transport.post([A_POST])
        transport.close()

    assert (answer.status, answer.body) == (200, b"{}")


def test_an_answer_without_end_is_cut_off(a_transport: MakeTransport) -> None:
    with a_server(answers(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 400_000)) as url:
        transport = a_transport(url)
        [answer] = transport.post([A_POST])
        transport.close()

    assert answer.status == 200
    assert MAX_ANSWER_BYTES - 65536 <= len(answer.body) <= MAX_ANSWER_BYTES


@pytest.mark.parametrize(
    "garbage", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 700_000]
)
def test_what_is_not_http_is_ambiguous(garbage: bytes, a_transport: MakeTransport) -> None:
    with a_server(answers(garbage)) as url:
        transport = a_transport(url)
        [answer] = transport.post([A_POST])
        transport.close()

    assert (answer.status, answer.failure) == (0, Failure.AMBIGUOUS)


def test_bytes_that_only_drip_in_end_at_the_total_time_out(a_transport: MakeTransport) -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        for byte in chain(b"HTTP/1.1 200 OK\r\nX: ", repeat(ord("y"), 60_000)):  # until the client hangs up
            connection.sendall(bytes([byte]))
            threading.Event().wait(0.02)

    with a_server(drip) as url:
        transport = a_transport(url, total_seconds=BRIEF)
        [answer] = transport.post([A_POST])
        transport.close()

    assert (answer.failure, answer.reason) == (Failure.AMBIGUOUS, "timeout")


def test_a_port_where_nobody_listens_never_sent_it(a_transport: MakeTransport) -> None:
    transport = a_transport("http://127.0.0.1:9")
    [answer] = transport.post([A_POST])
    transport.close()

    assert (answer.status, answer.failure) == (0, Failure.NEVER_SENT)


def test_a_server_without_tls_where_tls_is_asked_never_got_it(a_transport: MakeTransport) -> None:
    with a_server(answers(b"HTTP/1.1 200 OK\r\n\r\n")) as url:
        transport = a_transport(url.replace("http:", "https:"))
        [answer] = transport.post([A_POST])
        transport.close()

    assert answer.failure is Failure.NEVER_SENT


def test_a_name_that_does_not_exist_never_sent_it(a_transport: MakeTransport) -> None:
    transport = a_transport("http://nobody.invalid")
    [answer] = transport.post([A_POST])
    transport.close()

    assert answer.failure is Failure.NEVER_SENT


@pytest.mark.parametrize("url", ["", "ftp://x", "//x", "http://"])
def test_a_base_url_that_is_none_is_refused(url: str, a_transport: MakeTransport) -> None:
    with pytest.raises(ValueError, match="base URL"):
        a_transport(url)


def test_methods_follow_one_another_on_one_connection(a_transport: MakeTransport) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def note(connection: socket.socket) -> None:
        while request := connection.recv(65536):
            if b"Content-Length: 2" in request and not request.endswith(b"{}"):
                request += connection.recv(65536)
            seen.append((request.split(b" ")[0], request.partition(b"\r\n\r\n")[2]))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with a_server(note) as url:
        transport = a_transport(url)
        for method, body in (("POST", b"{}"), ("GET", b""), ("PUT", b"{}"), ("POST", b"{}"), ("GET", b"")):
            [answer] = transport.post([HttpRequest("/x", {"Content-Type": "application/json"}, body, method)])
            assert (answer.status, answer.body) == (200, b"{}")
        transport.close()

    assert seen == [(b"POST", b"{}"), (b"GET", b""), (b"PUT", b"{}"), (b"POST", b"{}"), (b"GET", b"")]
