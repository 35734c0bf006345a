"""Amounts and dates as people write them. Messages and documents only: the API sends minor units and ISO dates."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_name

from app.domain.money import Money, currency_exponent


@lru_cache(maxsize=64)
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):  # a language that CLDR has no data for is written as English
        return Locale("en")


@lru_cache(maxsize=8192)
def written_money(money: Money, locale: str) -> str:
    """Return e.g. "$1,234.50" or "¥1,234.50", with as many decimals as the currency has. Source: CLDR."""
    return format_currency(money.to_decimal(), money.currency, locale=_locale(locale))


def written_sum(totals: Mapping[str, int], locale: str) -> str:
    """Return the totals (currency -> minor units) in one line, currencies in alphabetical order, never added together."""
    return " + ".join(written_money(Money(minor, currency), locale) for currency, minor in sorted(totals.items()))


@lru_cache(maxsize=4096)
def written_date(on: date, locale: str) -> str:
    """Return e.g. "23 Nov 2026" in the manner of the locale. Source: CLDR."""
    return format_date(on, format="medium", locale=_locale(locale))


@lru_cache(maxsize=256)
def _column_pattern(currency: str, locale: str) -> str:
    """Return the locale's pattern of decimals, such as #,##0.###, with exactly as many as ISO 4217 gives the currency."""
    whole = str(_locale(locale).decimal_formats[None].pattern).partition(".")[0]
    exponent = currency_exponent(currency)
    return whole + ("." + "0" * exponent if exponent else "")


@lru_cache(maxsize=8192)
def written_number(minor: int, currency: str, locale: str) -> str:
    """Return e.g. "1,234.50" or "-0.05" for a column of amounts that names its currency elsewhere. Source: CLDR."""
    amount = Money(minor, currency).to_decimal()
    return format_decimal(amount, format=_column_pattern(currency, locale), locale=_locale(locale))


@lru_cache(maxsize=256)
def currency_name(currency: str, locale: str) -> str:
    """Return e.g. "Chinese Yuan" or "人民币". Source: CLDR."""
    return get_currency_name(currency, locale=_locale(locale))
