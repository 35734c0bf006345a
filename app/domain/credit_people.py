"""A borrower's own data as a report names a person: surname apart, the number by its kind, the address by its parts.

What cannot be told apart is left empty, and the format's own checks then say what is missing; nothing is guessed.
"""

import re
from collections.abc import Sequence
from datetime import date

from app.domain.credit_accounts import CreditAddress, CreditConsumer
from app.domain.names import han_names

_CN_ID = re.compile(r"\d{17}[\dX]")
_SSN = re.compile(r"\d{9}")
_US_LINE = re.compile(r"(?P<city>[^,\d][^,]*),?\s+(?P<region>[A-Z]{2})\s+(?P<postcode>\d{5}(?:-\d{4})?)", re.IGNORECASE)
_TWO_WORD_SURNAMES = frozenset(
    {"欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯"}
)
_COUNTRY_CODES = {"US": "+1", "CN": "+86"}


def consumer_of(
    *, name: str | None, national_id: str | None, address_lines: Sequence[str], phone: str | None, country: str | None
) -> CreditConsumer:
    """Return the person. `phone` is E.164; `country` ISO 3166, of where they live."""
    first_name, middle_name, surname = _names(name or "")
    number = (national_id or "").replace("-", "").replace(" ", "").upper()
    id_kind = "cn_id" if _CN_ID.fullmatch(number) else "ssn" if country == "US" and _SSN.fullmatch(number) else ""
    return CreditConsumer(
        surname=surname,
        first_name=first_name,
        middle_name=middle_name,
        address=_address(address_lines, country or ""),
        id_kind=id_kind,
        id_number=number if id_kind else "",
        born_on=_born_on(number) if id_kind == "cn_id" else None,
        telephone=_national(phone or "", country or ""),
    )


def _names(name: str) -> tuple[str, str, str]:
    """Return (first, middle, surname): a Han name begins with the surname, others end with it."""
    if han := han_names(name):
        whole = han[0]
        cut = 2 if whole[:2] in _TWO_WORD_SURNAMES else 1
        return whole[cut:], "", whole[:cut]
    words = name.split()
    if len(words) < 2:
        return "", "", name.strip()
    return words[0], " ".join(words[1:-1]), words[-1]


def _born_on(number: str) -> date | None:
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def _address(lines: Sequence[str], country: str) -> CreditAddress | None:
    told = [line.strip() for line in lines if line.strip()]
    if not told:
        return None
    if country == "US":
        found = next((each for line in reversed(told) if (each := _US_LINE.fullmatch(line))), None)
        if found is None or found.group(0) == told[0]:
            return None
        streets = told[: told.index(found.group(0))]
        second = " ".join(streets[1:])
        region = found["region"].upper()
        return CreditAddress(streets[0], found["city"].strip(), region, found["postcode"], second, country)
    return CreditAddress(told[0], told[-1] if len(told) > 1 else "", "", "", " ".join(told[1:-1]), country)


def _national(phone: str, country: str) -> str:
    prefix = _COUNTRY_CODES.get(country)
    if prefix is None or not phone.startswith(prefix):
        return ""
    number = phone.removeprefix(prefix)
    return number if len(number) == (10 if country == "US" else 11) else ""
