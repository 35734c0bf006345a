"""Conversations as a lender's desk sees them: the queue, one thread with its notes, whom threads can be given to.

Every statement filters by the lender: a thread of another lender is not there. One of which nobody knows yet whose it is
can be seen by every lender the borrower has a loan with.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.conversations import (
    ConversationMessageRow,
    ConversationNoteRow,
    ConversationRow,
    ReplyCopyRow,
)
from app.persistence.models.desk_rules import StaffAbsenceRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.staff import StaffAccountRow, StaffMembershipRow, StaffSessionRow
from app.persistence.models.tasks import TaskRow


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which threads. None: any. `assignee`: staff:NAME, or `none` for those nobody has."""

    statuses: Collection[str] | None = None
    assignee: str | None = None
    team: str | None = None
    kind: str | None = None
    borrower_no: str | None = None
    due_after: datetime | None = None
    """Exclusive."""
    due_until: datetime | None = None
    """Inclusive."""
    is_due: bool | None = None
    """False: only those without a target that runs."""


def page_queue(
    reads: Connection | Session, lender_id: str, wanted: QueueFilter, *, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return threads with the numbers of borrower and loan, the most urgent first, by (urgent_at, id)."""
    statement = _threads(lender_id).order_by(ConversationRow.urgent_at, ConversationRow.id).limit(limit)
    statement = statement.where(*_conditions(wanted))
    if after is not None:
        statement = statement.where(tuple_(ConversationRow.urgent_at, ConversationRow.id) > after)
    return reads.execute(statement).all()


def count_queue(reads: Connection | Session, lender_id: str, wanted: QueueFilter, *, most: int) -> int:
    """Return how many threads there are, at most `most`: more need not be counted."""
    found = _threads(lender_id).where(*_conditions(wanted)).with_only_columns(ConversationRow.id).limit(most).subquery()
    return reads.scalar(select(func.count()).select_from(found)) or 0


def get_thread(reads: Connection | Session, lender_id: str, conversation_id: str) -> Any:
    """Return the columns of a thread with the numbers of borrower and loan. Raises NotFoundError."""
    row = reads.execute(_threads(lender_id).where(ConversationRow.id == conversation_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such conversation.")
    return row


def page_thread_words(
    reads: Connection | Session, conversation_id: str, *, before: tuple[datetime, str] | None = None, limit: int = 100
) -> Sequence[Any]:
    """Return words of a thread with what became of their copies, newest first by (created_at, id)."""
    statement = (
        select(
            ConversationMessageRow.__table__,
            ReplyCopyRow.channel.label("copy_channel"),
            ReplyCopyRow.state.label("copy_state"),
            ReplyCopyRow.reason.label("copy_reason"),
            ReplyCopyRow.rule.label("copy_rule"),
            ReplyCopyRow.until.label("copy_until"),
            MessageRow.state.label("message_state"),
            MessageRow.state_reason.label("message_reason"),
        )
        .outerjoin(ReplyCopyRow, ReplyCopyRow.word_id == ConversationMessageRow.id)
        .outerjoin(MessageRow, MessageRow.id == ReplyCopyRow.message_id)
        .where(ConversationMessageRow.conversation_id == conversation_id)
        .order_by(ConversationMessageRow.created_at.desc(), ConversationMessageRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(ConversationMessageRow.created_at, ConversationMessageRow.id) < before)
    return reads.execute(statement).all()


def find_notes(reads: Connection | Session, lender_id: str, conversation_id: str, *, limit: int = 200) -> Sequence[Any]:
    """Return the newest notes of a lender's staff on a thread, newest first."""
    statement = (
        select(ConversationNoteRow.__table__)
        .where(ConversationNoteRow.conversation_id == conversation_id, ConversationNoteRow.lender_id == lender_id)
        .order_by(ConversationNoteRow.created_at.desc(), ConversationNoteRow.id.desc())
        .limit(limit)
    )
    return reads.execute(statement).all()


def find_note(session: Session, source_key: str) -> ConversationNoteRow | None:
    """Return the note of that source, or None."""
    return session.scalar(select(ConversationNoteRow).where(ConversationNoteRow.source_key == source_key))


def find_open_answers(session: Session, borrower_id: str, kinds: Collection[str]) -> Sequence[TaskRow]:
    """Return the open tasks of these kinds about a borrower, oldest first."""
    statement = select(TaskRow).where(TaskRow.borrower_id == borrower_id, TaskRow.state == "open", TaskRow.kind.in_(kinds))
    return session.scalars(statement.order_by(TaskRow.id)).all()


# -- whom threads can be given to --------------------------------------------------------------------------------------


def find_staff(session: Session, lender_id: str, roles: Collection[str]) -> Sequence[Any]:
    """Return the members of a lender in these roles whose account is active: name, languages, teams, seen_at, is_away."""
    seen = (
        select(StaffSessionRow.staff_id, func.max(StaffSessionRow.last_used_at).label("seen_at"))
        .where(StaffSessionRow.lender_id == lender_id, StaffSessionRow.revoked_at.is_(None))
        .group_by(StaffSessionRow.staff_id)
        .subquery()
    )
    statement = (
        select(
            StaffAccountRow.id,
            StaffAccountRow.name,
            StaffAccountRow.languages,
            StaffMembershipRow.teams,
            StaffMembershipRow.role,
            seen.c.seen_at,
            StaffAbsenceRow.since_at.label("away_since"),
        )
        .join(StaffMembershipRow, StaffMembershipRow.staff_id == StaffAccountRow.id)
        .outerjoin(seen, seen.c.staff_id == StaffAccountRow.id)
        .outerjoin(
            StaffAbsenceRow,
            and_(StaffAbsenceRow.staff_id == StaffAccountRow.id, StaffAbsenceRow.lender_id == lender_id),
        )
        .where(
            StaffMembershipRow.lender_id == lender_id,
            StaffMembershipRow.role.in_(roles),
            StaffAccountRow.state == "active",
        )
        .order_by(StaffAccountRow.name)
    )
    return session.execute(statement).all()


def count_loads(session: Session, lender_id: str, *, besides: str | None = None) -> Mapping[str, int]:
    """Return staff:NAME -> how many open threads of this lender they have; `besides`: one that is not counted."""
    statement = (
        select(ConversationRow.assignee, func.count())
        .where(
            ConversationRow.lender_id == lender_id,
            ConversationRow.assignee.is_not(None),
            ConversationRow.status == "open",
        )
        .group_by(ConversationRow.assignee)
    )
    if besides is not None:
        statement = statement.where(ConversationRow.id != besides)
    return {str(name): number for name, number in session.execute(statement)}


def _threads(lender_id: str) -> Any:
    return (
        select(ConversationRow.__table__, BorrowerRow.borrower_no, BorrowerRow.zone.label("zone"), LoanRow.loan_no)
        .join(BorrowerRow, BorrowerRow.id == ConversationRow.borrower_id)
        .outerjoin(LoanRow, LoanRow.id == ConversationRow.loan_id)
        .where(_seen_by(lender_id))
    )


def _conditions(wanted: QueueFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.statuses is not None:
        found.append(ConversationRow.status.in_(wanted.statuses))
    if wanted.assignee is not None:
        is_free = wanted.assignee == "none"
        found.append(ConversationRow.assignee.is_(None) if is_free else ConversationRow.assignee == wanted.assignee)
    named = ((ConversationRow.team, wanted.team), (ConversationRow.kind, wanted.kind))
    for column, value in (*named, (BorrowerRow.borrower_no, wanted.borrower_no)):
        if value is not None:
            found.append(column == value)
    if wanted.is_due is False:
        found.append(ConversationRow.due_at.is_(None))
    if wanted.due_after is not None:
        found.append(ConversationRow.due_at > wanted.due_after)
    if wanted.due_until is not None:
        found.append(ConversationRow.due_at <= wanted.due_until)
    return found


def _seen_by(lender_id: str) -> ColumnElement[bool]:
    """A thread at this lender's desk, or at nobody's yet and of somebody who has a loan there.

    As a value and not by EXISTS: that is turned into a hash of all loans, however few threads are looked at.
    """
    owes = select(LoanRow.lender_id).where(
        LoanRow.borrower_id == ConversationRow.borrower_id, LoanRow.lender_id == lender_id
    )
    owed = owes.limit(1).correlate(ConversationRow).scalar_subquery() == lender_id
    return or_(ConversationRow.lender_id == lender_id, and_(ConversationRow.lender_id.is_(None), owed))
