"""Escalations as people look at them: lists by stage and reason, one with its steps and events, what waits for a yes."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.orm import Session

from app.domain.escalation_reasons import Outcome
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.escalations import (
    EscalationEventRow,
    EscalationPolicyRow,
    EscalationRow,
    EscalationStepRow,
)
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks

Reads = Connection | Session
MOST_EVENTS = 500
_SHOWN = (
    select(
        EscalationRow.id, EscalationRow.borrower_id, EscalationRow.loan_id, EscalationRow.lender_id, EscalationRow.spell_no,
        EscalationRow.state, EscalationRow.stage, EscalationRow.began_at, EscalationRow.late_since,
        EscalationRow.next_look_at, EscalationRow.ended_at, EscalationRow.ended_reason, EscalationRow.ended_by,
        EscalationRow.version, LoanRow.loan_no, LoanRow.currency, LoanRow.zone, BorrowerRow.borrower_no,
        EscalationPolicyRow.key.label("policy"), EscalationPolicyRow.version_no.label("policy_version"),
    )
    .join(LoanRow, LoanRow.id == EscalationRow.loan_id)
    .join(BorrowerRow, BorrowerRow.id == EscalationRow.borrower_id)
    .join(EscalationPolicyRow, EscalationPolicyRow.id == EscalationRow.policy_id)
)  # fmt: skip
_WAITS = EscalationStepRow.outcome == Outcome.NEEDS_APPROVAL.value


def page_escalations(
    reads: Reads,
    lender_id: str,
    *,
    limit: int,
    before: str | None = None,
    state: str | None = None,
    stage: str | None = None,
    kind: str | None = None,
    outcome: str | None = None,
    reason: str | None = None,
    loan_no: str | None = None,
    borrower_id: str | None = None,
) -> Sequence[Any]:
    """Return a lender's escalations, the newest first. `kind`, `outcome`, `reason`: with a step that stands so now.

    `before`: an id, exclusive.
    """
    statement = _SHOWN.where(EscalationRow.lender_id == lender_id).order_by(EscalationRow.id.desc()).limit(limit)
    for column, value in ((EscalationRow.state, state), (EscalationRow.stage, stage), (LoanRow.loan_no, loan_no),
                          (EscalationRow.borrower_id, borrower_id)):  # fmt: skip
        if value is not None:
            statement = statement.where(column == value)
    if before is not None:
        statement = statement.where(EscalationRow.id < before)
    asked = [
        column == value
        for column, value in (
            (EscalationStepRow.kind, kind), (EscalationStepRow.outcome, outcome), (EscalationStepRow.reason, reason),
        )
        if value is not None
    ]  # fmt: skip
    if asked:
        of_steps = select(EscalationStepRow.escalation_id).where(EscalationStepRow.lender_id == lender_id, *asked)
        statement = statement.where(EscalationRow.id.in_(of_steps))
    return reads.execute(statement).all()


def find_escalation(reads: Reads, lender_id: str, escalation_id: str) -> Any:
    """Return one escalation of a lender's, or None."""
    statement = _SHOWN.where(EscalationRow.id == escalation_id, EscalationRow.lender_id == lender_id)
    return reads.execute(statement).first()


def list_steps(reads: Reads, escalation_ids: Collection[str]) -> Sequence[Any]:
    """Return the steps of escalations as they stand, in the order they were first looked at."""
    found: list[Any] = []
    for part in chunks(escalation_ids):
        statement = select(EscalationStepRow.__table__).where(EscalationStepRow.escalation_id.in_(part))
        found += reads.execute(statement.order_by(EscalationStepRow.id)).all()
    return found


def list_events(reads: Reads, escalation_id: str) -> Sequence[Any]:
    """Return what happened to an escalation, in order; at most the first 500."""
    statement = (
        select(EscalationEventRow.__table__)
        .where(EscalationEventRow.escalation_id == escalation_id)
        .order_by(EscalationEventRow.seq)
        .limit(MOST_EVENTS)
    )
    return reads.execute(statement).all()


def count_steps(reads: Reads, lender_id: str) -> Sequence[Any]:
    """Return (kind, outcome, reason, count) of the steps of a lender's escalations that have not ended."""
    statement = (
        select(EscalationStepRow.kind, EscalationStepRow.outcome, EscalationStepRow.reason, func.count().label("count"))
        .where(EscalationStepRow.lender_id == lender_id, EscalationStepRow.outcome != Outcome.ENDED.value)
        .group_by(EscalationStepRow.kind, EscalationStepRow.outcome, EscalationStepRow.reason)
        .order_by(EscalationStepRow.kind, func.count().desc(), EscalationStepRow.reason)
    )
    return reads.execute(statement).all()


def page_waiting(
    reads: Reads, lender_id: str, *, limit: int, after: tuple[datetime, str] | None = None, step_key: str | None = None
) -> Sequence[Any]:
    """Return the steps that wait for a person, the longest waiting first, with the loan and the borrower."""
    statement = (
        select(EscalationStepRow.__table__, LoanRow.loan_no, BorrowerRow.borrower_no)
        .join(LoanRow, LoanRow.id == EscalationStepRow.loan_id)
        .join(BorrowerRow, BorrowerRow.id == EscalationStepRow.borrower_id)
        .where(EscalationStepRow.lender_id == lender_id, _WAITS)
        .order_by(EscalationStepRow.wanted_at, EscalationStepRow.id)
        .limit(limit)
    )
    if step_key is not None:
        statement = statement.where(EscalationStepRow.step_key == step_key)
    if after is not None:
        at, step_id = after
        later = and_(EscalationStepRow.wanted_at == at, EscalationStepRow.id > step_id)
        statement = statement.where(or_(EscalationStepRow.wanted_at > at, later))
    return reads.execute(statement).all()


def count_waiting(reads: Reads, lender_id: str) -> Sequence[Any]:
    """Return (step_key, kind, count, since) of the steps that wait for a person."""
    statement = (
        select(
            EscalationStepRow.step_key, EscalationStepRow.kind, func.count().label("count"),
            func.min(EscalationStepRow.wanted_at).label("since"),
        )
        .where(EscalationStepRow.lender_id == lender_id, _WAITS)
        .group_by(EscalationStepRow.step_key, EscalationStepRow.kind)
        .order_by(EscalationStepRow.step_key)
    )  # fmt: skip
    return reads.execute(statement).all()


def find_waiting_ids(
    session: Session, lender_id: str, *, step_key: str, limit: int, until: datetime, but_not_by: str
) -> list[str]:
    """Return the steps of a key that have waited longest, without those to which that person has said yes."""
    statement = (
        select(EscalationStepRow.id)
        .where(
            EscalationStepRow.lender_id == lender_id,
            _WAITS,
            EscalationStepRow.step_key == step_key,
            EscalationStepRow.wanted_at <= until,
            or_(EscalationStepRow.approved_by.is_(None), EscalationStepRow.approved_by != but_not_by),
        )
        .order_by(EscalationStepRow.wanted_at, EscalationStepRow.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def find_step_owners(session: Session, step_ids: Collection[str], lender_id: str) -> dict[str, tuple[str, str]]:
    """Return step -> (borrower, loan) of those that are of this lender."""
    found: dict[str, tuple[str, str]] = {}
    for part in chunks(step_ids):
        statement = select(EscalationStepRow.id, EscalationStepRow.borrower_id, EscalationStepRow.loan_id).where(
            EscalationStepRow.id.in_(part), EscalationStepRow.lender_id == lender_id
        )
        found |= {row.id: (row.borrower_id, row.loan_id) for row in session.execute(statement)}
    return found
