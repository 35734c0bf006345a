"""A borrower's sessions as staff see and end them."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.book import check_text
from app.domain.errors import NotFoundError
from app.domain.free_text import without_card_numbers
from app.domain.permissions import check_may
from app.persistence.ids import new_id
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.services.desk_payments import DeskStaff
from app.services.notices import tell_borrower
from app.services.sessions import end_sessions_of

BY_STAFF = "ended_by_staff"
LONGEST_REASON = 100


def end_by_staff(
    work: Work, borrower_id: str, session_ids: Sequence[str] | None, *, reason: str, staff: DeskStaff, now: datetime
) -> int:
    """End these sessions of a borrower, None: all; return how many. The borrower is told, who finds it at the next sign-in.

    Raises NotFoundError where one is named and none of them can be ended, ForbiddenError, ValidationError.
    """
    check_may(staff.role, "sessions.end")
    check_text("reason", reason, LONGEST_REASON)
    lock_agenda(work.session, [borrower_id])
    ended = end_sessions_of(work, borrower_id, session_ids, now=now, reason=BY_STAFF, actor=staff.by)
    if not ended:
        if session_ids is not None:
            raise NotFoundError("There is no such session.")
        return 0
    facts = {"count": ended, "reason": without_card_numbers(reason)}
    add_audit(work.session, at=now, actor=staff.by, action="sessions.ended_at_desk", borrower_id=borrower_id, facts=facts)
    tell_borrower(work, borrower_id, "sessions_ended", {}, now=now, key=f"sessions_ended:{new_id()}")
    return ended
