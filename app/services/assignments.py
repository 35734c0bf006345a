"""Giving threads to people: by load and language by itself, or as somebody at the desk says.

A thread is given under its borrower's agenda row, so that two who give it at once give it once.
"""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.assignments import Candidate, Need, choose
from app.domain.permissions import AGENT, SUPERVISOR
from app.domain.service_levels import ServiceLevels
from app.persistence.models.conversations import ConversationRow
from app.persistence.models.desk_rules import StaffAbsenceRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.desk_conversations import count_loads, find_staff
from app.persistence.unit_of_work import Work

ROLES = (AGENT, SUPERVISOR)
"""Who is given threads."""
_ENGINE = "engine:conversations"


def assign_by_load(work: Work, row: ConversationRow, rules: ServiceLevels, *, now: datetime) -> str | None:
    """Give a thread to who speaks its language, is at the desk and has the least open; return who has it now.

    Nobody can: it stays in the queue, and what had it before is remembered.
    """
    if row.lender_id is None:
        return None
    before = row.assignee
    need = Need(row.language, row.team, before or row.had_by)
    row.assignee = choose(
        need,
        candidates_of(work.session, row.lender_id, besides=row.id),
        now=now,
        on_duty=timedelta(minutes=rules.on_duty_minutes),
        most_open=rules.most_open,
    )
    row.had_by = row.assignee or before or row.had_by
    work.session.flush()
    if row.assignee != before:
        facts = {"conversation_id": row.id, "assignee": row.assignee, "before": before}
        add_audit(
            work.session, at=now, actor=_ENGINE, action="conversation.assigned", borrower_id=row.borrower_id, facts=facts
        )
    return row.assignee


def candidates_of(session: Session, lender_id: str, *, besides: str | None = None) -> list[Candidate]:
    """Return whom threads of a lender can be given to, with their loads; `besides`: a thread that is not counted."""
    loads = count_loads(session, lender_id, besides=besides)
    return [
        Candidate(
            f"staff:{each.name}", each.languages, loads.get(f"staff:{each.name}", 0), each.seen_at, each.teams,
            each.away_since is not None,
        )
        for each in find_staff(session, lender_id, ROLES)
    ]  # fmt: skip


def is_away(session: Session, lender_id: str, staff_id: str | None) -> bool:
    """Return whether somebody said that they are given no threads for now; a key never did."""
    return staff_id is not None and session.get(StaffAbsenceRow, (staff_id, lender_id)) is not None


def put_absence(work: Work, lender_id: str, staff_id: str, *, is_away: bool, by: str, now: datetime) -> None:
    """Say that somebody is given no threads for now, or is again. What they have stays theirs."""
    row = work.session.get(StaffAbsenceRow, (staff_id, lender_id), with_for_update=True)
    if (row is not None) == is_away:
        return
    if row is not None:
        work.session.delete(row)
    else:
        work.session.add(StaffAbsenceRow(staff_id=staff_id, lender_id=lender_id, since_at=now))
    work.session.flush()
    facts = {"staff_id": staff_id, "is_away": is_away}
    add_audit(work.session, at=now, actor=by, action="staff.absence", borrower_id=None, facts=facts)
