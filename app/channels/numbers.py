"""Phone numbers before anything is sent to them: of which country, and whether a text or a call makes sense at all."""

from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome

_COSTLY = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER})
"""The sender or the person called pays extra: the address of a fraud, not of a borrower."""
_NO_TEXTS = frozenset(
    {PhoneNumberType.FIXED_LINE, PhoneNumberType.TOLL_FREE, PhoneNumberType.UAN, PhoneNumberType.VOICEMAIL}
)


@lru_cache(maxsize=8192)
def country_of(phone: str) -> str:
    """Return the ISO 3166 code of a number in E.164, "" where it says none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""


def refused_number(phone: str, *, for_text: bool) -> DeliveryResult | None:
    """Return the refusal of a number that must not be tried, or None.

    Not a possible number, one that costs extra, and for a text a landline. A number that is possible and in no numbering
    plan we know is tried: new prefixes are older than the tables of many installations, and the provider says so at once.
    """
    code = _reason(phone, for_text)
    return DeliveryResult(Outcome.REFUSED, error_code=code, verdict=EndpointVerdict.INVALID) if code else None


@lru_cache(maxsize=8192)
def _reason(phone: str, for_text: bool) -> str | None:
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return "bad_address"
    if not phonenumbers.is_possible_number(number):
        return "bad_address"
    kind = phonenumbers.number_type(number)
    if kind in _COSTLY:
        return "premium_number"
    return "landline" if for_text and kind in _NO_TEXTS else None
