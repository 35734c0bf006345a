"""Which language an answer is in: Accept-Language, else the borrower's stored preference, else English."""

from functools import lru_cache

from flask import g, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

_LOCALE_OF = {"en": "en", "zh": "zh-CN"}
"""Our locale for a primary language subtag: phones say zh-Hans-CN, and zh-Hant is better met by zh-CN than by English."""
_LONGEST_HEADER = 200


@lru_cache(maxsize=1024)
def negotiate(header: str) -> str | None:
    """Return our locale for the language an Accept-Language value (RFC 9110) wants most, None when it names neither."""
    for tag, quality in parse_accept_header(header, LanguageAccept):
        if quality > 0 and (locale := _locale(tag)):
            return locale
    return None


def spoken(locale: str | None) -> str:
    """Return the locale of ours that is nearest to a stored preference."""
    return (locale and _locale(locale)) or "en"


def _locale(tag: str) -> str | None:
    return _LOCALE_OF.get(tag.replace("_", "-").partition("-")[0].lower())


def request_locale() -> str:
    """Return the locale of this answer, worked out once."""
    locale: str | None = g.get("locale")
    if locale is None:
        header = request.environ.get("HTTP_ACCEPT_LANGUAGE")
        asked = negotiate(header) if header and len(header) <= _LONGEST_HEADER else None
        principal = g.get("principal")
        locale = asked or spoken(getattr(principal, "locale", None))
        if asked or principal is not None:
            g.locale = locale
    return locale
