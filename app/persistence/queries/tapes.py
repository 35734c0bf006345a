"""Tapes and what stands beside loans because of them: the core's figures, accounts of loans, standing orders."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.domain.tapes import CoreFigures, DayRange
from app.persistence.models.loans import LoanAccountRow, LoanNumberRow, LoanRow, StandingOrderRow
from app.persistence.queries.chunks import chunks


class TapedLoan(NamedTuple):
    """What a tape needs to know of a loan. `core` None: no tape had it yet."""

    id: str
    loan_no: str
    borrower_id: str
    currency: str
    version: int
    core: CoreFigures | None


class ListedOrder(NamedTuple):
    """A standing order with the loan of its account; `loan_no` None: no loan is kept in that account."""

    reference: str
    account_no: str
    amount_minor: int
    currency: str
    loan_no: str | None
    contract: Mapping[str, Any] | None


def core_figures(as_of: date | None, stored: Mapping[str, Any] | None) -> CoreFigures | None:
    """Return the figures of a loan's `core_as_of` and `core_figures`."""
    if as_of is None or stored is None:
        return None
    days = stored["days_past_due"]
    return CoreFigures(as_of, **{**stored, "days_past_due": None if days is None else DayRange(*days)})


def find_taped_loans(session: Session, lender_id: str, loan_nos: Collection[str]) -> dict[str, TapedLoan]:
    """Return the loans that exist, by number."""
    found: dict[str, TapedLoan] = {}
    for part in chunks(loan_nos):
        statement = (
            select(
                LoanRow.id,
                LoanRow.loan_no,
                LoanRow.borrower_id,
                LoanRow.currency,
                LoanRow.version,
                LoanRow.core_as_of,
                LoanRow.core_figures,
            )
            .join(LoanNumberRow, LoanNumberRow.loan_id == LoanRow.id)
            .where(LoanNumberRow.lender_id == lender_id, LoanNumberRow.loan_no.in_(part))
        )
        for loan_id, loan_no, borrower_id, currency, version, as_of, stored in session.execute(statement):
            core = core_figures(as_of, stored)
            found[loan_no] = TapedLoan(loan_id, loan_no, borrower_id, currency, version, core)
    return found


def set_core_figures(session: Session, figures: Sequence[tuple[TapedLoan, CoreFigures]]) -> None:
    """Write the figures of each loan's newest tape and raise its version, which every ETag is made of."""
    rows = []
    for loan, core in figures:
        days = None if core.days_past_due is None else list(core.days_past_due)
        stored = {key: value for key, value in asdict(core).items() if key != "as_of"} | {"days_past_due": days}
        rows.append({"id": loan.id, "core_as_of": core.as_of, "core_figures": stored, "version": loan.version + 1})
    if rows:
        session.execute(update(LoanRow), rows)


def page_loans_on_tape(
    session: Session, lender_id: str | None, *, before: str | None = None, with_it: bool = False, limit: int
) -> Sequence[LoanRow]:
    """Return up to `limit` loans that a tape has, newest first by id, following `before`; `with_it`: from that one on."""
    statement = select(LoanRow).where(LoanRow.core_as_of.is_not(None)).order_by(LoanRow.id.desc()).limit(limit)
    if lender_id is not None:
        statement = statement.where(LoanRow.lender_id == lender_id)
    if before is not None:
        statement = statement.where(LoanRow.id <= before if with_it else LoanRow.id < before)
    return session.scalars(statement).all()


def find_loans_on_tape(session: Session, loan_ids: Collection[str]) -> list[LoanRow]:
    """Return those of these loans that a tape has."""
    found: list[LoanRow] = []
    for part in chunks(loan_ids):
        found += session.scalars(select(LoanRow).where(LoanRow.id.in_(part), LoanRow.core_as_of.is_not(None)))
    return found


def find_account_loans(session: Session, lender_id: str, account_nos: Collection[str]) -> dict[str, list[str]]:
    """Return the numbers of the loans of these accounts, by account."""
    found: dict[str, list[str]] = {}
    for part in chunks(account_nos):
        statement = (
            select(LoanAccountRow.account_no, LoanRow.loan_no)
            .join(LoanRow, LoanRow.id == LoanAccountRow.loan_id)
            .where(LoanAccountRow.lender_id == lender_id, LoanAccountRow.account_no.in_(part))
            .order_by(LoanAccountRow.account_no, LoanRow.id)
        )
        for account_no, loan_no in session.execute(statement):
            found.setdefault(account_no, []).append(loan_no)
    return found


def add_loan_accounts(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add (lender, account, loan) to the directory."""
    if rows:
        session.execute(insert(LoanAccountRow), rows)


def find_standing_orders(session: Session, lender_id: str, references: Collection[str]) -> dict[str, StandingOrderRow]:
    """Return the standing orders of these references."""
    found: dict[str, StandingOrderRow] = {}
    for part in chunks(references):
        rows = session.scalars(
            select(StandingOrderRow).where(StandingOrderRow.lender_id == lender_id, StandingOrderRow.reference.in_(part))
        )
        found |= {row.reference: row for row in rows}
    return found


def add_standing_orders(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add standing orders."""
    if rows:
        session.execute(insert(StandingOrderRow), rows)


def page_standing_orders(session: Session, lender_id: str, *, after: str = "", limit: int = 500) -> list[ListedOrder]:
    """Return a lender's standing orders by reference, following `after`, each with every loan of its account."""
    page = (
        select(StandingOrderRow)
        .where(StandingOrderRow.lender_id == lender_id, StandingOrderRow.reference > after)
        .order_by(StandingOrderRow.reference)
        .limit(limit)
        .subquery()
    )
    statement = (
        select(page.c.reference, page.c.account_no, page.c.amount_minor, page.c.currency, LoanRow.loan_no, LoanRow.contract)
        .outerjoin(
            LoanAccountRow,
            (LoanAccountRow.lender_id == page.c.lender_id) & (LoanAccountRow.account_no == page.c.account_no),
        )
        .outerjoin(LoanRow, LoanRow.id == LoanAccountRow.loan_id)
        .order_by(page.c.reference, LoanRow.id)
    )
    return [ListedOrder(*row) for row in session.execute(statement)]
