"""The records of a Metro 2 file in the character format: header, base segment of 426 with what is appended, trailer.

Positions are those of moov-io/metro2 pkg/lib/specifications.go (read; contact-law study §7). Numbers are zero-filled, texts
upper-case, left-justified and blank-filled, money whole dollars with the cents cut off, dates MMDDYYYY or zeros.
A record is as long as what is appended, and says so in its first four bytes. Templates are filled by one `%`: half the time
of joining fields.
"""

from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple
from unicodedata import combining, normalize

from app.domain.credit_accounts import CreditAccount, CreditConsumer
from app.domain.metro2_codes import CHARGED, comment_of, duration_of, kind_of

BASE_LENGTH = 426
_UNIT = 100
"""Minor units of a dollar."""
_NO_DATE = "00000000"


class Furnisher(NamedTuple):
    """Who reports: what the header says, and the identification number that every base segment repeats."""

    identification_no: str
    """Unique, 5 to 20 letters and digits, the same every month."""
    name: str
    address: str
    telephone: str = ""
    equifax_id: str = ""
    experian_id: str = ""
    transunion_id: str = ""
    innovis_id: str = ""
    software: str = "DUECOURSE"
    creditor_class: str = "12"
    """Of the original creditor, where there is one: 12 financial (constants.go)."""


class _Days(dict[date | None, str]):
    """MMDDYYYY by date; a file has few different dates."""

    def __missing__(self, day: date | None) -> str:
        told = _NO_DATE if day is None else day.strftime("%m%d%Y")
        self[day] = told
        return told


_MDY = _Days()

_BASE_FIELDS = (
    "%04d",  # length of the record
    "1",  # processing indicator
    "%s",  # time stamp, 14
    "%d",  # correction indicator
    "%-20.20s",  # identification number
    "  ",  # cycle
    "%-30.30s",  # account number, at 42
    "%s%s",  # portfolio, account type
    "%s",  # opened
    "%09d%09d",  # credit limit, highest credit
    "%s%s",  # terms duration, frequency
    "%09d%09d",  # scheduled, actual payment
    "%s%-1s",  # status, rating, at 123
    "%s",  # history
    "%-2s%-2s",  # special comment, compliance condition
    "%09d%09d%09d",  # balance, past due, original charge-off
    "%s%s%s%s",  # as of, first delinquency, closed, last payment
    " ",  # interest type
    " " * 17,
    "%-25.25s%-20.20s%-20.20s%-1s",  # surname, at 231
    "%s%s%s",  # SSN, birth, telephone
    "%s%-2s",  # ECOA, consumer information indicator
    "%-2.2s%-32.32s%-32.32s%-20.20s%-2.2s%-9.9s",  # address, at 327
    "  ",  # address indicator, residence
)
_BASE = "".join(_BASE_FIELDS)
_J1 = "J1 %-25.25s%-20.20s%-20.20s%-1s%s%s%s%s%-2s "
_J2 = "J2 %-25.25s%-20.20s%-20.20s%-1s%s%s%s%s%-2s%-2.2s%-32.32s%-32.32s%-20.20s%-2.2s%-9.9s    "


def base_record(account: CreditAccount, furnisher: Furnisher, stamp: str, status: str, rating: str) -> str:
    """Return the base segment and what is appended. `stamp` is MMDDYYYYHHMMSS; the account must have passed the checks."""
    told = _record(account, furnisher, stamp, status, rating)
    if not told.isascii():
        plain = replace(
            account, consumer=_without_accents(account.consumer), associated=tuple(map(_without_accents, account.associated))
        )
        told = _record(plain, furnisher, stamp, status, rating)
    return told.upper()


def _record(account: CreditAccount, furnisher: Furnisher, stamp: str, status: str, rating: str) -> str:
    who = account.consumer
    portfolio, kind = kind_of(account)
    appended = ""
    if account.associated or account.original_creditor or account.holder_change or account.number_change:
        appended = appended_segments(account, furnisher)
    lent = account.original_minor // _UNIT
    closed = account.closed_on
    return (
        _BASE
        % (
            BASE_LENGTH + len(appended),
            stamp,
            account.is_correction,
            furnisher.identification_no,
            account.loan_no,
            portfolio,
            kind,
            _MDY[account.opened_on],
            # Limits are told of lines of credit only; of those the highest credit stands for both.
            lent if portfolio == "C" else 0,
            lent,
            duration_of(account),
            account.frequency,
            account.scheduled_minor // _UNIT,
            account.paid_minor // _UNIT,
            status,
            rating,
            account.history,
            comment_of(account),
            account.condition_code,
            account.balance_minor // _UNIT,
            account.past_due_minor // _UNIT,
            account.charge_off_minor // _UNIT if status in CHARGED else 0,
            _MDY[closed or account.as_of_on],
            _MDY[account.first_delinquent_on],
            _MDY[closed],
            _MDY[account.last_paid_on],
            *_person(who),
            *_address(who),
        )
        + appended
    )


def _person(who: CreditConsumer) -> tuple[object, ...]:
    return (
        who.surname if who.surname.isalpha() else name(who.surname),
        who.first_name if who.first_name.isalpha() else name(who.first_name),
        name(who.middle_name) if who.middle_name else "",
        who.generation,
        who.id_number if who.id_kind == "ssn" else "000000000",
        _MDY[who.born_on],
        who.telephone or "0000000000",
        who.relation,
        who.indicator,
    )


def _address(who: CreditConsumer) -> tuple[str, ...]:
    at = who.address
    if at is None:
        return "", "", "", "", "", ""
    return at.country, at.line_1, at.line_2, at.city, at.region, at.postcode.replace("-", "")


def _without_accents(who: CreditConsumer) -> CreditConsumer:
    at = who.address
    if at is not None:
        at = at._replace(line_1=text(at.line_1), line_2=text(at.line_2), city=text(at.city))
    return replace(
        who, address=at, surname=text(who.surname), first_name=text(who.first_name), middle_name=text(who.middle_name)
    )


def text(value: str) -> str:
    """Return a text as the format has it: upper-case, without the accents of Latin letters."""
    if value.isascii():
        return value.upper()
    return normalize("NFKD", value).encode("ascii", "ignore").decode().upper() if _is_latin(value) else value


def name(value: str) -> str:
    """Return a name as the format has it: no special character but the hyphen (field 26)."""
    return text(value).translate(_DROPPED)


_DROPPED = str.maketrans("", "", "'.,’`")


def _is_latin(value: str) -> bool:
    return all(letter.isascii() or combining(letter) for letter in normalize("NFKD", value))


def appended_segments(account: CreditAccount, furnisher: Furnisher) -> str:
    """Return J1 and J2 of others who owe it, K1 original creditor, K2 sold or bought, L1 change of number; often nothing."""
    same = [who for who in account.associated if not who.has_own_address]
    found = "".join(_J1 % _person(who) for who in same)
    if len(same) < len(account.associated):
        found += "".join(_J2 % (*_person(who), *_address(who)) for who in account.associated if who.has_own_address)
    if account.original_creditor:
        found += f"K1{text(account.original_creditor):30.30}{furnisher.creditor_class:>02.2}"
    if account.holder_change:
        sign = 1 if account.holder_change.kind == "purchased_from" else 2
        found += f"K2{sign}{text(account.holder_change.name):30.30} "
    change = account.number_change
    if change:
        sign = 3 if change.account_no and change.furnisher_no else 1 if change.account_no else 2
        found += f"L1{sign}{change.account_no:30.30}{change.furnisher_no:20.20} "
    return found


def header_record(furnisher: Furnisher, activity_on: date, created_on: date) -> str:
    """Return the header: who reports, the day the accounts are as of, the day the file is made."""
    told = (
        f"{BASE_LENGTH:04}HEADER  {furnisher.innovis_id:10.10}{furnisher.equifax_id:10.10}{furnisher.experian_id:5.5}"
        f"{furnisher.transunion_id:10.10}{_MDY[activity_on]}{_MDY[created_on]}{_NO_DATE}{_NO_DATE}"
        f"{text(furnisher.name):40.40}{text(furnisher.address):96.96}{int(furnisher.telephone or 0):010}"
        f"{text(furnisher.software):40.40}"
    )
    return told.ljust(BASE_LENGTH)


def stamp_of(at: datetime) -> str:
    """Return an instant as MMDDYYYYHHMMSS."""
    return at.strftime("%m%d%Y%H%M%S")


_TRAILER_FIELDS = (
    *("bases", "reserved", "DF", "J1", "J2", "blocks", "DA"),
    *("05", "11", "13", "61", "62", "63", "64", "65", "71", "78", "80", "82", "83", "84"),
    *("88", "89", "93", "94", "95", "96", "97"),
    *("ecoa_z", "N1", "K1", "K2", "K3", "K4", "L1"),
    *("ssns", "ssns_base", "ssns_J1", "ssns_J2", "births", "births_base", "births_J1", "births_J2", "telephones"),
)
"""What each nine digits of the trailer count, from position 11 on."""


def trailer_record(totals: dict[str, int]) -> str:
    """Return the trailer of these totals."""
    counted = "".join(" " * 9 if name == "reserved" else f"{totals.get(name, 0):09}" for name in _TRAILER_FIELDS)
    return f"{BASE_LENGTH:04}TRAILER{counted}".ljust(BASE_LENGTH)
