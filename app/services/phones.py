"""Phones: whether a number can exist, and where its region lies."""

from functools import lru_cache

import phonenumbers
from phonenumbers import timezone as phone_timezone

from app.domain.errors import ValidationError

_UNKNOWN_ZONE = "Etc/Unknown"


def check_phone(phone: str) -> None:
    """Refuse a phone that is not written in E.164 or cannot exist. Raises ValidationError, without the number."""
    try:
        number = phonenumbers.parse(phone)
        wanted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        raise ValidationError(
            "phone is not an international number: write +, the country code and the number, digits only."
        ) from None
    if wanted != phone or not phonenumbers.is_possible_number(number):
        raise ValidationError(
            "phone is not a possible number: write +, the country code and the number, without a leading 0 or blanks."
        )


@lru_cache(maxsize=4096)
def _zones_of_prefix(number: int, country_code: int) -> tuple[str, ...]:
    parsed = phonenumbers.PhoneNumber(country_code=country_code, national_number=number)
    zones = phone_timezone.time_zones_for_number(parsed)
    return tuple(zone for zone in zones if zone != _UNKNOWN_ZONE)


def phone_zones(phone: str | None) -> list[str]:
    """Return the zones of the region a phone belongs to; none for a number that says nothing about its place."""
    if phone is None:
        return []
    number = phonenumbers.parse(phone)
    return list(_zones_of_prefix(number.national_number, number.country_code))
