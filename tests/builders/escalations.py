"""Escalation policies in force, and the looks and proofs by which loans move through them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.persistence.ids import new_id
from app.persistence.models.escalations import EscalationEventRow, EscalationPolicyRow, EscalationRow, EscalationStepRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.served_notices import DeliveryProofRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.agenda import touch
from app.services.escalation_documents import check_document, content_hash
from app.services.escalations import look


def a_document(**changes: Any) -> dict[str, Any]:
    """An arrears notice, then a letter ten days after that one arrived."""
    document: dict[str, Any] = {
        "escalation_policy": "test",
        "version": 1,
        "begins": {"days_past_due": 5},
        "at": "00:00",
        "steps": [
            {"key": "notice", "kind": "arrears_notice", "days_past_due": 5,
             "notice": {"kind": "arrears_notice", "template": "letter_arrears"}},
            {"key": "letter", "kind": "repayment_letter", "days_past_due": 10, "after": {"step": "notice", "days": 10},
             "notice": {"kind": "repayment_letter", "template": "letter_arrears"}},
        ],
    }  # fmt: skip
    return {**document, **changes}


def put_in_force(lender_id: str, *, now: datetime, **changes: Any) -> str:
    """Have a policy in force, as if one person had written it and another approved it; return its id."""
    document = a_document(**changes)
    check_document(document)
    with unit_of_work() as work:
        row = EscalationPolicyRow(
            id=new_id(), key=document["escalation_policy"], version_no=document["version"], lender_id=lender_id,
            status="active", document=document, content_hash=content_hash(document), author="staff:ann",
            approved_by="staff:bob", activated_by="staff:bob", created_at=now, approved_at=now, activated_at=now,
        )  # fmt: skip
        work.session.add(row)
        policy_id: str = row.id
    return policy_id


def look_at(*borrower_ids: str, now: datetime) -> None:
    """Look at these borrowers, whether it is their turn or not."""
    with unit_of_work() as work:
        lock_agenda(work.session, borrower_ids)
        look(work, borrower_ids, now=now)


def steps_of(loan_id: str) -> dict[str, tuple[str, str]]:
    """Step -> (outcome, reason), of the newest spell."""
    with reading() as session:
        newest = select(EscalationRow.id).where(EscalationRow.loan_id == loan_id).order_by(EscalationRow.spell_no.desc())
        statement = select(EscalationStepRow).where(EscalationStepRow.escalation_id == newest.limit(1).scalar_subquery())
        return {row.step_key: (row.outcome, row.reason) for row in session.scalars(statement)}


def spells_of(loan_id: str) -> Sequence[tuple[int, str, str | None]]:
    """(number, state, why it ended) of each spell."""
    with reading() as session:
        rows = session.scalars(
            select(EscalationRow).where(EscalationRow.loan_id == loan_id).order_by(EscalationRow.spell_no)
        )
        return [(row.spell_no, row.state, row.ended_reason) for row in rows]


def events_of(loan_id: str) -> list[tuple[str | None, str, str]]:
    """(step, outcome, reason) of all that happened, in order."""
    with reading() as session:
        rows = session.scalars(
            select(EscalationEventRow)
            .where(EscalationEventRow.loan_id == loan_id)
            .order_by(EscalationEventRow.at, EscalationEventRow.seq)
        )
        return [(row.step_key, row.outcome, row.reason) for row in rows]


def message_of(loan_id: str, step_key: str) -> str:
    """The message by which a step's notice was served last."""
    with reading() as session:
        statement = select(EscalationStepRow.message_id).where(
            EscalationStepRow.loan_id == loan_id, EscalationStepRow.step_key == step_key
        )
        message_id = session.scalars(statement.order_by(EscalationStepRow.id.desc())).first()
        assert message_id is not None
        return message_id


def proof_of(loan_id: str, step_key: str, *, at: datetime, kind: str = "handed_over") -> None:
    """Have it proved that a notice arrived, as staff record it."""
    message_id = message_of(loan_id, step_key)
    with unit_of_work() as work:
        message = work.session.get_one(MessageRow, message_id)
        message.state, message.lane, message.sent_at = "sent", None, message.sent_at or at - timedelta(hours=1)
        row = DeliveryProofRow(
            id=new_id(), borrower_id=message.borrower_id, message_id=message_id, kind=kind, delivered_at=at,
            by="staff:eve", recorded_at=at,
        )  # fmt: skip
        work.session.add(row)
        work.session.flush()
        touch(work, [message.borrower_id], now=at)
