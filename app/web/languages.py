"""Which language an answer is in: Accept-Language, else the borrower's stored preference, else English."""

from functools import lru_cache

from flask import g, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

LOCALES = ("en", "zh-CN")
_LONGEST_HEADER = 200


@lru_cache(maxsize=1024)
def negotiate(header: str) -> str | None:
    """Return the best of our locales for an Accept-Language value (RFC 9110), None when it asks for neither."""
    return parse_accept_header(header, LanguageAccept).best_match(LOCALES)


def spoken(locale: str | None) -> str:
    """Return the locale of ours that is nearest to a stored preference."""
    return "zh-CN" if locale and locale.lower().startswith("zh") else "en"


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
