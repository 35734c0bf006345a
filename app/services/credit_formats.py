"""The two forms a report leaves in: what each refuses of an account, and its file."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from app.domain.credit_accounts import CreditAccount
from app.domain.credit_bureaus import METRO2
from app.domain.credit_corrections import CORRECTION, DELETION
from app.domain.credit_refusals import ByteSink, Refusal
from app.domain.metro2_files import check_metro2, write_metro2
from app.domain.metro2_records import Furnisher
from app.domain.pboc_files import check_pboc, write_pboc
from app.domain.pboc_records import Reporter


class Header(NamedTuple):
    """Who reports, as the setting of the bureau says. For PBOC records the address is the district's six digits."""

    code: str
    name: str
    address: str
    bureau: str


def problem_of(account: CreditAccount, form: str) -> str | None:
    """Return the first thing for which the format does not take an account, as field:code; None: it does."""
    wrong = check_metro2(account) if form == METRO2 else check_pboc(account)
    return f"{wrong[0].field}:{wrong[0].code}"[:80] if wrong else None


MONTH = "month"
_RECORD_TYPES = {MONTH: "210", CORRECTION: "212", DELETION: "214"}


def write_file(
    form: str, out: ByteSink, header: Header, accounts: Iterable[CreditAccount], *, as_of: date, at: datetime,
    refused: list[str], what: str = MONTH,
) -> tuple[int, str]:  # fmt: skip
    """Write accounts as a file; return how many stand in it, and its hash. Loans that it does not take go into `refused`.

    `what`: month, correction or deletion. Raises ValidationError where none is left, or the header is none for the format.
    """

    def refuse(account: CreditAccount, _wrong: list[Refusal]) -> None:
        refused.append(account.loan_id)

    if form == METRO2:
        furnisher = Furnisher(header.code, header.name, header.address)
        told = write_metro2(out, furnisher, accounts, activity_on=as_of, at=at, refuse=refuse)
        return told.totals["bases"], told.sha256
    reporter = Reporter(header.code, header.address)
    made = write_pboc(out, reporter, accounts, record_type=_RECORD_TYPES[what], refuse=refuse)
    return made.records, made.sha256
