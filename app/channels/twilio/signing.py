"""Twilio's signatures: Basic on what we ask, X-Twilio-Signature on what it posts.

Source: Twilio, "Webhooks security" (the full URL, then each POST parameter sorted by name, name and value joined without
anything between, HMAC-SHA1, base64); its Python and Node helper libraries (several values of one name: sorted, each once;
the port of the scheme is signed sometimes with and sometimes without; `X-Twilio-Webhooks-Signature-Settings` names
HMAC_SHA256 with a key shared apart from the auth token).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

_PORTS = {"http": 80, "https": 443}


def basic_auth(user: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def signature(key: str, url: str, form: Mapping[str, Sequence[str]], algorithm: str = "sha1") -> str:
    """Return the base64 signature of a post with these parameters."""
    said = url + "".join(name + value for name in sorted(form) for value in sorted(set(form[name])))
    return base64.b64encode(hmac.new(key.encode(), said.encode(), getattr(hashlib, algorithm)).digest()).decode()


def is_signed(given: str, keys: Sequence[str], url: str, form: Mapping[str, Sequence[str]], algorithm: str) -> bool:
    """Return whether the signature is right under one of the keys. Every comparison is made, each in constant time."""
    found = False
    for key in keys:
        for each in _ways_to_write(url):
            found |= hmac.compare_digest(signature(key, each, form, algorithm).encode(), given.encode())
    return found


def _ways_to_write(url: str) -> Iterator[str]:
    yield url
    parts = urlsplit(url)
    host, _, port = parts.netloc.rpartition(":")
    default = _PORTS.get(parts.scheme)
    if host and port == str(default):
        yield urlunsplit(parts._replace(netloc=host))
    elif not port.isdigit() and default is not None:
        yield urlunsplit(parts._replace(netloc=f"{parts.netloc}:{default}"))
