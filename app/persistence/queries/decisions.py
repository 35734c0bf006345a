"""Writing decisions, their events, contacts and messages in bulk; reading them for the digest."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, case, or_, select, true, update
from sqlalchemy.orm import Session

from app.domain.times import rfc3339
from app.persistence.bulk import Rows, add_rows, change_rows
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionEventRow, DecisionRow
from app.persistence.queries.inbox import is_gone

_DECISIONS = cast(Table, DecisionRow.__table__)
_AGENDA = cast(Table, AgendaRow.__table__)
_CHANGED = {
    "id": "b_id",
    "outcome": "b_outcome",
    "reason": "b_reason",
    "contact_id": "b_contact_id",
    "next_evaluation_at": "b_next",
    "event_count": "b_count",
}
_FINISHED = {
    "borrower_id": "b_id",
    "wake_at": "b_wake",
    "case_version": "b_version",
    "decided_version": "b_version",
    "rules_epoch": "b_epoch",
    "decided_until": "b_until",
    "zone": "b_zone",
    "zone_since": "b_zone_since",
    "inbox_state": "b_inbox_state",
}
_INBOX_STATE = select(AgendaRow.inbox_state).where(AgendaRow.borrower_id == MessageRow.borrower_id).scalar_subquery()
_MARKS = ("seen_at", "read_at", "archived_at", "snoozed_until", "clicked_at", "replied_at")
"""What a borrower has done with a message."""
_WAITING = or_(MessageRow.state == "queued", MessageRow.state == "stale")  # IN cannot be executed for many
_STAND = (
    update(MessageRow.__table__)  # type: ignore[arg-type]
    .where(MessageRow.contact_id == bindparam("b_contact_id"), _WAITING)
    .values(
        state="queued",
        state_reason=None,
        case_version=bindparam("b_version"),
        rules_epoch=bindparam("b_epoch"),
        not_after=case(
            (MessageRow.not_after < bindparam("b_not_after"), MessageRow.not_after), else_=bindparam("b_not_after")
        ),
    )
)


def add_decided(session: Session, *, contacts: Rows, messages: Rows, decisions: Rows, events: Rows) -> None:
    """Insert what a batch of decisions made. Events of changed decisions come in `events` too."""
    for row_class, rows in (
        (ContactRow, contacts),
        (MessageRow, messages),
        (DecisionRow, decisions),
        (DecisionEventRow, events),
    ):
        add_rows(session, cast(Table, row_class.__table__), rows)


def mark_decisions(session: Session, changes: Rows) -> None:
    """Write the current outcome of decisions that changed."""
    change_rows(session, _DECISIONS, changes, columns=_CHANGED, key="id")


def mark_standing(session: Session, contacts: Rows) -> None:
    """Stamp waiting messages of contacts that were checked again; their end can only come nearer."""
    if contacts:
        session.connection().execute(_STAND, list(contacts))


def mark_cancelled(session: Session, contact_ids: Sequence[str], *, reason: str, channel: str | None = None) -> None:
    """Cancel what waits of these contacts; `channel` None: on all channels."""
    on_channel = true() if channel is None else MessageRow.channel == channel
    session.execute(
        update(MessageRow)
        .where(MessageRow.contact_id.in_(contact_ids), _WAITING, on_channel)
        .values(state="cancelled", state_reason=reason, lane=None, version=MessageRow.version + 1)
    )


def mark_slots_free(session: Session, contact_ids: Sequence[str]) -> None:
    """Give back places under the cap: nothing of these contacts has left."""
    if contact_ids:
        session.execute(update(ContactRow).where(ContactRow.id.in_(contact_ids)).values(slot_no=None))


def mark_settled(session: Session, contact_ids: Sequence[str], *, now: datetime) -> None:
    """Settle contacts whose subjects are all closed, and their messages in the inbox.

    After `finish_agenda`, which has raised the inbox state that those are stamped with.
    """
    if not contact_ids:
        return
    session.execute(
        update(ContactRow)
        .where(ContactRow.id.in_(contact_ids), ContactRow.state == "open")
        .values(state="settled", settled_at=now)
    )
    session.execute(
        update(MessageRow)
        .where(MessageRow.contact_id.in_(contact_ids), MessageRow.channel == "in_app", MessageRow.settled_at.is_(None))
        .values(settled_at=now, inbox_state=_INBOX_STATE, version=MessageRow.version + 1)
        .execution_options(synchronize_session=False)
    )


def replace_shown(session: Session, replaced: Mapping[str, str | None], *, now: datetime) -> None:
    """Take what these contacts show in the app out of it. What takes its place (message id) is read, archived and so on as
    that was; None: nothing does.

    After `finish_agenda`, which has raised the inbox state that devices hear of it by.
    """
    if not replaced:
        return
    new_ids = [message_id for message_id in replaced.values() if message_id is not None]
    shown = and_(
        MessageRow.contact_id.in_(replaced), MessageRow.channel == "in_app", MessageRow.id.not_in(new_ids), ~is_gone
    )
    marks = select(MessageRow.contact_id, *(getattr(MessageRow, each) for each in _MARKS)).where(shown)
    for contact_id, *values in session.execute(marks.order_by(MessageRow.created_at, MessageRow.id)).all():
        if (new_id := replaced[contact_id]) is not None:
            had = dict(zip(_MARKS, values, strict=True))
            session.execute(update(MessageRow).where(MessageRow.id == new_id).values(**had))
    session.execute(
        update(MessageRow)
        .where(shown)
        .values(withdrawn_at=now, inbox_state=_INBOX_STATE, version=MessageRow.version + 1)
        .execution_options(synchronize_session=False)
    )


def finish_agenda(session: Session, rows: Rows) -> None:
    """Write the agenda of decided borrowers: next wake, new version, how far all is decided, the state of the inbox."""
    change_rows(session, _AGENDA, rows, columns=_FINISHED, key="borrower_id", never_falls="inbox_state")


def iterate_digest_records(session: Session) -> Iterator[dict[str, Any]]:
    """Yield every decision with its events by natural keys, for the digest."""
    statement = (
        select(
            DecisionRow.id,
            LenderRow.code,
            BorrowerRow.borrower_no,
            LoanRow.loan_no,
            DecisionRow.row_no,
            DecisionRow.anchor_no,
            DecisionRow.step_key,
            DecisionEventRow.outcome,
            DecisionEventRow.reason,
            DecisionEventRow.channels,
            DecisionEventRow.not_before,
        )
        .join(DecisionEventRow, DecisionEventRow.decision_id == DecisionRow.id)
        .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .join(BorrowerRow, BorrowerRow.id == DecisionRow.borrower_id)
        .order_by(DecisionRow.id, DecisionEventRow.seq)
        .execution_options(yield_per=1000)
    )
    current: str | None = None
    record: dict[str, Any] = {}
    for row in session.execute(statement):
        if row.id != current:
            if current is not None:
                yield record
            current = row.id
            record = {
                "lender": row.code,
                "borrower_no": row.borrower_no,
                "loan_no": row.loan_no,
                "row_no": row.row_no,
                "anchor_no": row.anchor_no,
                "step": row.step_key,
                "events": [],
            }
        record["events"].append(
            {
                "outcome": row.outcome,
                "reason": row.reason,
                "channels": row.channels,
                "not_before": rfc3339(row.not_before) if row.not_before else None,
            }
        )
    if current is not None:
        yield record
