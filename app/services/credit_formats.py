"""The two forms a report leaves in: what each refuses of an account, and its file."""

from app.domain.credit_accounts import CreditAccount
from app.domain.credit_bureaus import METRO2
from app.domain.metro2_checks import check_account
from app.domain.metro2_codes import status_of


def problem_of(account: CreditAccount, form: str) -> str | None:
    """Return the first thing for which the format does not take an account, as field:code; None: it does."""
    if form == METRO2:
        status, rating = status_of(account)
        wrong = check_account(account, status, rating)
    else:
        wrong = []
    return f"{wrong[0].field}:{wrong[0].code}"[:80] if wrong else None
