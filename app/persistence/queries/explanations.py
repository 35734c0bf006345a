"""What an explanation is made of: loans, plan rows, decisions with events, contacts, messages and attempts of a borrower."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import AllocationRow, InstalmentRow, LoanRow, PlanVersionRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.reminders import AgendaRow, DecisionEventRow, DecisionRow, PolicyRow
from app.persistence.models.tasks import TaskRow

MOST_LOANS = 200
"""Loans of one borrower that are explained at once."""


class LoanWithLender(NamedTuple):
    """A loan, and who lends."""

    loan: LoanRow
    lender_code: str
    lender_zone: str


def find_loans(session: Session, borrower_id: str, lender_id: str | None) -> list[LoanWithLender]:
    """Return a borrower's loans, of one lender or of all, by loan number."""
    statement = (
        select(LoanRow, LenderRow.code, LenderRow.zone)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .where(LoanRow.borrower_id == borrower_id)
        .order_by(LenderRow.code, LoanRow.loan_no)
        .limit(MOST_LOANS)
    )
    if lender_id is not None:
        statement = statement.where(LoanRow.lender_id == lender_id)
    return [LoanWithLender(*row) for row in session.execute(statement)]


def find_plan_rows(session: Session, loan_ids: Collection[str], *, due_from: date, due_until: date) -> Sequence[Any]:
    """Return rows of every plan version that fall due in the span, both ends included, with since when each is watched."""
    return session.execute(
        select(
            InstalmentRow.loan_id,
            InstalmentRow.anchor_no,
            InstalmentRow.row_no,
            InstalmentRow.due_on,
            PlanVersionRow.watched_from_at,
        )
        .join(
            PlanVersionRow,
            and_(PlanVersionRow.loan_id == InstalmentRow.loan_id, PlanVersionRow.anchor_no == InstalmentRow.anchor_no),
        )
        .where(InstalmentRow.loan_id.in_(loan_ids), InstalmentRow.due_on.between(due_from, due_until))
        .order_by(InstalmentRow.loan_id, InstalmentRow.due_on, InstalmentRow.row_no, InstalmentRow.anchor_no)
    ).all()


def find_promises(session: Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return all promises to pay on these loans, with the span in which each was open."""
    return session.execute(
        select(
            PromiseRow.loan_id, PromiseRow.promise_no, PromiseRow.promised_on, PromiseRow.open_since, PromiseRow.settled_at
        )
        .where(PromiseRow.loan_id.in_(loan_ids))
        .order_by(PromiseRow.loan_id, PromiseRow.promise_no)
    ).all()


def find_watched_from(session: Session, loan_ids: Collection[str]) -> dict[str, dict[int, datetime]]:
    """Return loan id -> plan version -> since when it is watched."""
    found: dict[str, dict[int, datetime]] = defaultdict(dict)
    statement = select(PlanVersionRow.loan_id, PlanVersionRow.anchor_no, PlanVersionRow.watched_from_at)
    for row in session.execute(statement.where(PlanVersionRow.loan_id.in_(loan_ids))):
        found[row.loan_id][row.anchor_no] = row.watched_from_at
    return found


def find_allocated(session: Session, loan_ids: Collection[str]) -> dict[tuple[str, int], list[Any]]:
    """Return (loan id, row) -> what went to it: value date, and the span of knowledge in which that stood."""
    found: dict[tuple[str, int], list[Any]] = defaultdict(list)
    statement = select(
        AllocationRow.loan_id,
        AllocationRow.row_no,
        AllocationRow.effective_on,
        AllocationRow.recorded_at,
        AllocationRow.replaced_at,
    ).where(AllocationRow.loan_id.in_(loan_ids), AllocationRow.row_no.is_not(None))
    for row in session.execute(statement):
        found[row.loan_id, row.row_no].append(row)
    return found


def find_agenda(session: Session, borrower_id: str) -> Any:
    """Return `wake_at` and `decided_until` of a borrower, or None."""
    return session.execute(
        select(AgendaRow.wake_at, AgendaRow.decided_until).where(AgendaRow.borrower_id == borrower_id)
    ).first()


def find_decisions(
    session: Session, borrower_id: str, loan_ids: Collection[str], *, on: date, row_keys: Collection[str]
) -> list[DecisionRow]:
    """Return the decisions about these subjects, and all others about these loans whose step falls on the date."""
    return list(
        session.scalars(
            select(DecisionRow)
            .where(
                DecisionRow.borrower_id == borrower_id,
                DecisionRow.loan_id.in_(loan_ids),
                or_(DecisionRow.subject_id.in_(row_keys), DecisionRow.local_date == on),
            )
            .order_by(DecisionRow.occurs_at, DecisionRow.id)
        )
    )


def find_events(session: Session, decision_ids: Collection[str]) -> dict[str, list[DecisionEventRow]]:
    """Return the events of decisions in their order."""
    found: dict[str, list[DecisionEventRow]] = defaultdict(list)
    statement = select(DecisionEventRow).where(DecisionEventRow.decision_id.in_(decision_ids))
    for event in session.scalars(statement.order_by(DecisionEventRow.decision_id, DecisionEventRow.seq)):
        found[event.decision_id].append(event)
    return found


def find_messages(session: Session, contact_ids: Collection[str]) -> dict[str, list[MessageRow]]:
    """Return the messages of contacts, the first rung first."""
    found: dict[str, list[MessageRow]] = defaultdict(list)
    statement = select(MessageRow).where(MessageRow.contact_id.in_(contact_ids))
    for message in session.scalars(statement.order_by(MessageRow.rung_no, MessageRow.created_at, MessageRow.id)):
        found[message.contact_id or ""].append(message)
    return found


def find_attempts(session: Session, message_ids: Collection[str]) -> dict[str, list[DeliveryAttemptRow]]:
    """Return the delivery attempts of messages in their order."""
    found: dict[str, list[DeliveryAttemptRow]] = defaultdict(list)
    statement = select(DeliveryAttemptRow).where(DeliveryAttemptRow.message_id.in_(message_ids))
    for attempt in session.scalars(statement.order_by(DeliveryAttemptRow.started_at, DeliveryAttemptRow.id)):
        found[attempt.message_id].append(attempt)
    return found


def find_tasks(session: Session, decision_ids: Collection[str]) -> dict[str, list[TaskRow]]:
    """Return the tasks that decisions made."""
    found: dict[str, list[TaskRow]] = defaultdict(list)
    for task in session.scalars(select(TaskRow).where(TaskRow.decision_id.in_(decision_ids)).order_by(TaskRow.id)):
        found[task.decision_id or ""].append(task)
    return found


def find_policy_names(session: Session, policy_ids: Collection[str]) -> dict[str, tuple[str, int]]:
    """Return id -> (key, version) of policies."""
    statement = select(PolicyRow.id, PolicyRow.key, PolicyRow.version_no).where(PolicyRow.id.in_(policy_ids))
    return {row.id: (row.key, row.version_no) for row in session.execute(statement)}


def find_policies_since(session: Session) -> dict[str | None, datetime | None]:
    """Return lender id (None: everyone else) -> since when its policy decides; None where it was the first.

    Before a first policy nobody was told what it says either, but its steps hold for all that was (watched_from decides).
    """
    earlier = exists().where(PolicyRow.status == "retired")
    had_one = bool(session.scalar(select(earlier)))
    statement = select(PolicyRow.lender_id, PolicyRow.activated_at).where(PolicyRow.status == "active")
    return {row.lender_id: row.activated_at if had_one else None for row in session.execute(statement)}


def page_touched(
    session: Session,
    reason: str,
    *,
    since: datetime,
    lender_id: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Any]:
    """Return decisions that a reason touched since then, newest first by (when, decision id), one row each.

    A decision counts also where it got over the reason later: deferred for the night and sent in the morning.
    """
    touched = (
        select(DecisionEventRow.decision_id, func.max(DecisionEventRow.at).label("at"))
        .where(DecisionEventRow.reason == reason, DecisionEventRow.at >= since)
        .group_by(DecisionEventRow.decision_id)
        .subquery()
    )
    statement = (
        select(
            touched.c.at,
            DecisionRow.id,
            BorrowerRow.borrower_no,
            LoanRow.loan_no,
            LenderRow.code.label("lender"),
            DecisionRow.row_no,
            DecisionRow.step_key,
            DecisionRow.local_date,
            DecisionRow.outcome,
            DecisionRow.reason,
        )
        .join(DecisionRow, DecisionRow.id == touched.c.decision_id)
        .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .join(BorrowerRow, BorrowerRow.id == DecisionRow.borrower_id)
        .order_by(touched.c.at.desc(), DecisionRow.id.desc())
        .limit(limit)
    )
    if lender_id is not None:
        statement = statement.where(LoanRow.lender_id == lender_id)
    if before is not None:
        statement = statement.where(tuple_(touched.c.at, DecisionRow.id) < before)
    return session.execute(statement).all()
