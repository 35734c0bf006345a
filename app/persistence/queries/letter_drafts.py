"""Letters that wait for an approval: drafts of staff, and those that a step of the policy asks for."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.persistence.models.loans import LoanRow
from app.persistence.models.tasks import TaskRow

_MOST = 100


def find_letters(
    reads: Connection | Session, lender_id: str, *, borrower_id: str | None = None, task_id: str | None = None
) -> Sequence[Any]:
    """Return the letters of a borrower, or one, of a lender's loans, newest first; at most a hundred."""
    statement = (
        select(
            TaskRow.id, TaskRow.state, TaskRow.facts, TaskRow.decision_id, TaskRow.created_at, TaskRow.not_after,
            TaskRow.closed_by, TaskRow.closed_at, LoanRow.loan_no,
        )
        .join(LoanRow, LoanRow.id == TaskRow.loan_id)
        .where(TaskRow.kind == "letter", LoanRow.lender_id == lender_id)
    )  # fmt: skip
    if borrower_id is not None:
        statement = statement.where(TaskRow.borrower_id == borrower_id)
    if task_id is not None:
        statement = statement.where(TaskRow.id == task_id)
    return reads.execute(statement.order_by(TaskRow.created_at.desc(), TaskRow.id.desc()).limit(_MOST)).all()


def find_waiting(session: Session, borrower_id: str, loan_id: str, template: str) -> str | None:
    """Return the draft of a letter about a loan that waits for its approval, or None."""
    statement = select(TaskRow.id, TaskRow.facts).where(
        TaskRow.borrower_id == borrower_id, TaskRow.loan_id == loan_id, TaskRow.kind == "letter", TaskRow.state == "open",
        TaskRow.decision_id.is_(None),
    )  # fmt: skip
    return next((row.id for row in session.execute(statement) if row.facts.get("template") == template), None)
