"""Staff: their sessions, looked up with the account and the role in one statement."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.orm import Session

from app.persistence.models.staff import StaffAccountRow, StaffMembershipRow, StaffSessionRow
from app.persistence.prepared import PreparedSelect

_SESSION = PreparedSelect.of(
    select(
        StaffSessionRow.id.label("session_id"),
        StaffSessionRow.staff_id,
        StaffSessionRow.lender_id,
        StaffSessionRow.last_used_at,
        StaffSessionRow.expires_at,
        StaffSessionRow.revoked_at,
        StaffSessionRow.proved_at,
        StaffAccountRow.name,
        StaffAccountRow.state,
        StaffAccountRow.locale,
        StaffMembershipRow.role,
    )
    .join(StaffAccountRow, StaffAccountRow.id == StaffSessionRow.staff_id)
    .outerjoin(
        StaffMembershipRow,
        (StaffMembershipRow.staff_id == StaffSessionRow.staff_id)
        & (StaffMembershipRow.lender_id == StaffSessionRow.lender_id),
    )
    .where(StaffSessionRow.token_hash == bindparam("hash"))
)


def find_session(reads: Connection, token_hash: str) -> Any:
    """Return a session with its account and the role at its lender (None: they no longer work there), or None."""
    return _SESSION.first(reads, {"hash": token_hash})


def mark_session_used(session: Session, session_id: str, at: datetime) -> None:
    """Keep when a session was last used; never an earlier moment."""
    statement = update(StaffSessionRow).where(StaffSessionRow.id == session_id, StaffSessionRow.last_used_at < at)
    session.execute(statement.values(last_used_at=at))
