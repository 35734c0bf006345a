"""Not the same letter twice: while one about a loan is on its way, or still leaves days to answer, no second is written."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from app.domain.errors import ConflictError
from app.domain.letter_stages import is_twin
from app.domain.times import business_date
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.letter_twins import find_latest, find_waiting_notice


def require_no_twin(session: Session, loan_id: str, template: str, *, lender_id: str, now: datetime) -> None:
    """Refuse a letter whose like is on its way, or was sent and still leaves days to answer. Raises ConflictError.

    One that came back, failed or was taken back was none: its addressee has not got it, and it may be written again.
    """
    today = business_date(now, get_lender(session, lender_id).zone)
    latest = find_latest(session, loan_id, template)
    if latest is not None and is_twin(latest.answer_by, business_date(latest.created_at, latest.zone), today):
        raise ConflictError(_told(template, latest.answer_by))
    if find_waiting_notice(session, loan_id, template):
        raise ConflictError(_told(template, None))


def _told(template: str, until: date | None) -> str:
    leaves = "" if until is None else f", and leaves until {until} to answer"
    return (
        f"A letter {template} about this loan is on its way{leaves}. Wait for that, or take it back first; one that comes "
        "back may be written again at once."
    )
