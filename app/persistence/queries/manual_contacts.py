"""Contacts that people made, and what became of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.manual_contacts import WAIT_TO_LEAVE
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.calls import CallRow
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow
from app.persistence.models.visits import VisitRow


def find_open(session: Session, contact_ids: Collection[str]) -> list[ManualContactRow]:
    """Return the records of what may still wait to leave of these contacts and is not settled, locked, oldest first."""
    statement = (
        select(ManualContactRow)
        .join(ContactRow, ContactRow.id == ManualContactRow.contact_id)
        .where(
            ManualContactRow.contact_id.in_(contact_ids),
            ContactRow.state == "open",
            ManualContactRow.kind.in_(WAIT_TO_LEAVE),
        )
        .order_by(ManualContactRow.made_at, ManualContactRow.id)
        .with_for_update(of=ManualContactRow)
    )
    return list(session.scalars(statement))


def mark_ended(session: Session, record_id: str, *, outcome: str, reason: str, rule: str | None, now: datetime) -> None:
    """Write what became of a contact by hand."""
    statement = update(ManualContactRow).where(ManualContactRow.id == record_id)
    session.execute(statement.values(outcome=outcome, reason=reason, rule=rule, changed_at=now))


def find_of_contacts(session: Session, contact_ids: Collection[str]) -> Mapping[str, ManualContactRow]:
    """Return contact id -> its record; calls told of before there were records have none."""
    statement = select(ManualContactRow).where(ManualContactRow.contact_id.in_(contact_ids))
    return {row.contact_id: row for row in session.scalars(statement)}


_SENT = (
    select(
        ManualContactRow.id, ManualContactRow.contact_id, ManualContactRow.kind, ManualContactRow.channel,
        ManualContactRow.message_class, ManualContactRow.loan_ids, ManualContactRow.template, ManualContactRow.made_at,
        ManualContactRow.by, ManualContactRow.overridden, ManualContactRow.override_reason_sealed, ManualContactRow.outcome,
        ManualContactRow.reason, ManualContactRow.rule, ContactRow.slot_no, MessageRow.id.label("message_id"),
        MessageRow.text_sealed, MessageRow.state, MessageRow.state_reason, MessageRow.not_after, MessageRow.sent_at,
        MessageRow.seen_at, BorrowerRow.borrower_no,
    )
    .join(ContactRow, ContactRow.id == ManualContactRow.contact_id)
    .join(BorrowerRow, BorrowerRow.id == ManualContactRow.borrower_id)
    .outerjoin(MessageRow, and_(MessageRow.contact_id == ContactRow.id, MessageRow.channel == ManualContactRow.channel))
)  # fmt: skip


def page_sent(
    reads: Connection | Session,
    borrower_id: str,
    lender_id: str,
    *,
    kinds: Collection[str],
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> Sequence[Any]:
    """Return what a lender's people sent a borrower, newest first."""
    statement = _SENT.where(
        ManualContactRow.borrower_id == borrower_id,
        ManualContactRow.lender_id == lender_id,
        ManualContactRow.kind.in_(kinds),
    )
    if before is not None:
        at, row_id = before
        statement = statement.where(
            or_(ManualContactRow.made_at < at, and_(ManualContactRow.made_at == at, ManualContactRow.id < row_id))
        )
    return reads.execute(statement.order_by(ManualContactRow.made_at.desc(), ManualContactRow.id.desc()).limit(limit)).all()


def find_sent(session: Session, record_id: str) -> Any:
    """Return one as `page_sent` does, or None."""
    return session.execute(_SENT.where(ManualContactRow.id == record_id)).first()


def find_outcomes(session: Session, borrower_id: str, contact_ids: Collection[str]) -> dict[str, str]:
    """Return contact id -> how a call or a visit of this borrower went; a visit under way: its state."""
    statement = (
        select(MessageRow.contact_id, func.coalesce(CallRow.outcome, VisitRow.outcome, VisitRow.state))
        .outerjoin(CallRow, CallRow.message_id == MessageRow.id)
        .outerjoin(VisitRow, and_(VisitRow.message_id == MessageRow.id, VisitRow.borrower_id == borrower_id))
        .where(MessageRow.contact_id.in_(contact_ids), MessageRow.borrower_id == borrower_id)
    )
    return {contact_id: outcome for contact_id, outcome in session.execute(statement) if contact_id and outcome}


def find_on(session: Session, borrower_id: str, on: date, lender_id: str | None) -> Sequence[Any]:
    """Return (contact, record or None) of what people sent or said to a borrower on a local date, oldest first.

    `lender_id`: only what its own people did.
    """
    statement = (
        select(ContactRow, ManualContactRow)
        .outerjoin(ManualContactRow, ManualContactRow.contact_id == ContactRow.id)
        .where(ContactRow.borrower_id == borrower_id, ContactRow.local_date == on, ContactRow.origin == "manual")
        .order_by(ContactRow.created_at, ContactRow.id)
    )
    if lender_id is not None:
        statement = statement.where(ManualContactRow.lender_id == lender_id)
    return session.execute(statement).all()
