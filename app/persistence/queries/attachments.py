"""Files that borrowers hand in: by owner, by what they belong to, and those that belong to nothing."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, or_, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.attachments import AttachmentRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks


class Unclaimed(NamedTuple):
    """A file to be forgotten."""

    id: str
    stored_as: str


BORROWER = "borrower"
EVIDENCE = "visit"
"""What staff keep of a visit: theirs alone, though it is kept with the borrower it is about."""


def get_own_attachment(
    session: Session, borrower_id: str, attachment_id: str, *, lock: bool = False, by: str = BORROWER
) -> AttachmentRow:
    """Return a borrower's file, locked where asked for: what `by` handed in, and what belongs to something of theirs.

    Raises NotFoundError.
    """
    statement = select(AttachmentRow).where(
        AttachmentRow.id == attachment_id,
        AttachmentRow.borrower_id == borrower_id,
        or_(AttachmentRow.by == by, AttachmentRow.claimed_at.is_not(None)),
    )
    if by == BORROWER:
        statement = statement.where(AttachmentRow.purpose != EVIDENCE)
    return _one(session, statement, lock)


def get_attachment_of_lender(session: Session, lender_id: str, attachment_id: str) -> AttachmentRow:
    """Return a file that belongs to something of this lender. Raises NotFoundError."""
    has_loan = select(LoanRow.id).where(LoanRow.borrower_id == AttachmentRow.borrower_id, LoanRow.lender_id == lender_id)
    statement = select(AttachmentRow).where(
        AttachmentRow.id == attachment_id,
        AttachmentRow.claimed_at.is_not(None),
        or_(AttachmentRow.lender_id == lender_id, AttachmentRow.lender_id.is_(None)),
        has_loan.exists(),
    )
    return _one(session, statement, False)


def _one(session: Session, statement: object, lock: bool) -> AttachmentRow:
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)  # type: ignore[attr-defined]
    row: AttachmentRow | None = session.scalar(statement)  # type: ignore[call-overload]
    if row is None:
        raise NotFoundError("There is no such attachment.")
    return row


def find_own_attachments(session: Session, borrower_id: str, attachment_ids: Collection[str]) -> dict[str, AttachmentRow]:
    """Return and lock those of these files that are the borrower's own."""
    found: dict[str, AttachmentRow] = {}
    for part in chunks(sorted(set(attachment_ids))):
        statement = (
            select(AttachmentRow)
            .where(AttachmentRow.id.in_(part), AttachmentRow.borrower_id == borrower_id)
            .order_by(AttachmentRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found |= {row.id: row for row in session.scalars(statement)}
    return found


def find_attachments(reads: Connection | Session, borrower_id: str, attachment_ids: Collection[str]) -> list[Any]:
    """Return those of these files that are of or to the borrower, oldest first."""
    found: list[Any] = []
    for part in chunks(sorted(set(attachment_ids))):
        statement = select(AttachmentRow.__table__).where(
            AttachmentRow.id.in_(part), AttachmentRow.borrower_id == borrower_id
        )
        found += reads.execute(statement.order_by(AttachmentRow.id))
    return found


def find_attachments_of(session: Session, subject_ids: Collection[str]) -> dict[str, list[AttachmentRow]]:
    """Return by subject the files that belong to it, oldest first."""
    found: dict[str, list[AttachmentRow]] = {}
    for part in chunks(subject_ids):
        statement = select(AttachmentRow).where(AttachmentRow.subject_id.in_(part)).order_by(AttachmentRow.id)
        for row in session.scalars(statement):
            found.setdefault(str(row.subject_id), []).append(row)
    return found


def count_unclaimed(session: Session, borrower_id: str, *, by: str) -> int:
    """Return how many files that somebody handed in, of or to a borrower, belong to nothing."""
    statement = select(func.count()).where(AttachmentRow.borrower_id == borrower_id, AttachmentRow.claimed_at.is_(None))
    return session.scalar(statement.where(AttachmentRow.by == by)) or 0


def count_announced(session: Session, borrower_id: str, *, by: str, since: datetime) -> int:
    """Return how many files somebody has announced since then, of or to a borrower, of those that are not forgotten."""
    statement = select(func.count()).where(AttachmentRow.borrower_id == borrower_id, AttachmentRow.created_at > since)
    return session.scalar(statement.where(AttachmentRow.by == by)) or 0


def find_unclaimed(session: Session, *, before: datetime, limit: int) -> Sequence[Unclaimed]:
    """Return files that were announced before then and belong to nothing, oldest first."""
    statement = (
        select(AttachmentRow.id, AttachmentRow.stored_as)
        .where(AttachmentRow.claimed_at.is_(None), AttachmentRow.created_at < before)
        .order_by(AttachmentRow.created_at)
        .limit(limit)
    )
    return [Unclaimed(*row) for row in session.execute(statement)]


def take_unclaimed(session: Session, attachment_id: str) -> bool:
    """Forget a file unless something claims it meanwhile; return whether it is forgotten."""
    statement = (
        select(AttachmentRow.id)
        .where(AttachmentRow.id == attachment_id, AttachmentRow.claimed_at.is_(None))
        .with_for_update()
    )
    if session.scalar(statement) is None:
        return False
    session.execute(delete(AttachmentRow).where(AttachmentRow.id == attachment_id))
    return True
