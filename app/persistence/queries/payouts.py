"""Payouts to funders, and what is still payable."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.funding import FunderRow, PassThroughEntryRow, PayoutBatchRow, PayoutRow

WAITING, APPROVED, DECLINED = "waiting", "approved", "declined"
_NET = func.sum(
    PassThroughEntryRow.principal_minor
    + PassThroughEntryRow.interest_minor
    + PassThroughEntryRow.fees_minor
    + PassThroughEntryRow.penalties_minor
    - PassThroughEntryRow.service_fee_minor
)


def sum_net(
    reads: Connection | Session, lender_id: str, currency: str, *, until: date, funder_ids: Sequence[str] | None = None
) -> dict[str, int]:
    """Return funder -> the money passed on to them that is theirs, of what was booked until the end of a day.

    `funder_ids`: only of these, of which there are no more than a page.
    """
    statement = (
        select(PassThroughEntryRow.funder_id, _NET)
        .where(
            PassThroughEntryRow.lender_id == lender_id, PassThroughEntryRow.currency == currency,
            PassThroughEntryRow.booked_on <= until, PassThroughEntryRow.is_money, PassThroughEntryRow.funder_id.is_not(None),
        )
        .group_by(PassThroughEntryRow.funder_id)
    )  # fmt: skip
    if funder_ids is not None:
        statement = statement.where(PassThroughEntryRow.funder_id.in_(funder_ids))
    return {str(row[0]): int(row[1]) for row in reads.execute(statement)}


def sum_paid(
    reads: Connection | Session, lender_id: str, currency: str, *, funder_ids: Sequence[str] | None = None
) -> dict[str, int]:
    """Return funder -> what was paid out, or is to be once somebody approves it. `funder_ids`: as above."""
    statement = (
        select(PayoutRow.funder_id, func.sum(PayoutRow.amount_minor))
        .join(PayoutBatchRow, PayoutBatchRow.id == PayoutRow.batch_id)
        .where(PayoutBatchRow.lender_id == lender_id, PayoutBatchRow.currency == currency, PayoutBatchRow.state != DECLINED)
        .group_by(PayoutRow.funder_id)
    )
    if funder_ids is not None:
        statement = statement.where(PayoutRow.funder_id.in_(funder_ids))
    return {row[0]: int(row[1]) for row in reads.execute(statement)}


def sums_of_funder(reads: Connection | Session, funder_id: str, *, until: date) -> dict[str, int]:
    """Return currency -> the money passed on to one funder that is theirs, booked until the end of a day."""
    statement = (
        select(PassThroughEntryRow.currency, _NET)
        .where(
            PassThroughEntryRow.funder_id == funder_id, PassThroughEntryRow.booked_on <= until, PassThroughEntryRow.is_money
        )
        .group_by(PassThroughEntryRow.currency)
    )
    return {row[0]: int(row[1]) for row in reads.execute(statement)}


def payouts_of_funder(reads: Connection | Session, funder_id: str) -> Sequence[Any]:
    """Return (currency, amount, decided_at) of what a funder was paid out."""
    statement = (
        select(PayoutBatchRow.currency, PayoutRow.amount_minor, PayoutBatchRow.decided_at)
        .join(PayoutBatchRow, PayoutBatchRow.id == PayoutRow.batch_id)
        .where(PayoutRow.funder_id == funder_id, PayoutBatchRow.state == APPROVED)
    )
    return reads.execute(statement).all()


def exists_waiting(reads: Connection | Session, lender_id: str, currency: str) -> bool:
    """Return whether a batch in a currency waits for approval."""
    statement = select(PayoutBatchRow.id).where(
        PayoutBatchRow.lender_id == lender_id, PayoutBatchRow.currency == currency, PayoutBatchRow.state == WAITING
    )
    return reads.execute(statement).first() is not None


def load_batch(session: Session, lender_id: str, batch_id: str) -> PayoutBatchRow:
    """Return one to change, locked. Raises NotFoundError."""
    statement = select(PayoutBatchRow).where(PayoutBatchRow.id == batch_id, PayoutBatchRow.lender_id == lender_id)
    row = session.scalar(statement.with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise NotFoundError("There is no such batch of payouts.")
    return row


def get_batch(reads: Connection | Session, lender_id: str, batch_id: str) -> Any:
    """Return one batch's columns. Raises NotFoundError."""
    statement = select(PayoutBatchRow.__table__).where(PayoutBatchRow.id == batch_id, PayoutBatchRow.lender_id == lender_id)
    row = reads.execute(statement).one_or_none()
    if row is None:
        raise NotFoundError("There is no such batch of payouts.")
    return row


def page_batches(
    reads: Connection | Session, lender_id: str, *, state: str | None = None, before: str = "", limit: int
) -> Sequence[Any]:
    """Return a lender's batches, newest first by id."""
    statement = select(PayoutBatchRow.__table__).where(PayoutBatchRow.lender_id == lender_id)
    if state is not None:
        statement = statement.where(PayoutBatchRow.state == state)
    if before:
        statement = statement.where(PayoutBatchRow.id < before)
    return reads.execute(statement.order_by(PayoutBatchRow.id.desc()).limit(limit)).all()


def find_payouts(reads: Connection | Session, batch_id: str) -> Sequence[Any]:
    """Return the payouts of a batch with the funders' numbers, by number."""
    statement = _payouts(PayoutRow.__table__, FunderRow.funder_no).where(PayoutRow.batch_id == batch_id)
    return reads.execute(statement.order_by(FunderRow.funder_no)).all()


def page_payees(reads: Connection | Session, batch_id: str, *, after: str = "", limit: int) -> Sequence[Any]:
    """Return payouts of a batch with their funders as they are known now, by payout id, following `after`."""
    statement = _payouts(PayoutRow.__table__, FunderRow.funder_no, FunderRow.account_sealed).where(
        PayoutRow.batch_id == batch_id
    )
    if after:
        statement = statement.where(PayoutRow.id > after)
    return reads.execute(statement.order_by(PayoutRow.id).limit(limit)).all()


def find_told_since(reads: Connection | Session, batch_id: str, since: datetime) -> Sequence[Any]:
    """Return the payouts of a batch whose funder was told anew at an instant or later, as `page_payees` does."""
    statement = _payouts(PayoutRow.__table__, FunderRow.funder_no, FunderRow.account_sealed).where(
        PayoutRow.batch_id == batch_id, FunderRow.recorded_at >= since
    )
    return reads.execute(statement.order_by(FunderRow.funder_no)).all()


def _payouts(*columns: Any) -> Select[Any]:
    return select(*columns).join(FunderRow, FunderRow.id == PayoutRow.funder_id)


def find_account_tellers(reads: Connection | Session, batch_id: str) -> set[str]:
    """Return who told the accounts of those who are paid by a batch."""
    statement = (
        select(FunderRow.account_by)
        .join(PayoutRow, PayoutRow.funder_id == FunderRow.id)
        .where(PayoutRow.batch_id == batch_id, FunderRow.account_by.is_not(None))
        .distinct()
    )
    return {str(row[0]) for row in reads.execute(statement)}


def find_funders(session: Session, funder_ids: Sequence[str]) -> Sequence[Any]:
    """Return funders by id, in the order of their numbers."""
    statement = select(FunderRow.__table__).where(FunderRow.id.in_(funder_ids)).order_by(FunderRow.funder_no)
    return session.execute(statement).all()
