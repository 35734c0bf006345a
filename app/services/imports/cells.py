"""Turning the text of one cell into a value, by what the map declares and never by guessing.

Amounts become minor units, dates their ordinal (`date.toordinal`), instants microseconds since 1970: plain integers, which
stage and sort fast. Each parser raises ValueError with the reason alone; the row adds where.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from app.domain.errors import ValidationError
from app.domain.money import minor_from_decimal
from app.domain.times import parse_instant, to_micros, zone_named

Parser = Callable[[str], object]
AmountParser = Callable[[str, str, int], int]
"""(text, currency, its exponent) -> minor units."""

EXCEL_SERIAL = "excel"
"""A date as the day number of the 1900 system, as spreadsheets store it."""
RFC3339 = "rfc3339"
"""An instant with its own offset."""

_EXCEL_DAY_ZERO = date(1899, 12, 30).toordinal()
_EXCEL_FIRST_SAFE = 61  # day 60 is 29 February 1900, which never was; what comes before it is off by one
_EARLIEST, _LATEST = date(1900, 1, 1).toordinal(), date(2200, 1, 1).toordinal()
_LARGEST_MINOR = 10**16
_LARGEST_WHOLE = 2**31 - 1
_REMEMBERED = 50_000
_PLAIN = re.compile(r"(-?)([0-9]+)(?:\.([0-9]*))?")
_SCIENTIFIC = re.compile(r"-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]{1,3}")
_WHOLE = re.compile(r"([0-9]{1,10})(?:\.0+)?")
_RUN_TOGETHER = re.compile(r"%[YymdjHMS]%[YymdjHMS]")
"""Parts of a date with nothing between them: only their full width tells them apart."""
_BINARY_NOISE = Decimal("1e-9")
_RATE = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def fold_width(text: str) -> str:
    """Return full-width digits and signs as the plain ones."""
    return unicodedata.normalize("NFKC", text)


def amount_parser(
    *, decimal: str = ".", group: str = "", signs: Sequence[str] = (), tolerance: Decimal = Decimal(0)
) -> AmountParser:
    """Return the parser of amounts of one number locale. `tolerance` as in `minor_from_decimal`."""
    grouped = (
        # The last group is a full one, or "12,50" of a file with decimal commas would pass for 1,250.
        re.compile(
            rf"-?[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{2,3}})*{re.escape(group)}[0-9]{{3}}(?:{re.escape(decimal)}[0-9]*)?"
        )
        if group
        else None
    )
    either = "|".join(re.escape(sign) for sign in signs)
    signed = re.compile(rf"(-?)\s*(?:{either})\s*(.*)|(.*?)\s*(?:{either})") if signs else None

    def parse(text: str, currency: str, exponent: int) -> int:
        if signed is not None and (match := signed.fullmatch(text)):
            text = match[3] if match[3] is not None else match[1] + match[2]
        if grouped is not None and group in text:
            if grouped.fullmatch(text) is None:
                raise ValueError(f"is not a number written with {group!r} between groups and {decimal!r} before decimals")
            text = text.replace(group, "")
        if decimal != ".":
            if "." in text:
                raise ValueError(f"has a point where this file writes {decimal!r}")
            text = text.replace(decimal, ".")
        match = _PLAIN.fullmatch(text)
        if match is not None:
            sign, whole, fraction = match.groups()
            fraction = (fraction or "").rstrip("0")
            if len(fraction) <= exponent:
                minor = int(whole + fraction.ljust(exponent, "0"))
                return _sized(-minor if sign else minor)
        elif _SCIENTIFIC.fullmatch(text) is None:
            raise ValueError("is not a number")
        try:
            amount = Decimal(text)
            if amount.adjusted() > 15:
                raise ValueError("is too large")
            return _sized(minor_from_decimal(amount, currency, tolerance=tolerance))
        except ValidationError:
            raise ValueError(f"has more decimals than {currency} ({exponent})") from None

    return parse


def _sized(minor: int) -> int:
    if abs(minor) > _LARGEST_MINOR:
        raise ValueError("is too large")
    return minor


def whole(text: str) -> int:
    """Return a whole number; "19.0" is one too."""
    match = _WHOLE.fullmatch(text)
    if match is None or int(match[1]) > _LARGEST_WHOLE:
        raise ValueError("is not a whole number")
    return int(match[1])


def rate_parser(*, percent: bool = False, decimals: int | None = None) -> Callable[[str], str]:
    """Return the parser of rates, which gives decimal text: exactly as given, unless the map says more.

    `percent`: 12.5 is 0.125. `decimals`: 0.12210000000000001 is 0.1221; what changes it by more than binary fractions do is
    refused, for a rate is never rounded.
    """

    def parse(text: str) -> str:
        if _RATE.fullmatch(text) is None:
            raise ValueError("is not a decimal number")
        if not percent and decimals is None:
            return text
        value = Decimal(text).scaleb(-2) if percent else Decimal(text)
        if decimals is not None:
            rounded = value.quantize(Decimal(1).scaleb(-decimals))
            if abs(rounded - value) > _BINARY_NOISE:
                raise ValueError(f"has more than {decimals} decimals")
            value = rounded
        return f"{value.normalize():f}"

    return parse


def currency(text: str) -> str:
    """Return a currency code; whether it is known is checked with the row."""
    if re.fullmatch(r"[A-Z]{3}", text) is None:
        raise ValueError("is not a currency code such as USD")
    return text


def date_parser(formats: Sequence[str], day: int | None = None) -> Parser:
    """Return the parser of dates in one of these strptime formats (or "excel"), tried in order.

    `day`: the formats say only month and year, and this day of the month is meant.
    """
    remembered: dict[str, int] = {}

    def parse(text: str) -> int:
        found = remembered.get(text)
        if found is None:
            if len(remembered) > _REMEMBERED:
                remembered.clear()
            found = remembered[text] = _parse_date(text, formats) + (day or 1) - 1
        return found

    return parse


def _parse_date(text: str, formats: Sequence[str]) -> int:
    for form in formats:
        if form == EXCEL_SERIAL:
            if text.isascii() and text.isdigit() and len(text) <= 6 and int(text) >= _EXCEL_FIRST_SAFE:
                return _in_range(_EXCEL_DAY_ZERO + int(text))
            continue
        try:
            day = datetime.strptime(text, form).replace(tzinfo=UTC)
            if _RUN_TOGETHER.search(form) and day.strftime(form) != text:
                continue  # "2026115" could be 15 January or 5 November
            return _in_range(day.toordinal())
        except ValueError:
            continue
    raise ValueError(f"is not a date written as {' or '.join(formats)}")


def _in_range(ordinal: int) -> int:
    if not _EARLIEST <= ordinal <= _LATEST:
        raise ValueError
    return ordinal


def instant_parser(formats: Sequence[str], zone: str) -> Parser:
    """Return the parser of instants: wall times of `zone` in one of these formats, or "rfc3339" with an offset."""
    where = zone_named(zone)

    def parse(text: str) -> int:
        for form in formats:
            try:
                if form == RFC3339:
                    return to_micros(parse_instant(text))
                return to_micros(datetime.strptime(text, form).replace(tzinfo=where).astimezone(UTC))
            except (ValueError, ValidationError):
                continue
        raise ValueError(f"is not a time written as {' or '.join(formats)}")

    return parse


def code_parser(codes: dict[str, str]) -> Parser:
    """Return the parser of a column of codes: only the ones the map lists are known."""

    def parse(text: str) -> str:
        try:
            return codes[text]
        except KeyError:
            raise ValueError(f"is not one of the codes {', '.join(codes)}") from None

    return parse
