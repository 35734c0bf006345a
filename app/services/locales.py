"""Checking language tags and territories against CLDR."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError

from app.domain.errors import ValidationError


@lru_cache(maxsize=256)
def check_locale(tag: str) -> None:
    """Refuse a language tag that CLDR does not know. Raises ValidationError. Source: BCP 47, CLDR."""
    try:
        Locale.parse(tag.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValidationError(f"locale {tag!r} is not a language tag such as en or zh-CN.") from None


@lru_cache(maxsize=512)
def check_territory(code: str, *, what: str = "country") -> None:
    """Refuse what is not an ISO 3166 alpha-2 code. Raises ValidationError."""
    if len(code) != 2 or not code.isalpha() or code not in Locale("en").territories:
        raise ValidationError(f"{what} {code!r} is not a two-letter country code (ISO 3166).")
