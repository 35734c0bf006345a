"""Object storage: Amazon's published signatures, and a bucket behind plain HTTP that keeps, gives and forgets."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.channels.object_storage import Bucket, BucketStore, ObjectStorageError, signed_headers

EXAMPLE = Bucket(
    "https://examplebucket.s3.amazonaws.com", "examplebucket", "us-east-1", "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)  # fmt: skip
DAY = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"
WORD = "ab" * 32


def _signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


def test_a_get_is_signed_as_amazons_example() -> None:
    headers = signed_headers(EXAMPLE, "GET", HOST, "/test.txt", b"", at=DAY, more={"range": "bytes=0-9"})

    assert _signature(headers) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


def test_a_put_is_signed_as_amazons_example() -> None:
    more = {"date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}
    headers = signed_headers(EXAMPLE, "PUT", HOST, "/test%24file.text", b"Welcome to Amazon S3.", at=DAY, more=more)

    assert _signature(headers) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"


class _Handler(BaseHTTPRequestHandler):
    kept: dict[str, bytes]

    def do_PUT(self) -> None:
        self.kept[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        found = self.kept.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    def do_DELETE(self) -> None:
        self._answer(204 if self.kept.pop(self.path, None) is not None else 404)

    def _answer(self, status: int, body: bytes = b"") -> None:
        if not self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=key/"):
            status, body = 403, b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    handler = type("Handler", (_Handler,), {"kept": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_bucket_keeps_gives_and_forgets(endpoint: str) -> None:
    store = BucketStore(Bucket(endpoint, "papers", "eu-central-1", "key", "secret", prefix="duecourse/"))

    store.put(WORD, b"sealed")
    given = store.get(WORD)
    store.delete(WORD)
    store.delete(WORD)

    assert given == b"sealed"
    with pytest.raises(FileNotFoundError):
        store.get(WORD)


def test_what_the_storage_refuses_is_raised_without_a_key_in_it(endpoint: str) -> None:
    with pytest.raises(ObjectStorageError, match="answered 403 to PUT") as raised:
        BucketStore(Bucket(endpoint, "papers", "eu-central-1", "wrong", "topsecret")).put(WORD, b"x")

    assert "topsecret" not in str(raised.value)
    assert "topsecret" not in repr(Bucket(endpoint, "papers", "x", "y", "topsecret"))


def test_no_word_is_a_path(endpoint: str) -> None:
    for word in ("../x", "", "AB" * 32, "a/b"):
        with pytest.raises(ValueError, match="Not a word"):
            BucketStore(EXAMPLE).put(word, b"")
