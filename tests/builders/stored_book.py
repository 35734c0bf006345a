"""A lender with one loan in the database, and reading back what became of it."""

from datetime import date

from app.domain.positions import Position
from app.persistence.db import session
from app.persistence.models.lenders import LenderRow
from app.persistence.queries.loans import find_loans_numbered
from app.persistence.unit_of_work import unit_of_work
from app.services.lenders import get_lender, put_lender
from app.services.loans import put_loan, put_plan
from app.services.positions import position_of
from tests.builders.book_values import lender_values, loan_values, plan_values
from tests.conftest import START


def stored_lender(code: str = "acme", **changes: object) -> str:
    """Make the lender; return its id."""
    with unit_of_work() as work:
        return put_lender(work, lender_values(code, **changes), now=START).id


def stored_loan(loan_no: str = "L1", *, lender_id: str | None = None, **changes: object) -> str:
    """Make a loan of 300.00 over three months from 2026-02-01; return the lender's id."""
    lender_id = lender_id or stored_lender()
    with unit_of_work() as work:
        put_loan(work, lender_id, loan_values(loan_no, **changes), now=START, origin="test")
        put_plan(work, lender_id, plan_values(loan_no), now=START, origin="test")
    return lender_id


def position(loan_no: str = "L1", as_of: date = date(2026, 3, 2), *, code: str = "acme") -> Position:
    """The stored loan's position."""
    lender: LenderRow = get_lender(session(), code)
    (loan,) = find_loans_numbered(session(), lender.id, [loan_no])
    return position_of(session(), loan, as_of)
