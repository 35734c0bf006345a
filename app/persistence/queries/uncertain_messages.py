"""Messages of which nobody knows whether they left: those of a lender, found in a lane of their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.lanes import UNCERTAIN
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow

MOST_RECEIPTS = 50
_M = MessageRow


def _of_lender(lender_id: str) -> Any:
    """As a value and not by EXISTS: that is turned into a hash of all loans, however few messages are looked at."""
    loan = select(LoanRow.lender_id).where(LoanRow.borrower_id == _M.borrower_id, LoanRow.lender_id == lender_id).limit(1)
    return loan.correlate(_M).scalar_subquery() == lender_id


_SHOWN = (
    select(
        _M.id, _M.borrower_id, BorrowerRow.borrower_no, _M.channel, _M.message_class, _M.template, _M.state, _M.state_reason,
        _M.created_at, _M.not_after, _M.next_attempt_at, _M.attempts, _M.sent_at, _M.delivered_at,
    ).join(BorrowerRow, BorrowerRow.id == _M.borrower_id)
)  # fmt: skip


def page_uncertain(reads: Connection, lender_id: str, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[Any]:
    """Return uncertain messages to borrowers of a lender, following `after` (next_attempt_at, id).

    First those that no provider is asked about any more, then whose turn to be asked is next.
    """
    first = (
        select(_M.id)
        .where(_M.lane == UNCERTAIN, _M.withdraws_id.is_(None), _of_lender(lender_id))
        .order_by(_M.next_attempt_at, _M.id)
        .limit(limit)
    )
    if after is not None:
        first = first.where(tuple_(_M.next_attempt_at, _M.id) > after)
    # The page is chosen in the order of the index before anything else is looked up.
    statement = _SHOWN.where(_M.id.in_(select(first.subquery().c.id))).order_by(_M.next_attempt_at, _M.id)
    return reads.execute(statement).all()


def get_message(reads: Connection | Session, lender_id: str, message_id: str) -> Any:
    """Return a message to a borrower of a lender, whatever its state, columns as of a page. Raises NotFoundError."""
    row = reads.execute(_SHOWN.where(_M.id == message_id, _M.withdraws_id.is_(None), _of_lender(lender_id))).first()
    if row is None:
        raise NotFoundError("There is no such message.")
    return row


def find_tries(reads: Connection | Session, message_ids: Sequence[str]) -> dict[str, list[Any]]:
    """Return the tries of messages, oldest first."""
    attempt = DeliveryAttemptRow
    statement = (
        select(
            attempt.message_id, attempt.attempt_no, attempt.provider, attempt.started_at, attempt.finished_at,
            attempt.outcome, attempt.provider_reference, attempt.error_code, attempt.raw_code,
        )
        .where(attempt.message_id.in_(message_ids))
        .order_by(attempt.started_at, attempt.id)
    )  # fmt: skip
    found: dict[str, list[Any]] = {}
    for row in reads.execute(statement) if message_ids else ():
        found.setdefault(row.message_id, []).append(row)
    return found


def find_receipts(reads: Connection | Session, message_id: str) -> Sequence[Any]:
    """Return what was told of a message, oldest first."""
    receipt = DeliveryReceiptRow
    statement = (
        select(receipt.provider, receipt.told, receipt.told_at, receipt.received_at, receipt.error_code, receipt.outcome,
               receipt.is_signed, receipt.raw_code)
        .where(receipt.message_id == message_id)
        .order_by(receipt.received_at, receipt.id)
        .limit(MOST_RECEIPTS)
    )  # fmt: skip
    return reads.execute(statement).all()


def lock_message(session: Session, message_id: str) -> MessageRow:
    """Return the message, locked. The caller holds the borrower's agenda row."""
    statement = select(_M).where(_M.id == message_id).with_for_update().execution_options(populate_existing=True)
    return session.scalars(statement).one()
