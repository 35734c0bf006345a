"""Tasks to write a letter: what was decided, whether that still stands, and which letter came of it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.reminders import AgendaRow, DecisionRow, RulesStateRow
from app.persistence.models.tasks import TaskRow

_EPOCH = select(RulesStateRow.rules_epoch).limit(1).scalar_subquery()


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that a person shall write a letter, with the loan and the versions it stands under now."""

    id: str
    policy_id: str
    step_key: str
    row_no: int
    event_count: int
    loan: LoanRow
    lender_name: str
    locale: str | None
    zone: str
    case_version: int
    rules_epoch: int


def get_task_unlocked(session: Session, task_id: str, *, lender_id: str | None) -> TaskRow:
    """Return a task, with a lender only if its loan is theirs. Raises NotFoundError."""
    statement = select(TaskRow).where(TaskRow.id == task_id)
    if lender_id is not None:
        statement = statement.join(LoanRow, LoanRow.id == TaskRow.loan_id).where(LoanRow.lender_id == lender_id)
    row = session.scalar(statement)
    if row is None:
        raise NotFoundError("There is no such task.")
    return row


def is_decided(session: Session, borrower_id: str) -> bool:
    """Return whether the engine has looked at a borrower since their case or the rules changed last."""
    statement = select(
        (AgendaRow.case_version == AgendaRow.decided_version) & (AgendaRow.rules_epoch == func.coalesce(_EPOCH, 0))
    ).where(AgendaRow.borrower_id == borrower_id)
    return bool(session.scalar(statement))


def get_decided(session: Session, decision_id: str) -> Decided:
    """Return what a task stands on. Raises NotFoundError."""
    statement = (
        select(DecisionRow, LoanRow, LenderRow.name, BorrowerRow.locale, AgendaRow.case_version, AgendaRow.rules_epoch)
        .join(LoanRow, LoanRow.id == DecisionRow.loan_id)
        .join(LenderRow, LenderRow.id == LoanRow.lender_id)
        .join(BorrowerRow, BorrowerRow.id == DecisionRow.borrower_id)
        .join(AgendaRow, AgendaRow.borrower_id == DecisionRow.borrower_id)
        .where(DecisionRow.id == decision_id)
    )
    found: Any = session.execute(statement).first()
    if found is None:
        raise NotFoundError("There is no such decision.")
    decision, loan, lender_name, locale, case_version, rules_epoch = found
    return Decided(
        decision.id, decision.policy_id, decision.step_key, decision.row_no, decision.event_count, loan, lender_name,
        locale, loan.zone, case_version, rules_epoch,
    )  # fmt: skip


def find_approved(session: Session, task_id: str) -> tuple[str, str, int] | None:
    """Return (message, letter, pages) of a task whose letter was approved before, or None."""
    task = session.get(TaskRow, task_id)
    message_id = task.facts.get("message_id") if task is not None and task.state == "done" else None
    if message_id is None:
        return None
    row = session.execute(select(LetterRow.id, LetterRow.pages).where(LetterRow.message_id == message_id)).first()
    return None if row is None else (message_id, row.id, row.pages)
