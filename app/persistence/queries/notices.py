"""Notices to borrowers, and whom they go to."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from app.domain.lanes import WAITING_STATES
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.notices import NoticeRow
from app.persistence.queries.case_people import add_people
from app.persistence.queries.cases import HEADS
from app.persistence.queries.gathered import Gathered

_INBOX = aliased(MessageRow)


class LenderOfNotice(NamedTuple):
    """A lender whose policy and zone count."""

    lender_id: str
    zone: str


def find_notice(session: Session, borrower_id: str, key: str) -> NoticeRow | None:
    """Return the notice of an event, or None."""
    return session.scalar(select(NoticeRow).where(NoticeRow.borrower_id == borrower_id, NoticeRow.key == key))


def load_reader(session: Session, borrower_id: str, now: datetime) -> Gathered:
    """Return what is known of the borrower besides loans and contacts: devices, holds, consents, wishes.

    Raises LookupError for a borrower without an agenda row.
    """
    found = {row.id: Gathered(row) for row in HEADS.all(session.connection(), {"b_ids": [borrower_id]})}
    if not found:
        raise LookupError("There is no such borrower.")
    add_people(session, found, now)
    return found[borrower_id]


def find_lenders(session: Session, borrower_id: str, loan_id: str | None) -> list[LenderOfNotice]:
    """Return the lender of a loan, or without one the lenders of all the borrower's loans."""
    statement = (
        select(LenderRow.id, LenderRow.zone).distinct().join(LoanRow, LoanRow.lender_id == LenderRow.id)
        .where(LoanRow.borrower_id == borrower_id).order_by(LenderRow.id)
    )  # fmt: skip
    if loan_id is not None:
        statement = statement.where(LoanRow.id == loan_id)
    return [LenderOfNotice(*row) for row in session.execute(statement)]


class PushedNotice(NamedTuple):
    """A push of a notice that is about to leave. `is_needless`: it was seen in the inbox, or taken back."""

    push_id: str
    borrower_id: str
    loan_id: str | None
    template: str
    is_needless: bool


def find_pushed(session: Session, push_ids: Collection[str]) -> dict[str, PushedNotice]:
    """Return the notices of these pushes."""
    statement = (
        select(
            NoticeRow.push_id, NoticeRow.borrower_id, NoticeRow.loan_id, NoticeRow.template, NoticeRow.withdrawn_at,
            _INBOX.seen_at, _INBOX.read_at, _INBOX.withdrawn_at.label("taken_at"),
        )
        .outerjoin(_INBOX, _INBOX.id == NoticeRow.message_id)
        .where(NoticeRow.push_id.in_(push_ids))
    )  # fmt: skip
    return {
        row.push_id: PushedNotice(
            row.push_id, row.borrower_id, row.loan_id, row.template,
            any(at is not None for at in (row.withdrawn_at, row.seen_at, row.read_at, row.taken_at)),
        )
        for row in session.execute(statement)
    }  # fmt: skip


def find_inbox_id_of_push(session: Session, push_id: str) -> str | None:
    """Return the inbox message that a push of a notice leads to, or None."""
    return session.scalar(select(NoticeRow.message_id).where(NoticeRow.push_id == push_id, NoticeRow.withdrawn_at.is_(None)))


def cancel_waiting(session: Session, message_id: str) -> bool:
    """End a message that has not left; return whether it had not."""
    changed = session.execute(
        update(MessageRow)
        .where(MessageRow.id == message_id, MessageRow.state.in_([s for s in WAITING_STATES if s != "sending"]))
        .values(state="cancelled", lane=None, version=MessageRow.version + 1)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]


class ToldNotice(NamedTuple):
    """A notice as its history shows it. States are of its messages; null: there is none of that kind."""

    id: str
    template: str
    loan_no: str | None
    created_at: datetime
    withheld_reason: str | None
    withdrawn_at: datetime | None
    message_id: str | None
    inbox_state: str | None
    seen_at: datetime | None
    push_state: str | None
    push_reason: str | None
    pushed_at: datetime | None
    zone: str | None
    """Of the borrower's profile."""


_PUSH = aliased(MessageRow)
_TOLD = (
    select(
        NoticeRow.id, NoticeRow.template, LoanRow.loan_no, NoticeRow.created_at, NoticeRow.withheld_reason,
        NoticeRow.withdrawn_at, NoticeRow.message_id, _INBOX.state, func.coalesce(_INBOX.seen_at, _INBOX.read_at),
        _PUSH.state, _PUSH.state_reason, _PUSH.sent_at, BorrowerRow.zone,
    )
    .join(BorrowerRow, BorrowerRow.id == NoticeRow.borrower_id)
    .outerjoin(LoanRow, LoanRow.id == NoticeRow.loan_id)
    .outerjoin(_INBOX, _INBOX.id == NoticeRow.message_id)
    .outerjoin(_PUSH, _PUSH.id == NoticeRow.push_id)
)  # fmt: skip


def find_notices_between(
    session: Session, borrower_id: str, since: datetime, until: datetime, *, lender_id: str | None = None
) -> list[ToldNotice]:
    """Return a borrower's notices with since <= created_at < until, withheld ones too, oldest first.

    `lender_id`: only those about a loan of that lender.
    """
    statement = _TOLD.where(
        NoticeRow.borrower_id == borrower_id, NoticeRow.created_at >= since, NoticeRow.created_at < until
    ).order_by(NoticeRow.created_at, NoticeRow.id)
    if lender_id is not None:
        statement = statement.where(LoanRow.lender_id == lender_id)
    return [ToldNotice._make(row) for row in session.execute(statement)]


def page_told(
    reads: Connection, borrower_id: str, *, before: tuple[datetime, str] | None, limit: int, now: datetime
) -> list[ToldNotice]:
    """Return up to `limit` notices that a borrower was told, newest first by (created_at, id)."""
    statement = (
        _TOLD.where(NoticeRow.borrower_id == borrower_id, NoticeRow.message_id.is_not(None), NoticeRow.created_at <= now)
        .order_by(NoticeRow.created_at.desc(), NoticeRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(NoticeRow.created_at, NoticeRow.id) < before)
    return [ToldNotice._make(row) for row in reads.execute(statement)]
