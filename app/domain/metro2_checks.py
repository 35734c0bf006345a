"""What must hold of an account before it may stand in a Metro 2 file: each field, and the fields against each other.

The open-source library checks fields one by one; first delinquency, sums past due, marks and history against the status it
does not (contact-law study §7). A refusal names the field and what to do, without personal data; nothing is mended silently.
"""

import re
from datetime import date, timedelta

from app.domain.credit_accounts import BANKRUPT, CreditAccount, CreditConsumer, Standing
from app.domain.credit_histories import history_byte, month_ends
from app.domain.credit_refusals import Refusal
from app.domain.metro2_codes import (
    BY_LATENESS,
    CHARGED,
    CONDITIONS,
    DELETIONS,
    FREQUENCIES,
    GENERATIONS,
    HISTORY,
    INDICATORS,
    NEEDS_DELINQUENCY,
    RATED,
    RELATIONS,
    STATES,
    ZERO_BALANCE,
)
from app.domain.metro2_records import name, text
from app.domain.metro2_refusals import refusal

_MOST_MINOR = 999_999_999_99
_NAME = re.compile(r"[A-Z0-9][A-Z0-9 -]*")
_NUMBER = re.compile(r"[A-Z0-9]{1,30}")
_SSN = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
_ZIP = re.compile(r"\d{5}(-?\d{4})?")
_HISTORY = re.compile(r"[0-6DEGHJKL]*B*")
_JUMP = re.compile("30|4[01]|5[012]|6[0123]")
"""Two months, the newer first, between which it grew later by more than 31 days can: those pass one class over at most."""
_AMOUNTS = ("original_minor", "scheduled_minor", "paid_minor", "balance_minor", "past_due_minor", "charge_off_minor")


def check_account(account: CreditAccount, status: str, rating: str) -> list[Refusal]:
    """Return what is wrong with an account that is to be told as this status and rating; nothing: it may be written."""
    found: list[Refusal] = []
    _identity(account, found)
    if status in DELETIONS:
        return found
    _dates(account, status, found)
    _amounts(account, status, found)
    _delinquency(account, status, rating, found)
    _history(account, status, found)
    _codes(account, status, rating, found)
    _people(account, found)
    return found


def _identity(account: CreditAccount, found: list[Refusal]) -> None:
    who = account.consumer
    if not _NUMBER.fullmatch(account.loan_no):
        found.append(refusal("loan_no", "ACCOUNT_NUMBER"))
    elif who.id_number and who.id_number in account.loan_no and who.id_kind == "ssn":
        found.append(refusal("loan_no", "ACCOUNT_NUMBER_SSN"))
    if account.currency != "USD":
        found.append(refusal("currency", "CURRENCY"))


def _dates(account: CreditAccount, status: str, found: list[Refusal]) -> None:
    opened, as_of, closed = account.opened_on, account.as_of_on, account.closed_on
    if opened > as_of:
        found.append(refusal("opened_on", "OPENED_LATER"))
    paid, first = account.last_paid_on, account.first_delinquent_on
    if paid is not None and not opened <= paid <= as_of:
        found.append(refusal("last_paid_on", "DATE_ORDER"))
    if closed is not None and not opened <= closed <= as_of:
        found.append(refusal("closed_on", "DATE_ORDER"))
    if first is not None and not opened <= first <= as_of:
        found.append(refusal("first_delinquent_on", "DATE_ORDER"))
    if status in ZERO_BALANCE:
        if closed is None:
            found.append(refusal("closed_on", "CLOSED_MISSING"))
        elif (closed.year, closed.month) != (as_of.year, as_of.month):
            found.append(refusal("closed_on", "CLOSED_BEFORE"))
    elif closed is not None:
        found.append(refusal("closed_on", "CLOSED_OPEN"))


def _amounts(account: CreditAccount, status: str, found: list[Refusal]) -> None:
    lent, scheduled, charged = account.original_minor, account.scheduled_minor, account.charge_off_minor
    balance, past_due = account.balance_minor, account.past_due_minor
    amounts = (lent, scheduled, account.paid_minor, balance, past_due, charged)
    if min(amounts) < 0 or max(amounts) > _MOST_MINOR:
        wrong = [field for field, minor in zip(_AMOUNTS, amounts, strict=True) if not 0 <= minor <= _MOST_MINOR]
        found += [refusal(field, "AMOUNT_RANGE") for field in wrong]
    balance, past_due = balance // 100, past_due // 100
    if lent < 100:
        found.append(refusal("original_minor", "ORIGINAL_ZERO"))
    if past_due > balance:
        found.append(refusal("past_due_minor", "PAST_DUE_ABOVE_BALANCE"))
    if past_due and status == "11":
        found.append(refusal("past_due_minor", "PAST_DUE_CURRENT"))
    if not past_due and status in _LATE:
        found.append(refusal("past_due_minor", "PAST_DUE_MISSING"))
    if status in ZERO_BALANCE and (balance or past_due or scheduled >= 100):
        found.append(refusal("balance_minor", "BALANCE_CLOSED"))
    if status in CHARGED and charged < 100:
        found.append(refusal("charge_off_minor", "CHARGE_OFF_MISSING"))
    if status == "97" and past_due != balance:
        found.append(refusal("past_due_minor", "CHARGE_OFF_PAST_DUE"))


_LATE = frozenset(BY_LATENESS[1:])


def _delinquency(account: CreditAccount, status: str, rating: str, found: list[Refusal]) -> None:
    first, who = account.first_delinquent_on, account.consumer
    if status in NEEDS_DELINQUENCY or (status in ("05", "13") and rating not in ("0", "")):
        if first is None:
            found.append(refusal("first_delinquent_on", "DOFD_MISSING"))
        elif status in _LATE and first > account.as_of_on - timedelta(days=account.days_past_due - 30):
            found.append(refusal("first_delinquent_on", "DOFD_TOO_YOUNG"))
    elif who.indicator in BANKRUPT:
        if first is None or first != who.indicator_on:
            found.append(refusal("first_delinquent_on", "DOFD_PETITION"))
    elif first is not None:
        found.append(refusal("first_delinquent_on", "DOFD_CURRENT"))


def _history(account: CreditAccount, status: str, found: list[Refusal]) -> None:
    history, opened, as_of = account.history, account.opened_on, account.as_of_on
    if len(history) != 24 or not _HISTORY.fullmatch(history):
        if len(history) != 24 or not HISTORY.issuperset(history):
            found.append(refusal("history", "HISTORY_VALUES"))
            return
        found.append(refusal("history", "HISTORY_B_INSIDE"))
    months = (as_of.year - opened.year) * 12 + as_of.month - opened.month
    if months < 24 and len(history.rstrip("B")) > max(months, 0):
        found.append(refusal("history", "HISTORY_BEFORE_OPENING"))
    if _JUMP.search(_BYTE_NOW.get(status, "") + history):
        found.append(refusal("history", "HISTORY_JUMP"))


_BYTE_NOW = {status: str(rating) for rating, status in enumerate(BY_LATENESS)}


def _codes(account: CreditAccount, status: str, rating: str, found: list[Refusal]) -> None:
    if (status in RATED) != bool(rating) or rating not in _RATINGS:
        found.append(refusal("payment_rating", "RATING"))
    if account.frequency not in FREQUENCIES:
        found.append(refusal("frequency", "FREQUENCY"))
    code = account.condition_code
    if code not in CONDITIONS:
        found.append(refusal("condition_code", "CONDITION"))
    elif code == "XR" and not account.condition_standing:
        found.append(refusal("condition_code", "CONDITION_NOTHING"))
    if account.standing is Standing.SETTLED and not account.written_off_minor:
        found.append(refusal("written_off_minor", "SETTLED_FOR_ALL"))


_RATINGS = frozenset({"", *"0123456GL"})


def _people(account: CreditAccount, found: list[Refusal]) -> None:
    who = account.consumer
    _person(who, "consumer", found)
    _address(who, "consumer", found)
    if who.relation == "1" and account.associated:
        found.append(refusal("consumer.relation", "ECOA_ALONE"))
    if who.relation == "2" and not account.associated:
        found.append(refusal("consumer.relation", "ECOA_JOINT"))
    for number, other in enumerate(account.associated):
        _person(other, f"associated.{number}", found)
        if other.has_own_address:
            _address(other, f"associated.{number}", found)


def _person(who: CreditConsumer, at: str, found: list[Refusal]) -> None:
    if not _is_name(who.surname):
        found.append(refusal(f"{at}.surname", "NAME"))
    if not _is_name(who.first_name):
        found.append(refusal(f"{at}.first_name", "NAME"))
    if who.middle_name and not _is_name(who.middle_name):
        found.append(refusal(f"{at}.middle_name", "NAME"))
    if who.id_kind == "ssn":
        if not _SSN.fullmatch(who.id_number):
            found.append(refusal(f"{at}.id_number", "SSN"))
    elif who.born_on is None:
        found.append(refusal(f"{at}.born_on", "SSN_OR_BIRTH"))
    if who.telephone and not (len(who.telephone) == 10 and who.telephone.isdigit()):
        found.append(refusal(f"{at}.telephone", "TELEPHONE"))
    if who.generation not in GENERATIONS:
        found.append(refusal(f"{at}.generation", "GENERATION"))
    if who.relation not in RELATIONS:
        found.append(refusal(f"{at}.relation", "ECOA"))
    if who.indicator not in INDICATORS:
        found.append(refusal(f"{at}.indicator", "INDICATOR"))


def _is_name(value: str) -> bool:
    return (value.isalnum() and value.isascii()) or bool(_NAME.fullmatch(name(value)))


def _address(who: CreditConsumer, at: str, found: list[Refusal]) -> None:
    where = who.address
    if where is None:
        found.append(refusal(f"{at}.address", "ADDRESS"))
        return
    told = where.line_1 + where.line_2 + where.city
    if not (where.line_1 and where.city and told.isprintable() and (told.isascii() or text(told).isascii())):
        found.append(refusal(f"{at}.address", "ADDRESS_LETTERS"))
    if where.country == "US" and not (where.region in STATES and _ZIP.fullmatch(where.postcode)):
        found.append(refusal(f"{at}.address", "ADDRESS_US"))


def check_follows(previous: CreditAccount, account: CreditAccount) -> list[Refusal]:
    """Return where an account does not continue what was reported before: opening, history, first delinquency.

    Of a correction (`is_correction`) only the opening date is compared.
    """
    found = []
    if previous.opened_on != account.opened_on:
        found.append(refusal("opened_on", "OPENED_CHANGED"))
    if account.is_correction:
        return found
    missed = "D" * len(month_ends(previous.as_of_on, account.as_of_on)[1:])
    expected = missed + history_byte(previous.standing, previous.was, previous.days_past_due) + previous.history
    if account.history != expected[:24]:
        found.append(refusal("history", "HISTORY_BROKEN"))
    first, before = account.first_delinquent_on, previous.first_delinquent_on or previous.set_aside_on
    if before and first and before < first and not _may_restart(previous, first):
        found.append(refusal("first_delinquent_on", "DOFD_MOVED"))
    return found


def _may_restart(previous: CreditAccount, first: date) -> bool:
    """Return whether a new stretch can have begun: not from a loss, and a cure and 30 more days fit before it."""
    return not previous.is_derogatory or (previous.standing is Standing.OPEN and first > previous.as_of_on)
