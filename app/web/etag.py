"""Strong ETags (RFC 9110): a hash of all an answer depends on, so that a 304 is never a lie.

Where the row versions are known before the body is built, the tag is made of those, the business date and the locale;
elsewhere of the body itself and the locale. A new API revision changes every tag.
"""

from hashlib import blake2b

from flask import request

API_REVISION = "1"
PRIVATE = "private, no-cache"
VARY = "Authorization, Accept-Language"
VARY_BY_MEDIA = f"{VARY}, Accept"
"""Where a view can also answer with a file."""


def strong_etag(locale: str, *parts: object) -> str:
    """Return the tag of an answer in `locale` that depends on `parts`."""
    text = "\x1f".join((API_REVISION, locale, *map(str, parts)))
    return f'"{blake2b(text.encode(), digest_size=12).hexdigest()}"'


def body_etag(locale: str, body: bytes) -> str:
    """Return the tag of a body as it is."""
    return f'"{blake2b(body, digest_size=12, key=f"{API_REVISION} {locale}".encode()).hexdigest()}"'


def is_unchanged(etag: str) -> bool:
    """Return whether the caller already has it (If-None-Match)."""
    given = request.environ.get("HTTP_IF_NONE_MATCH")
    if not given:
        return False
    return given in (etag, "*") or request.if_none_match.contains_weak(etag.strip('"'))
