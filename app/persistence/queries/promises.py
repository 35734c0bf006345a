"""Promises to pay, the money that keeps them, and where their borrower lives."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.domain.errors import NotFoundError
from app.domain.promises import BY_BORROWER, FAILED, GIVEN_UP, MONEY_IN, MoneyIn
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.devices import DeviceRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.models.promises import PromiseEventRow, PromiseRow
from app.persistence.queries.chunks import chunks

MOST_SHOWN = 500
"""More promises of one person than anyone reads: the oldest of them are then left out."""


class PromisedLoan(NamedTuple):
    """What a promise needs of its loan."""

    id: str
    loan_no: str
    borrower_id: str
    currency: str
    status: str
    lender_id: str
    lender_code: str
    lender_name: str
    jurisdiction: str
    lender_zone: str
    borrower_no: str
    country: str | None


def get_promised_loan(reads: Connection | Session, borrower_id: str, loan_id: str) -> PromisedLoan:
    """Return a borrower's own loan with its lender. Raises NotFoundError, also for another borrower's."""
    statement = (
        select(
            LoanRow.id, LoanRow.loan_no, LoanRow.borrower_id, LoanRow.currency, LoanRow.status, LoanRow.lender_id,
            LenderRow.code, LenderRow.name, LenderRow.jurisdiction, LenderRow.zone, BorrowerRow.borrower_no,
            BorrowerRow.country,
        )
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .join(BorrowerRow, BorrowerRow.id == LoanRow.borrower_id)
        .where(LoanRow.id == loan_id, LoanRow.borrower_id == borrower_id)
    )  # fmt: skip
    row = reads.execute(statement).first()
    if row is None:
        raise NotFoundError("There is no such loan.")
    return PromisedLoan._make(row)


def find_zone(reads: Connection | Session, borrower_id: str) -> str | None:
    """Return where a borrower lives: profile, the device seen last, a phone region that is one zone; None: not known."""
    borrower = reads.execute(select(BorrowerRow.zone, BorrowerRow.phone_zones).where(BorrowerRow.id == borrower_id)).one()
    if borrower.zone:
        return str(borrower.zone)
    device = reads.execute(
        select(DeviceRow.zone)
        .where(DeviceRow.borrower_id == borrower_id, DeviceRow.zone.is_not(None))
        .order_by(DeviceRow.last_seen_at.desc(), DeviceRow.id)
        .limit(1)
    ).scalar()
    if device:
        return str(device)
    zones = list(borrower.phone_zones or ())
    return str(zones[0]) if len(zones) == 1 else None


def find_of_loans(session: Session, loan_ids: Collection[str]) -> dict[str, list[PromiseRow]]:
    """Return loan id -> its promises that were not given up, by number; loans without any are absent."""
    found: dict[str, list[PromiseRow]] = defaultdict(list)
    for part in chunks(loan_ids):
        statement = (
            select(PromiseRow)
            .where(PromiseRow.loan_id.in_(part), PromiseRow.state.not_in(GIVEN_UP))
            .order_by(PromiseRow.loan_id, PromiseRow.promise_no)
            .execution_options(populate_existing=True)
        )
        for row in session.scalars(statement):
            found[row.loan_id].append(row)
    return dict(found)


def find_money_in(session: Session, loan_id: str, *, since: date) -> list[MoneyIn]:
    """Return what was paid on a loan with a value date from `since` on, as now known; what was taken back is left out."""
    undone = aliased(LedgerEntryRow)
    taken_back = exists().where(undone.loan_id == LedgerEntryRow.loan_id, undone.reverses_id == LedgerEntryRow.id)
    statement = select(
        LedgerEntryRow.id, LedgerEntryRow.amount_minor, LedgerEntryRow.effective_on, LedgerEntryRow.recorded_at
    ).where(
        LedgerEntryRow.loan_id == loan_id,
        LedgerEntryRow.kind.in_([kind.value for kind in MONEY_IN]),
        LedgerEntryRow.effective_on >= since,
        ~taken_back,
    )
    rows = session.execute(statement)
    return [MoneyIn(row.id, row.amount_minor, row.effective_on, row.recorded_at) for row in rows]


def get_promise(session: Session, borrower_id: str, promise_id: str, *, lender_id: str | None = None) -> PromiseRow:
    """Return a promise of this borrower, with a lender only one to that lender. Raises NotFoundError."""
    statement = select(PromiseRow).where(PromiseRow.id == promise_id, PromiseRow.borrower_id == borrower_id)
    if lender_id is not None:
        statement = statement.where(PromiseRow.lender_id == lender_id)
    row = session.scalar(statement.execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such promise.")
    return row


def find_promise(session: Session, promise_id: str) -> PromiseRow | None:
    """Return a promise."""
    return session.get(PromiseRow, promise_id, populate_existing=True)


def find_promise_referenced(session: Session, borrower_id: str, reference: str) -> PromiseRow | None:
    """Return the promise that was told under this reference, as it is stored."""
    return session.scalar(select(PromiseRow).where(PromiseRow.borrower_id == borrower_id, PromiseRow.reference == reference))


def find_shown(
    reads: Connection | Session, borrower_id: str, *, loan_id: str | None = None, lender_id: str | None = None
) -> Sequence[Any]:
    """Return a borrower's promises with their loan numbers, the newest first; of one loan, or to one lender, where asked."""
    statement = (
        select(PromiseRow.__table__, LoanRow.loan_no)
        .join(LoanRow, LoanRow.id == PromiseRow.loan_id)
        .where(PromiseRow.borrower_id == borrower_id)
        .order_by(PromiseRow.made_at.desc(), PromiseRow.loan_id, PromiseRow.promise_no.desc())
        .limit(MOST_SHOWN)
    )
    if loan_id is not None:
        statement = statement.where(PromiseRow.loan_id == loan_id)
    if lender_id is not None:
        statement = statement.where(PromiseRow.lender_id == lender_id)
    return reads.execute(statement).all()


def find_events(reads: Connection | Session, promise_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return promise id -> its changes, oldest first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(promise_ids):
        statement = select(PromiseEventRow.__table__).where(PromiseEventRow.promise_id.in_(part))
        for row in reads.execute(statement.order_by(PromiseEventRow.promise_id, PromiseEventRow.seq)):
            found[row.promise_id].append(row)
    return found


def count_by_state(reads: Connection | Session, borrower_id: str, *, lender_id: str | None = None) -> dict[str, int]:
    """Return state -> how many promises of a borrower, to one lender where asked."""
    statement = select(PromiseRow.state, func.count()).where(PromiseRow.borrower_id == borrower_id)
    if lender_id is not None:
        statement = statement.where(PromiseRow.lender_id == lender_id)
    return {row[0]: row[1] for row in reads.execute(statement.group_by(PromiseRow.state))}


def count_failed(session: Session, borrower_id: str, *, since: datetime) -> int:
    """Return how many of a borrower's promises whose day ended since then were not kept, with whatever lender."""
    statement = select(func.count()).where(
        PromiseRow.borrower_id == borrower_id, PromiseRow.state.in_(FAILED), PromiseRow.ends_at >= since
    )
    return int(session.scalar(statement) or 0)


def count_lapsed(session: Session, borrower_id: str, *, since: datetime) -> int:
    """Return how many of a borrower's promises since then were not kept, or given up by the borrower, with whatever lender.

    Promises made together are one. What staff or the core gave up, or the loan's end, is none of the borrower's doing.
    """
    given_up = exists().where(
        PromiseEventRow.promise_id == PromiseRow.id,
        PromiseEventRow.state.in_(GIVEN_UP),
        PromiseEventRow.by == BY_BORROWER,
        PromiseEventRow.at >= since,
    )
    not_kept = and_(PromiseRow.state.in_(FAILED), PromiseRow.ends_at >= since)
    statement = select(func.count(PromiseRow.group_id.distinct())).where(
        PromiseRow.borrower_id == borrower_id, or_(not_kept, given_up)
    )
    return int(session.scalar(statement) or 0)


def next_number(session: Session, borrower_id: str, loan_id: str) -> int:
    """Return the number that the next promise of a loan gets."""
    statement = select(func.max(PromiseRow.promise_no)).where(
        PromiseRow.borrower_id == borrower_id, PromiseRow.loan_id == loan_id
    )
    return int(session.scalar(statement) or 0) + 1


def add_promise(session: Session, row: PromiseRow) -> None:
    """Add a promise."""
    session.add(row)
    session.flush()


def add_event(session: Session, row: PromiseRow, *, at: datetime, by: str) -> None:
    """Write down how a promise stands after a change."""
    session.add(
        PromiseEventRow(
            promise_id=row.id, seq=row.version, borrower_id=row.borrower_id, at=at, state=row.state,
            paid_minor=row.paid_minor, by=by,
        )
    )  # fmt: skip
    session.flush()
