"""What must hold of an account before it may stand in a Metro 2 file: each field, and the fields against each other.

The open-source library checks fields one by one; first delinquency, sums past due, marks and history against the status it
does not (contact-law study §7). A refusal names the field and what to do, without personal data; nothing is mended silently.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

from app.domain.credit_accounts import BANKRUPT, DELETED, CreditAccount, CreditConsumer, Standing
from app.domain.credit_histories import history_byte, month_ends
from app.domain.credit_refusals import Refusal
from app.domain.metro2_codes import (
    BY_LATENESS,
    CHARGED,
    CONDITIONS,
    FREQUENCIES,
    GENERATIONS,
    HISTORY,
    INDICATORS,
    NEEDS_DELINQUENCY,
    RATED,
    RELATIONS,
    ZERO_BALANCE,
)
from app.domain.metro2_records import name, text
from app.domain.metro2_refusals import refusal

_MOST_MINOR = 999_999_999_99
_NAME = re.compile(r"[A-Z0-9][A-Z0-9 -]*")
_NUMBER = re.compile(r"[A-Z0-9]{1,30}")
_SSN = re.compile(r"(?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4}")
_PRINTED = re.compile(r"[ -~]+")
_STATE = re.compile(r"[A-Z]{2}")
_ZIP = re.compile(r"\d{5}(-?\d{4})?")
_AMOUNTS = ("original_minor", "scheduled_minor", "paid_minor", "balance_minor", "past_due_minor", "charge_off_minor")


def check_account(account: CreditAccount, status: str, rating: str) -> list[Refusal]:
    """Return what is wrong with an account that is to be told as this status and rating; nothing: it may be written."""
    if account.standing in DELETED:
        return [*_identity(account)]
    return [
        *_identity(account),
        *_dates(account, status),
        *_amounts(account, status),
        *_delinquency(account, status, rating),
        *_history(account, status),
        *_codes(account, status, rating),
        *_people(account),
    ]


def _identity(account: CreditAccount) -> Iterator[Refusal]:
    if not _NUMBER.fullmatch(account.loan_no):
        yield refusal("loan_no", "ACCOUNT_NUMBER")
    elif account.consumer.id_kind == "ssn" and account.consumer.id_number and account.consumer.id_number in account.loan_no:
        yield refusal("loan_no", "ACCOUNT_NUMBER_SSN")
    if account.currency != "USD":
        yield refusal("currency", "CURRENCY")


def _dates(account: CreditAccount, status: str) -> Iterator[Refusal]:
    opened, as_of = account.opened_on, account.as_of_on
    if opened > as_of:
        yield refusal("opened_on", "OPENED_LATER")
    for field in ("last_paid_on", "closed_on", "first_delinquent_on"):
        day = getattr(account, field)
        if day is not None and not opened <= day <= as_of:
            yield refusal(field, "DATE_ORDER")
    if status in ZERO_BALANCE:
        if account.closed_on is None:
            yield refusal("closed_on", "CLOSED_MISSING")
        elif (account.closed_on.year, account.closed_on.month) != (as_of.year, as_of.month):
            yield refusal("closed_on", "CLOSED_BEFORE")
    elif account.closed_on is not None:
        yield refusal("closed_on", "CLOSED_OPEN")


def _amounts(account: CreditAccount, status: str) -> Iterator[Refusal]:
    for field in _AMOUNTS:
        amount = getattr(account, field)
        if not 0 <= amount <= _MOST_MINOR:
            yield refusal(field, "AMOUNT_RANGE")
    if account.original_minor < 100:
        yield refusal("original_minor", "ORIGINAL_ZERO")
    balance, past_due = account.balance_minor // 100, account.past_due_minor // 100
    if past_due > balance:
        yield refusal("past_due_minor", "PAST_DUE_ABOVE_BALANCE")
    if past_due and status == "11":
        yield refusal("past_due_minor", "PAST_DUE_CURRENT")
    if not past_due and status in BY_LATENESS[1:]:
        yield refusal("past_due_minor", "PAST_DUE_MISSING")
    if status in ZERO_BALANCE and (balance or past_due or account.scheduled_minor >= 100):
        yield refusal("balance_minor", "BALANCE_CLOSED")
    if status in CHARGED and account.charge_off_minor < 100:
        yield refusal("charge_off_minor", "CHARGE_OFF_MISSING")
    if status == "97" and past_due != balance:
        yield refusal("past_due_minor", "CHARGE_OFF_PAST_DUE")


def _delinquency(account: CreditAccount, status: str, rating: str) -> Iterator[Refusal]:
    first, who = account.first_delinquent_on, account.consumer
    if status in NEEDS_DELINQUENCY or (status in ("05", "13") and rating not in ("0", "")):
        if first is None:
            yield refusal("first_delinquent_on", "DOFD_MISSING")
        elif status in BY_LATENESS and first > account.as_of_on - timedelta(days=account.days_past_due - 30):
            yield refusal("first_delinquent_on", "DOFD_TOO_YOUNG")
    elif who.indicator in BANKRUPT:
        if first is None or first != who.indicator_on:
            yield refusal("first_delinquent_on", "DOFD_PETITION")
    elif first is not None:
        yield refusal("first_delinquent_on", "DOFD_CURRENT")


def _history(account: CreditAccount, status: str) -> Iterator[Refusal]:
    history = account.history
    if len(history) != 24 or not HISTORY.issuperset(history):
        yield refusal("history", "HISTORY_VALUES")
        return
    told = history.rstrip("B")
    if "B" in told:
        yield refusal("history", "HISTORY_B_INSIDE")
    months = (account.as_of_on.year - account.opened_on.year) * 12 + account.as_of_on.month - account.opened_on.month
    if len(told) > max(months, 0):
        yield refusal("history", "HISTORY_BEFORE_OPENING")
    now = str(BY_LATENESS.index(status)) if status in BY_LATENESS else ""
    chain = now + told
    for newer, older in pairwise(chain):
        # 31 days more past due can pass one class over, never two.
        if newer.isdigit() and older.isdigit() and int(newer) - int(older) > 2:
            yield refusal("history", "HISTORY_JUMP")
            return


def _codes(account: CreditAccount, status: str, rating: str) -> Iterator[Refusal]:
    if (status in RATED) != bool(rating) or rating not in ("", *"0123456GL"):
        yield refusal("payment_rating", "RATING")
    if account.frequency not in FREQUENCIES:
        yield refusal("frequency", "FREQUENCY")
    code = account.condition_code
    if code not in CONDITIONS:
        yield refusal("condition_code", "CONDITION")
    elif code == "XR" and not account.condition_standing:
        yield refusal("condition_code", "CONDITION_NOTHING")
    if account.standing is Standing.SETTLED and not account.written_off_minor:
        yield refusal("written_off_minor", "SETTLED_FOR_ALL")


def _people(account: CreditAccount) -> Iterator[Refusal]:
    who = account.consumer
    yield from _person(who, "consumer")
    if who.address is None:
        yield refusal("consumer.address", "ADDRESS")
    else:
        yield from _address(who, "consumer")
    if who.relation == "1" and account.associated:
        yield refusal("consumer.relation", "ECOA_ALONE")
    if who.relation == "2" and not account.associated:
        yield refusal("consumer.relation", "ECOA_JOINT")
    for number, other in enumerate(account.associated):
        yield from _person(other, f"associated.{number}")
        if other.has_own_address:
            yield from _address(other, f"associated.{number}")


def _person(who: CreditConsumer, at: str) -> Iterator[Refusal]:
    for field in ("surname", "first_name"):
        if not _NAME.fullmatch(name(getattr(who, field))):
            yield refusal(f"{at}.{field}", "NAME")
    if who.middle_name and not _NAME.fullmatch(name(who.middle_name)):
        yield refusal(f"{at}.middle_name", "NAME")
    if who.id_kind == "ssn":
        if not _SSN.fullmatch(who.id_number):
            yield refusal(f"{at}.id_number", "SSN")
    elif who.born_on is None:
        yield refusal(f"{at}.born_on", "SSN_OR_BIRTH")
    if who.telephone and not (who.telephone.isdigit() and len(who.telephone) == 10):
        yield refusal(f"{at}.telephone", "TELEPHONE")
    if who.generation not in GENERATIONS:
        yield refusal(f"{at}.generation", "GENERATION")
    if who.relation not in RELATIONS:
        yield refusal(f"{at}.relation", "ECOA")
    if who.indicator not in INDICATORS:
        yield refusal(f"{at}.indicator", "INDICATOR")


def _address(who: CreditConsumer, at: str) -> Iterator[Refusal]:
    where = who.address
    if where is None:
        yield refusal(f"{at}.address", "ADDRESS")
        return
    if not all(_PRINTED.fullmatch(text(line)) for line in (where.line_1, where.line_2 or " ", where.city)):
        yield refusal(f"{at}.address", "ADDRESS_LETTERS")
    if where.country == "US" and not (_STATE.fullmatch(where.region) and _ZIP.fullmatch(where.postcode)):
        yield refusal(f"{at}.address", "ADDRESS_US")


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
