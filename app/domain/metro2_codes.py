"""Metro 2 codes of an account: status, payment rating, special comment, portfolio and type.

Sources: positions and code lists as moov-io/metro2 implements them (base_segment.go, constants.go, read; contact-law study
§7); the meanings of statuses 61-65 and 93-97, of special comments and of condition codes as vendors of reporting software
publish them (read), not the format's own manual, which is not public. Graded so in docs/credit-files.md.
"""

from app.domain.credit_accounts import BANKRUPT, Arrangement, CreditAccount, Standing
from app.domain.credit_histories import rating_of

BY_LATENESS = ("11", "71", "78", "80", "82", "83", "84")
"""Status of an open account by its rating 0 to 6."""
RATED = frozenset({"05", "13", "65", "88", "89", "94", "95"})
"""Statuses that need a payment rating; all others must have none (field 17B)."""
STATUSES = (*BY_LATENESS, "05", "13", "61", "62", "63", "64", "65", "88", "89", "93", "94", "95", "96", "97", "DA", "DF")
PAID_STATUSES = frozenset({"13", "61", "62", "63", "64", "65"})
ZERO_BALANCE = PAID_STATUSES | {"05"}
CHARGED = frozenset({"64", "97"})
"""Statuses that tell the original charge-off amount; all others have it zero (field 23)."""
HISTORY = frozenset("0123456BDEGHJKL")
CONDITIONS = frozenset({"", "XA", "XB", "XC", "XD", "XE", "XF", "XG", "XH", "XJ", "XR"})
NEEDS_DELINQUENCY = frozenset(
    {"61", "62", "63", "64", "65", "71", "78", "80", "82", "83", "84", "88", "89", "93", "94", "95", "96", "97"}
)
"""Statuses with a date of first delinquency, rule 1 of field 25; 05 and 13 have one with a rating above 0, rule 2."""
INDICATORS = BANKRUPT | frozenset("IJKLMNOPQRSTU") | {"", "2A"}
"""Consumer information indicators; A-H, Z, 1A and V-Y as field 25 lists them, the rest recalled."""
GENERATIONS = frozenset({"", *"JS23456789"})
STATES = frozenset(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA "
    "RI SC SD TN TX UT VT VA WA WV WI WY DC AS GU MP PR VI FM MH PW AA AE AP".split()
)
"""State codes of the US Postal Service, territories and military addresses with them."""
FREQUENCIES = frozenset("DPWBEMLQTSY")
RELATIONS = frozenset("1237TXWZ5")
"""ECOA codes as commonly reported; 0, 4 and 6 are obsolete (base_segment.go, field 37)."""

_LOST = {
    Standing.IN_COLLECTION: "93",
    Standing.CHARGED_OFF: "97",
    Standing.REPOSSESSED: "96",
    Standing.SURRENDERED: "95",
}
_PAID_AFTER = {
    Standing.IN_COLLECTION: "62",
    Standing.CHARGED_OFF: "64",
    Standing.REPOSSESSED: "63",
    Standing.SURRENDERED: "61",
}
_DELETED = {Standing.DELETED: "DA", Standing.DELETED_FRAUD: "DF"}
DELETIONS = frozenset(_DELETED.values())
_COMMENTS = {
    Arrangement.PLAN: "AC",
    Arrangement.FORBEARANCE: "CP",
    Arrangement.DEFERRED: "",
    Arrangement.DISASTER: "AW",
}
_TYPES = {
    "instalment": ("I", "01"),
    "single_payment": ("I", "01"),
    "hcstc": ("I", "01"),
    "secured_vehicle": ("I", "02"),
    "revolving": ("C", "15"),
}
"""Portfolio and account type by product: 01 unsecured, 02 secured, 15 line of credit (meanings recalled)."""


def status_of(account: CreditAccount) -> tuple[str, str]:
    """Return the account status and the payment rating, blank where there must be none."""
    standing = account.standing
    if standing is Standing.OPEN:
        return BY_LATENESS[int(rating_of(account.days_past_due))], ""
    if standing in _DELETED:
        return _DELETED[standing], ""
    if standing in _LOST:
        status = _LOST[standing]
        return status, rating_of(account.days_when_lost) if status in RATED else ""
    if standing is Standing.TRANSFERRED:
        return "05", _rating_before(account)
    status = _PAID_AFTER.get(account.was, "13")
    return status, _rating_before(account) if status in RATED else ""


def _rating_before(account: CreditAccount) -> str:
    if account.was is Standing.CHARGED_OFF:
        return "L"
    return "G" if account.was is Standing.IN_COLLECTION else rating_of(account.days_past_due)


def comment_of(account: CreditAccount) -> str:
    """Return the special comment: AU settled for less, AH sold, O moved to another servicer, else the arrangement's.

    One comment fits; the way it ended goes before the way it is paid.
    """
    if account.standing is Standing.SETTLED:
        return "AU"
    if account.standing is Standing.TRANSFERRED:
        return "AH" if account.holder_change and account.holder_change.kind == "sold_to" else "O"
    return _COMMENTS[account.arrangement] if account.arrangement else ""


def kind_of(account: CreditAccount) -> tuple[str, str]:
    """Return the portfolio type and the account type."""
    portfolio, kind = _TYPES.get(account.product, ("I", "01"))
    return portfolio, "02" if account.is_secured and portfolio == "I" else kind


def duration_of(account: CreditAccount) -> str:
    """Return the terms duration: LOC of a line of credit, 001 of a single payment, else the months, at most 999."""
    if account.product == "revolving":
        return "LOC"
    if account.frequency == "P":
        return "001"
    if account.frequency == "M" or account.ends_on is None:
        months = account.terms
    else:
        months = (account.ends_on.year - account.opened_on.year) * 12 + account.ends_on.month - account.opened_on.month
    return _THREE_DIGITS[min(max(months, 1), 999)]


_THREE_DIGITS = tuple(f"{number:03}" for number in range(1000))


SHARED_NUMBER, ODD_NUMBER = "loan_no:ACCOUNT_NUMBER_SHARED", "loan_no:ACCOUNT_NUMBER"
"""Of loans whose account number is, or may be, another's of the lender: neither is told, lest they be taken for one."""


def account_number(loan_no: str) -> str:
    """Return a loan's number as an account number: its letters and digits, upper-case; the format takes no others.

    Two loans whose numbers differ in punctuation or case alone have one: both are refused (SHARED_NUMBER).
    """
    return "".join(letter for letter in loan_no.upper() if letter.isascii() and letter.isalnum())
