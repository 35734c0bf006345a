"""Writing decisions, their events, contacts and messages in bulk; reading them for the digest."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from app.domain.cases import DecisionKey
from app.domain.times import rfc3339
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import AgendaRow, ContactRow, DecisionEventRow, DecisionRow

Rows = Sequence[Mapping[str, Any]]
_CHANGE_DECISION = (
    update(DecisionRow.__table__)  # type: ignore[arg-type]
    .where(DecisionRow.id == bindparam("b_id"))
    .values(
        outcome=bindparam("b_outcome"),
        reason=bindparam("b_reason"),
        contact_id=bindparam("b_contact_id"),
        next_evaluation_at=bindparam("b_next"),
        event_count=bindparam("b_count"),
    )
)
_FINISH = (
    update(AgendaRow.__table__)  # type: ignore[arg-type]
    .where(AgendaRow.borrower_id == bindparam("b_id"))
    .values(
        wake_at=bindparam("b_wake"),
        case_version=bindparam("b_version"),
        decided_until=bindparam("b_until"),
        zone=bindparam("b_zone"),
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
        if rows:
            session.execute(insert(row_class.__table__), list(rows))  # type: ignore[arg-type]


def find_decision_ids(session: Session, keys: Iterable[DecisionKey]) -> dict[DecisionKey, str]:
    """Return the ids of decisions that exist."""
    wanted = set(keys)
    if not wanted:
        return {}
    rows = session.execute(
        select(
            DecisionRow.id, DecisionRow.subject_kind, DecisionRow.subject_id, DecisionRow.anchor_no, DecisionRow.step_key
        ).where(DecisionRow.subject_id.in_({key[1] for key in wanted}))
    )
    found = {DecisionKey(row.subject_kind, row.subject_id, row.anchor_no, row.step_key): row.id for row in rows}
    return {key: found[key] for key in wanted}


def mark_decisions(session: Session, changes: Rows) -> None:
    """Write the current outcome of decisions that changed."""
    if changes:
        session.connection().execute(_CHANGE_DECISION, list(changes))


def mark_standing(session: Session, contact_ids: Sequence[str], versions: Mapping[str, int], *, rules_epoch: int) -> None:
    """Stamp waiting messages of contacts that were checked again. `versions`: contact id -> new case version."""
    for contact_id in contact_ids:
        session.execute(
            update(MessageRow)
            .where(MessageRow.contact_id == contact_id, MessageRow.state.in_(("queued", "stale")))
            .values(state="queued", case_version=versions[contact_id], rules_epoch=rules_epoch)
        )


def mark_cancelled(session: Session, contact_id: str, *, reason: str, closes: bool) -> None:
    """Cancel what waits of a contact; its place under the cap is free again if nothing of it has left."""
    session.execute(
        update(MessageRow)
        .where(MessageRow.contact_id == contact_id, MessageRow.state.in_(("queued", "stale")))
        .values(state="cancelled", state_reason=reason, version=MessageRow.version + 1)
    )
    tried = session.scalar(
        select(func.count())
        .select_from(DeliveryAttemptRow)
        .join(MessageRow, MessageRow.id == DeliveryAttemptRow.message_id)
        .where(MessageRow.contact_id == contact_id)
    )
    values: dict[str, Any] = {} if tried else {"slot_no": None}
    if closes:
        values["state"] = "cancelled"
    if values:
        session.execute(update(ContactRow).where(ContactRow.id == contact_id).values(**values))


def mark_settled(session: Session, contact_ids: Sequence[str], *, now: datetime) -> None:
    """Settle contacts whose subjects are all closed, and their messages in the inbox."""
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
        .values(settled_at=now, version=MessageRow.version + 1)
    )


def finish_agenda(session: Session, rows: Rows) -> None:
    """Write the agenda of decided borrowers: next wake, new version, how far all is decided."""
    if rows:
        session.connection().execute(_FINISH, list(rows))


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
