"""Reading the book as a whole: plan rows as stored, positions of many loans, and whether what is derived is true."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.positions import Position
from app.persistence.models.loans import LoanRow
from app.persistence.queries.loans import find_loans_numbered, page_loans
from app.persistence.queries.positions import RowAsStored, find_rows
from app.services.lenders import get_lender
from app.services.positions import Difference, find_differences, positions_of

_PAGE = 300


@dataclass(frozen=True, slots=True)
class LoanPosition:
    """A loan with its position."""

    loan_no: str
    currency: str
    position: Position


def loans_of(session: Session, lender_code: str | None = None) -> Iterator[Sequence[LoanRow]]:
    """Yield pages of loans, of one lender or all. Raises NotFoundError for an unknown lender."""
    lender_id = get_lender(session, lender_code).id if lender_code else None
    after = ""
    while page := page_loans(session, lender_id=lender_id, after=after, limit=_PAGE):
        yield page
        after = page[-1].id
        session.expunge_all()


def rows_of(session: Session, lender_code: str | None = None) -> Iterator[RowAsStored]:
    """Yield the rows of every loan's current plan, with the day each was paid in full."""
    for page in loans_of(session, lender_code):
        yield from find_rows(session, [loan.id for loan in page])


def positions_on(
    session: Session,
    as_of: date,
    *,
    known_at: datetime | None = None,
    lender_code: str | None = None,
    loan_nos: Sequence[str] | None = None,
) -> Iterator[LoanPosition]:
    """Yield positions at the end of `as_of`, as now known or as known at an instant.

    `loan_nos` limits to these loans, in their order; it needs to be clear whose they are. Raises NotFoundError.
    """
    pages = loans_of(session, lender_code) if loan_nos is None else _numbered(session, lender_code, loan_nos)
    for page in pages:
        positions = positions_of(session, page, as_of, known_at)
        for loan in page:
            yield LoanPosition(loan.loan_no, loan.currency, positions[loan.id])


def _numbered(session: Session, lender_code: str | None, loan_nos: Sequence[str]) -> Iterator[Sequence[LoanRow]]:
    lender_id = get_lender(session, lender_code).id if lender_code else None
    for start in range(0, len(loan_nos), _PAGE):
        part = loan_nos[start : start + _PAGE]
        loans = find_loans_numbered(session, lender_id, set(part))
        found: dict[str, list[LoanRow]] = {}
        for loan in loans:
            found.setdefault(loan.loan_no, []).append(loan)
        missing = [number for number in part if number not in found]
        if missing:
            raise NotFoundError(f"There is no loan {missing[0]!r}" + (f" at {lender_code}." if lender_code else "."))
        twice = next((number for number in part if len(found[number]) > 1), None)
        if twice is not None:
            raise NotFoundError(f"Several lenders have a loan {twice!r}; name one with --lender.")
        yield [found[number][0] for number in part]


def differences(session: Session) -> Iterator[tuple[str, Difference]]:
    """Yield (loan number, difference) wherever stored snapshots or allocations are not what the ledger gives."""
    for page in loans_of(session):
        numbers = {loan.id: loan.loan_no for loan in page}
        for difference in find_differences(session, list(numbers)):
            yield numbers[difference.loan_id], difference
