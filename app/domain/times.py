"""Zones, business dates and local instants. Instants are aware datetimes in UTC."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.errors import ValidationError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_NO_PLACE = re.compile(r"(posix|right)/.*|localtime|posixrules|Factory")
"""Files beside the zones that are none: the same zones again (with leap seconds, 27 s off) and this machine's own."""


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone. Raises ValidationError for a name the zone database does not have."""
    try:
        if _NO_PLACE.fullmatch(name):
            raise ZoneInfoNotFoundError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder, or a name too long for the file system
        raise ValidationError(f"{name!r} is not an IANA time zone.") from None


def business_date(at: datetime, zone: str) -> date:
    """Return the calendar date on the wall in `zone` at that instant."""
    return at.astimezone(zone_named(zone)).date()


def local_instant(on: date, at: time, zone: str) -> datetime:
    """Return the UTC instant of a wall time.

    In a gap (clocks go forward) the instant lies after it by the length of the gap; of two equal wall times (clocks go
    back) the first is meant. Source: PEP 495, fold=0.
    """
    return _local_instant(on, at, zone)


@lru_cache(maxsize=65536)
def _local_instant(on: date, at: time, zone: str) -> datetime:
    return datetime.combine(on, at, tzinfo=zone_named(zone)).astimezone(UTC)


def end_of_day(on: date, zone: str) -> datetime:
    """Return the last microsecond of that business date: when a value date without a time of day became known."""
    return local_instant(on + timedelta(days=1), time(0), zone) - MICROSECOND


def to_micros(at: datetime) -> int:
    """Return microseconds since 1970-01-01T00:00Z, exactly."""
    return (at - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC instant of a count of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=micros)


def rfc3339(at: datetime) -> str:
    """Return the instant as RFC 3339 in UTC with a Z; whole seconds when there is no fraction."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Return the instant of RFC 3339 text with an offset. Raises ValidationError when it has none or is no instant."""
    try:
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00").replace("z", "+00:00"))
        if at.tzinfo is None:
            raise ValidationError(f"{text!r} has no offset; write it like 2026-11-23T09:00:00Z.")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationError(f"{text!r} is not an instant; write it like 2026-11-23T09:00:00Z.") from None
