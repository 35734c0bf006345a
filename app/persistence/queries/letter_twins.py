"""The latest letter of a template about a loan that has reached its addressee, or may still."""

from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.served_notices import ServedNoticeRow

_GONE = ("returned", "failed", "cancelled")
_ENDED = ("cancelled", "expired", "failed")


def find_latest(session: Session, loan_id: str, template: str) -> Any:
    """Return (created_at, answer_by, zone) of the latest letter that did not come back, fail or end; or None."""
    statement = (
        select(LetterRow.created_at, LetterRow.answer_by, LoanRow.zone)
        .join(MessageRow, MessageRow.id == LetterRow.message_id)
        .join(LoanRow, LoanRow.id == LetterRow.loan_id)
        .where(
            LetterRow.loan_id == loan_id, LetterRow.template == template, LetterRow.state.not_in(_GONE),
            MessageRow.state.not_in(_ENDED),
        )
        .order_by(LetterRow.created_at.desc(), LetterRow.id.desc())
        .limit(1)
    )  # fmt: skip
    return session.execute(statement).first()


def find_waiting_notice(session: Session, loan_id: str, template: str) -> bool:
    """Return whether a notice with that template was served about the loan, as a letter that is not made yet."""
    made = exists().where(LetterRow.message_id == ServedNoticeRow.message_id)
    statement = (
        select(ServedNoticeRow.id)
        .join(MessageRow, MessageRow.id == ServedNoticeRow.message_id)
        .where(
            ServedNoticeRow.loan_id == loan_id, ServedNoticeRow.channel == "letter", MessageRow.template == template,
            MessageRow.state.not_in(_ENDED), ~made,
        )
        .limit(1)
    )  # fmt: skip
    return session.execute(statement).first() is not None
