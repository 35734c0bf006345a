"""What must hold of an account before it may stand in a PBOC-shaped record: each refusal names the field and what to do."""

import re
from collections.abc import Mapping
from operator import attrgetter

from app.domain.credit_accounts import CLOSED, DELETED, CreditAccount, CreditConsumer, FiveGrade, Standing
from app.domain.credit_refusals import Refusal
from app.domain.pboc_codes import OPEN, full_name, is_citizen_number

_MOST_MINOR = 10**17
_SURELY_TAKEN = 2**56
"""The bits of all amounts together stay below it, and none is negative: then no single one is out of range."""
_NUMBER = re.compile(r"[A-Z0-9]{1,46}")
_CODES = "*N1234567DZMBCG#"
_AMOUNTS = (
    "original_minor", "balance_minor", "principal_balance_minor", "overdue_minor", "due_minor", "paid_minor",
    "written_off_minor", "charge_off_minor",
)  # fmt: skip

_amounts_of = attrgetter(*_AMOUNTS)

DETAILS: Mapping[str, str] = {
    "ACCOUNT_NUMBER": "The account number has up to 46 capital letters and digits, nothing else; map it.",
    "CURRENCY": "The record is in yuan; report this loan where its currency is reported.",
    "COLLECTOR": "An account bought from another lender is a C1 record, which is not written here; report it elsewhere.",
    "NAME": "The name is empty, too long or has control characters; give it as it stands on the identity card.",
    "ADDRESS": "The address is too long or has control characters; give it on one line.",
    "ID_NUMBER": "This is no citizen's number of 18 characters with a right check character; correct it.",
    "DATE_ORDER": "The day lies before the opening or after the day reported; correct it or the other.",
    "CLOSED": "A closed account has its closing date, of this month, and an open one has none; correct it.",
    "AMOUNT_RANGE": "The amount is below zero or has more than 15 digits of yuan; correct it.",
    "ORIGINAL_ZERO": "The sum lent is less than a yuan; give what was lent.",
    "CLOSED_OWES": "A closed account owes nothing: balance and overdue sums are zero.",
    "OVERDUE_TERMS": "Overdue instalments and the sum overdue go together: both or neither.",
    "OVERDUE_PRINCIPAL": "More principal is overdue than is overdue or owed at all; correct the parts.",
    "OVERDUE_AGE": "Principal is older than the account is late; correct the parts by age or the days past due.",
    "MONTH_CODE": "The month's status is none of * N 1-7 D Z M B C G #, or does not fit the days past due; rebuild it.",
    "MONTH_CODES_LENGTH": "There are more month codes than months since the opening, or than 60; cut or rebuild them.",
    "OTHER_RECORD": "A deleted account goes into a file of 214, and nothing else does; sort it there.",
    "FIVE_GRADE": "Late by more than 90 days is substandard at best, charged off is loss; classify it anew.",
}
"""Every code with what is wrong and what to do."""


def check_account(account: CreditAccount) -> list[Refusal]:
    """Return why an account may not be reported in these records; nothing: it may."""
    found: list[Refusal] = []
    _identity(account, found)
    if account.standing is OPEN or account.standing not in DELETED:
        _dates(account, found)
        _amounts(account, found)
        _lateness(account, found)
    return found


def refusal(field: str, code: str) -> Refusal:
    """Return the refusal of a field under its code."""
    return Refusal(field, code, DETAILS[code])


def _person(who: CreditConsumer, at: str, found: list[Refusal]) -> None:
    name, where = full_name(who), who.address
    if not (name.isalnum() or (name.strip() and name.isprintable())) or len(name) > 120:
        found.append(refusal(f"{at}.surname", "NAME"))
    if who.id_kind != "cn_id" or not is_citizen_number(who.id_number):
        found.append(refusal(f"{at}.id_number", "ID_NUMBER"))
    if where is not None:
        told = where.city + where.line_1 + where.line_2
        if len(told) > 120 or not told.isprintable():
            found.append(refusal(f"{at}.address", "ADDRESS"))


def _identity(account: CreditAccount, found: list[Refusal]) -> None:
    if not _NUMBER.fullmatch(account.loan_no):
        found.append(refusal("loan_no", "ACCOUNT_NUMBER"))
    if account.currency != "CNY":
        found.append(refusal("currency", "CURRENCY"))
    if account.original_creditor:
        found.append(refusal("original_creditor", "COLLECTOR"))
    _person(account.consumer, "consumer", found)
    for index, who in enumerate(account.associated):
        _person(who, f"associated.{index}", found)


def _dates(account: CreditAccount, found: list[Refusal]) -> None:
    opened, as_of, closed = account.opened_on, account.as_of_on, account.closed_on
    paid, lost = account.last_paid_on, account.lost_on
    if opened > as_of:
        found.append(refusal("opened_on", "DATE_ORDER"))
    if paid is not None and not opened <= paid <= as_of:
        found.append(refusal("last_paid_on", "DATE_ORDER"))
    if lost is not None and not opened <= lost <= as_of:
        found.append(refusal("lost_on", "DATE_ORDER"))
    if (closed is None) == (account.standing is not OPEN and account.standing in CLOSED):
        found.append(refusal("closed_on", "CLOSED"))
    elif closed is not None and not max(opened, as_of.replace(day=1)) <= closed <= as_of:
        found.append(refusal("closed_on", "CLOSED"))


def _amounts(account: CreditAccount, found: list[Refusal]) -> None:
    told = (
        account.original_minor | account.balance_minor | account.principal_balance_minor | account.overdue_minor
        | account.due_minor | account.paid_minor | account.written_off_minor | account.charge_off_minor
    )  # fmt: skip
    if not 0 <= told < _SURELY_TAKEN:
        amounts = zip(_AMOUNTS, _amounts_of(account), strict=True)
        found += [refusal(field, "AMOUNT_RANGE") for field, minor in amounts if not 0 <= minor < _MOST_MINOR]
    if account.original_minor < 100:
        found.append(refusal("original_minor", "ORIGINAL_ZERO"))
    aged, overdue = account.overdue_principal, account.overdue_minor
    if account.standing is not OPEN and account.standing in CLOSED and (account.balance_minor or overdue or any(aged)):
        found.append(refusal("balance_minor", "CLOSED_OWES"))
    elif (overdue or any(aged)) and (min(aged) < 0 or sum(aged) > overdue):
        found.append(refusal("overdue_principal", "OVERDUE_PRINCIPAL"))
    if bool(account.terms_overdue) != bool(overdue):
        found.append(refusal("terms_overdue", "OVERDUE_TERMS"))


def _lateness(account: CreditAccount, found: list[Refusal]) -> None:
    days, codes, standing = account.days_past_due, account.month_codes, account.standing
    opened, as_of = account.opened_on, account.as_of_on
    months = (as_of.year - opened.year) * 12 + as_of.month - opened.month
    if len(codes) > min(max(months, 0) + 1, 60):
        found.append(refusal("month_codes", "MONTH_CODES_LENGTH"))
    if not codes or codes.strip(_CODES) or not _fits(codes[0], account):
        found.append(refusal("month_codes", "MONTH_CODE"))
    if account.overdue_minor:
        aged = account.overdue_principal
        if max((first for part, first in zip(aged, (1, 31, 61, 91, 181), strict=True) if part), default=0) > days:
            found.append(refusal("overdue_principal", "OVERDUE_AGE"))
    grade = account.five_grade
    if standing is not OPEN and standing is Standing.CHARGED_OFF:
        if grade is not FiveGrade.LOSS:
            found.append(refusal("five_grade", "FIVE_GRADE"))
    elif days > 90 and standing is not Standing.PAID and grade in (FiveGrade.NORMAL, FiveGrade.SPECIAL_MENTION):
        found.append(refusal("five_grade", "FIVE_GRADE"))


def _fits(code: str, account: CreditAccount) -> bool:
    """Return whether the month's code agrees with how the account stands."""
    if account.standing is not OPEN:
        if account.standing in CLOSED:
            return code in "CGZ"
        if account.standing is Standing.CHARGED_OFF:
            return code == "B"
    if code in "1234567":
        return code == str(min((account.days_past_due + 29) // 30, 7))
    return code in "*NDM" and not account.days_past_due
