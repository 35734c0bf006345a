"""The two forms a report leaves in: what each refuses of an account, and its file."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from app.domain.credit_accounts import CreditAccount
from app.domain.credit_bureaus import METRO2
from app.domain.credit_refusals import ByteSink, Refusal
from app.domain.errors import ConflictError
from app.domain.metro2_files import check_metro2, write_metro2
from app.domain.metro2_records import Furnisher


class Header(NamedTuple):
    """Who reports, as the setting of the bureau says."""

    code: str
    name: str
    address: str
    bureau: str


def problem_of(account: CreditAccount, form: str) -> str | None:
    """Return the first thing for which the format does not take an account, as field:code; None: it does."""
    wrong = check_metro2(account) if form == METRO2 else []
    return f"{wrong[0].field}:{wrong[0].code}"[:80] if wrong else None


def write_file(
    form: str, out: ByteSink, header: Header, accounts: Iterable[CreditAccount], *, as_of: date, at: datetime,
    refused: list[str],
) -> tuple[int, str]:  # fmt: skip
    """Write accounts as a file; return how many stand in it, and its hash. Loans that it does not take go into `refused`.

    Raises ValidationError where none is left, ConflictError for a form that is not written here.
    """

    def refuse(account: CreditAccount, _wrong: list[Refusal]) -> None:
        refused.append(account.loan_id)

    if form != METRO2:
        raise ConflictError(f"Files of the form {form} are not written here.")
    furnisher = Furnisher(header.code, header.name, header.address)
    made = write_metro2(out, furnisher, accounts, activity_on=as_of, at=at, refuse=refuse)
    return made.totals["bases"], made.sha256
