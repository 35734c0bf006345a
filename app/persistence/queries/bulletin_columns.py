"""What every figure's query gives: one row for each thing counted, with the same columns."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import BigInteger, Date, String, cast, func, literal, null, select
from sqlalchemy.sql import ColumnElement, CompoundSelect, Select

from app.domain.bulletins import AsKnown
from app.persistence.column_types import Id, Instant
from app.persistence.models.loans import LoanRow

RowsQuery = Callable[[AsKnown], Select[Any] | CompoundSelect[Any]]
Registry = Mapping[str, RowsQuery]
DIMENSIONS = 2
"""At most so many may a figure have."""


def figure_rows(
    row_id: Any,
    borrower_id: Any,
    *dimensions: Any,
    lender_id: Any,
    loan_id: Any = None,
    at: Any = None,
    on: Any = None,
    currency: Any = None,
    amount: Any = None,
    person: Any = None,
    thing: Any = None,
) -> Select[Any]:
    """Return a select with the columns of a figure: row_id, at or on_day, lender, borrower, loan, d0, d1, currency, amount.

    `person`: who counts as one of the people that it concerns, where that is not the borrower. `thing`: the id of what it is
    about, where rows of several figures are about the same and what is hidden of one could be had from the others.
    """
    padded = (*dimensions, *[null()] * (DIMENSIONS - len(dimensions)))
    return select(
        cast(row_id, String).label("row_id"),
        cast(null(), Instant()).label("at") if at is None else at.label("at"),
        cast(null(), Date()).label("on_day") if on is None else on.label("on_day"),
        cast(row_id if thing is None else thing, String).label("thing_id"),
        lender_id.label("lender_id"),
        borrower_id.label("borrower_id"),
        (borrower_id if person is None else person).label("person_id"),
        cast(null(), Id()).label("loan_id") if loan_id is None else loan_id.label("loan_id"),
        *(cast(each, String).label(f"d{number}") for number, each in enumerate(padded)),
        cast(literal("") if currency is None else currency, String).label("currency"),
        cast(literal(1) if amount is None else amount, BigInteger).label("amount"),
    )


def numbered(row_id: Any, seq: Any) -> ColumnElement[Any]:
    """Return the id of a row whose key is another's id and a number."""
    return cast(row_id, String) + literal("/") + cast(seq, String)


def lender_of(loan_id: Any, borrower_id: Any) -> ColumnElement[Any]:
    """Return the lender of a loan, else of the borrower's first loan: as a value, and not by a hash of all loans."""
    of_loan = select(LoanRow.lender_id).where(LoanRow.id == loan_id).correlate_except(LoanRow).scalar_subquery()
    first = (
        select(LoanRow.lender_id)
        .where(LoanRow.borrower_id == borrower_id)
        .order_by(LoanRow.id)
        .limit(1)
        .correlate_except(LoanRow)
        .scalar_subquery()
    )
    return func.coalesce(of_loan, first)
