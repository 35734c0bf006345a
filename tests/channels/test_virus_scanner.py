"""The scanner: clamd's INSTREAM over a socket, what it says, and what is said when it says nothing."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.channels.virus_scanner import Clamd
from app.domain.attachments import ScannerError


@contextmanager
def a_clamd(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A clamd that reads one stream, keeps it and answers so."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as stream:
            command, content = stream.read(len(b"zINSTREAM\0")), b""
            while size := int.from_bytes(length := stream.read(4)):
                content += stream.read(size)
            heard.extend([command, content, length])
            connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"tcp://127.0.0.1:{server.getsockname()[1]}", heard
    thread.join(5)
    server.close()


def test_a_clean_file_is_clean_and_goes_over_whole() -> None:
    content = bytes(200_000)
    with a_clamd(b"stream: OK\0") as (address, heard):
        found = Clamd(address).scan(content)

    assert (found, heard) == (None, [b"zINSTREAM\0", content, bytes(4)])


def test_what_was_found_is_named() -> None:
    with a_clamd(b"stream: Win.Test.EICAR_HDB-1 FOUND\0") as (address, _):
        assert Clamd(address).scan(b"x") == "Win.Test.EICAR_HDB-1"


@pytest.mark.parametrize("answer", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK maybe\0"])
def test_another_answer_is_no_word_about_the_file(answer: bytes) -> None:
    with a_clamd(answer) as (address, _), pytest.raises(ScannerError):
        Clamd(address).scan(b"x")


def test_nobody_there_is_no_word_about_the_file() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ScannerError, match="ConnectionRefusedError"):
        Clamd(f"tcp://127.0.0.1:{port}").scan(b"x")
