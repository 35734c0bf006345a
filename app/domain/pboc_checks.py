"""What must hold of an account before it may stand in a PBOC-shaped record: each refusal names the field and what to do."""

from collections.abc import Iterator, Mapping
from datetime import date

from app.domain.credit_accounts import CLOSED, DELETED, CreditAccount, CreditConsumer, FiveGrade, Standing
from app.domain.credit_refusals import Refusal
from app.domain.pboc_codes import DELAYS, MONTH_CODES, full_name, is_citizen_number

_MOST_MINOR = 10**17
_AMOUNTS = (
    "original_minor", "balance_minor", "principal_balance_minor", "overdue_minor", "due_minor", "paid_minor",
    "written_off_minor", "charge_off_minor",
)  # fmt: skip

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
    if account.standing in DELETED:
        return list(_identity(account))
    return [*_identity(account), *_dates(account), *_amounts(account), *_lateness(account)]


def check_person(who: CreditConsumer, at: str = "consumer") -> Iterator[Refusal]:
    """Yield what is wrong with a person's name and number."""
    name = full_name(who)
    if not name.strip() or not name.isprintable() or len(name) > 120:
        yield refusal(f"{at}.surname", "NAME")
    if who.id_kind != "cn_id" or not is_citizen_number(who.id_number):
        yield refusal(f"{at}.id_number", "ID_NUMBER")
    where = who.address
    if where and not (f"{where.city}{where.line_1}{where.line_2}".isprintable() and len("".join(where[:2])) <= 100):
        yield refusal(f"{at}.address", "ADDRESS")


def refusal(field: str, code: str) -> Refusal:
    """Return the refusal of a field under its code."""
    return Refusal(field, code, DETAILS[code])


def _identity(account: CreditAccount) -> Iterator[Refusal]:
    number = account.loan_no
    if not (number.isalnum() and number.isascii() and number == number.upper() and len(number) <= 46):
        yield refusal("loan_no", "ACCOUNT_NUMBER")
    if account.currency != "CNY":
        yield refusal("currency", "CURRENCY")
    if account.original_creditor:
        yield refusal("original_creditor", "COLLECTOR")
    yield from check_person(account.consumer)
    for index, who in enumerate(account.associated):
        yield from check_person(who, f"associated.{index}")


def _dates(account: CreditAccount) -> Iterator[Refusal]:
    opened, as_of, closed = account.opened_on, account.as_of_on, account.closed_on
    if opened > as_of:
        yield refusal("opened_on", "DATE_ORDER")
    for field in ("last_paid_on", "closed_on", "lost_on"):
        day: date | None = getattr(account, field)
        if day is not None and not opened <= day <= as_of:
            yield refusal(field, "DATE_ORDER")
    of_month = closed is not None and (closed.year, closed.month) == (as_of.year, as_of.month)
    if (account.standing in CLOSED) != of_month or (closed is not None and account.standing not in CLOSED):
        yield refusal("closed_on", "CLOSED")


def _amounts(account: CreditAccount) -> Iterator[Refusal]:
    for field in _AMOUNTS:
        if not 0 <= getattr(account, field) < _MOST_MINOR:
            yield refusal(field, "AMOUNT_RANGE")
    if account.original_minor < 100:
        yield refusal("original_minor", "ORIGINAL_ZERO")
    aged = account.overdue_principal
    if account.standing in CLOSED and (account.balance_minor or account.overdue_minor or any(aged)):
        yield refusal("balance_minor", "CLOSED_OWES")
    elif min(aged) < 0 or sum(aged) > account.overdue_minor:
        yield refusal("overdue_principal", "OVERDUE_PRINCIPAL")
    if bool(account.terms_overdue) != bool(account.overdue_minor):
        yield refusal("terms_overdue", "OVERDUE_TERMS")


def _lateness(account: CreditAccount) -> Iterator[Refusal]:
    days, codes, standing = account.days_past_due, account.month_codes, account.standing
    months = (account.as_of_on.year - account.opened_on.year) * 12 + account.as_of_on.month - account.opened_on.month
    if len(codes) > min(max(months, 0) + 1, 60):
        yield refusal("month_codes", "MONTH_CODES_LENGTH")
    if not codes or not MONTH_CODES.issuperset(codes) or not _fits(codes[0], account):
        yield refusal("month_codes", "MONTH_CODE")
    aged = account.overdue_principal
    oldest = max((first for part, first in zip(aged, (1, 31, 61, 91, 181), strict=True) if part), default=0)
    if oldest > days:
        yield refusal("overdue_principal", "OVERDUE_AGE")
    grade = account.five_grade
    if standing is Standing.CHARGED_OFF and grade is not FiveGrade.LOSS:
        yield refusal("five_grade", "FIVE_GRADE")
    elif standing is not Standing.PAID and days > 90 and grade in (FiveGrade.NORMAL, FiveGrade.SPECIAL_MENTION):
        yield refusal("five_grade", "FIVE_GRADE")


def _fits(code: str, account: CreditAccount) -> bool:
    """Return whether the month's code agrees with how the account stands."""
    if account.standing in CLOSED:
        return code in ("C", "G", "Z")
    if account.standing is Standing.CHARGED_OFF:
        return code == "B"
    if code in DELAYS:
        return code == str(min((account.days_past_due + 29) // 30, 7))
    return code in "*NDM" and not account.days_past_due
