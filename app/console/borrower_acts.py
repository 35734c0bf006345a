"""What forms about a borrower's loans share: which loans there are, and amounts as people type them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.console.borrower_frame import Opened
from app.domain.errors import NotFoundError, ValidationError, refused_at
from app.domain.money import Money, minor_from_text
from app.domain.times import business_date
from app.persistence.queries.loans import find_loans_with
from app.web.auth import desk
from app.web.fields import PatternField
from app.web.reads import reads
from app.web.request_context import now

AMOUNT_PATTERN = "[0-9]{1,12}([.,][0-9]{1,3})?"


def amount_field(**kwargs: Any) -> PatternField:
    """A field for an amount in plain digits, in the currency of the loan: 1234.50."""
    return PatternField(AMOUNT_PATTERN, "Not an amount; write it like 1234.50.", **kwargs)


def loans_of(borrower: Opened) -> Sequence[Any]:
    """Return the borrower's loans with this lender (id, loan_no, currency, zone, status), those that run first."""
    return reads_of(borrower.id)


def choices_of(loans: Sequence[Any]) -> list[tuple[str, str]]:
    """Return the loans as a choice of a form."""
    return [(loan.loan_no, f"{loan.loan_no} · {loan.currency}") for loan in loans]


def reads_of(borrower_id: str, connection: Any = None) -> Sequence[Any]:
    """Return the same inside a unit of work that is open."""
    return find_loans_with(connection if connection is not None else reads(), borrower_id, desk().lender_id)


def loan_named(loans: Sequence[Any], loan_no: str) -> Any:
    """Return one of these loans by its number. Raises NotFoundError."""
    found = next((loan for loan in loans if loan.loan_no == loan_no), None)
    if found is None:
        raise NotFoundError(f"This borrower has no loan {loan_no} with this lender.")
    return found


def money_typed(text: str, currency: str, field: str) -> Money:
    """Return an amount as it was typed. Raises ValidationError at the field."""
    try:
        return Money(minor_from_text(text.replace(",", "."), currency), currency)
    except ValidationError as error:
        raise refused_at(f"/{field}", error.detail) from None


def today_of(loans: Sequence[Any]) -> date:
    """Return today where the first loan is, for a form to begin with."""
    return business_date(now(), loans[0].zone) if loans else now().date()
