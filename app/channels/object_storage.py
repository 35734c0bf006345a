"""Attachments kept in object storage that speaks Amazon's S3: plain HTTPS, each request signed (Signature Version 4).

The light libraries found bring as much again as they save, and the whole of it is one signature.
Source: Amazon S3 API reference, "Authenticating Requests: Using the Authorization Header"; the tests hold its examples.
"""

import hashlib
import hmac
import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

from app import clock

_WORD = re.compile(r"[0-9a-f]{32,64}")
_CONNECT_SECONDS = 10.0
_SCHEMES = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


class ObjectStorageError(Exception):
    """The storage did not do what it was asked; the message has its status and no key."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects go and who says so. `endpoint`: https://host[:port]; the bucket is the first part of the path."""

    endpoint: str
    name: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    prefix: str = ""


class BucketStore:
    """Bytes by word, in a bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put(self, word: str, content: bytes) -> None:
        """Keep these bytes under this word, in place of others. Raises ObjectStorageError, OSError."""
        self._ask("PUT", word, content)

    def get(self, word: str) -> bytes:
        """Return the bytes. Raises FileNotFoundError, ObjectStorageError, OSError."""
        return self._ask("GET", word)

    def delete(self, word: str) -> None:
        """Forget the bytes; there may be none. Raises ObjectStorageError, OSError."""
        self._ask("DELETE", word)

    def _ask(self, method: str, word: str, content: bytes = b"") -> bytes:
        if not _WORD.fullmatch(word):
            raise ValueError("Not a word that a store keeps anything under.")
        to = urlsplit(self._bucket.endpoint)
        path = quote(f"/{self._bucket.name}/{self._bucket.prefix}{word}")
        host = to.netloc
        headers = signed_headers(self._bucket, method, host, path, content, at=clock.system_now())
        connection = _SCHEMES[to.scheme](host, timeout=_CONNECT_SECONDS)
        try:
            connection.request(method, path, body=content or None, headers=dict(headers))
            answer = connection.getresponse()
            body: bytes = answer.read()
        except http.client.HTTPException as error:
            raise ObjectStorageError(f"The object storage broke off: {type(error).__name__}.") from None
        finally:
            connection.close()
        if answer.status == 404 and method == "GET":
            raise FileNotFoundError("The object storage has no such object.")
        if answer.status >= 300 and not (answer.status == 404 and method == "DELETE"):
            raise ObjectStorageError(f"The object storage answered {answer.status} to {method}.")
        return body


def signed_headers(
    bucket: Bucket, method: str, host: str, path: str, content: bytes, *, at: datetime, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the headers of a request, its signature among them. `path` is percent-encoded and there is no query."""
    stamp, digest = at.strftime("%Y%m%dT%H%M%SZ"), hashlib.sha256(content).hexdigest()
    signed = {**(more or {}), "host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    ordered = sorted((name.lower(), value.strip()) for name, value in signed.items())
    names = ";".join(name for name, _ in ordered)
    lines = "".join(f"{name}:{value}\n" for name, value in ordered)
    request = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    scope = f"{stamp[:8]}/{bucket.region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{bucket.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={bucket.access_key}/{scope},SignedHeaders={names},Signature={signature}"
    return {**signed, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}
