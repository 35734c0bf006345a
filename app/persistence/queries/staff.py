"""Sessions of staff, looked up with the account and the role in one statement, and the sign-ins that open them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from app.persistence.models.funding import WindDownRow
from app.persistence.models.lenders import LenderRow
from app.persistence.models.staff import StaffAccountRow, StaffChallengeRow, StaffMembershipRow, StaffSessionRow
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
        LenderRow.name.label("lender_name"),
        exists()
        .where(WindDownRow.lender_id == StaffSessionRow.lender_id, WindDownRow.state == "active")
        .label("is_winding_down"),
    )
    .join(StaffAccountRow, StaffAccountRow.id == StaffSessionRow.staff_id)
    .join(LenderRow, LenderRow.id == StaffSessionRow.lender_id)
    .outerjoin(
        StaffMembershipRow,
        (StaffMembershipRow.staff_id == StaffSessionRow.staff_id)
        & (StaffMembershipRow.lender_id == StaffSessionRow.lender_id)
        & StaffMembershipRow.disabled_at.is_(None),
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


def find_live_sessions(
    session: Session | Connection, staff_id: str, *, now: datetime, used_after: datetime
) -> Sequence[Any]:
    """Return the sessions of an account that can still be used, newest first, with the lender's code."""
    columns = (
        StaffSessionRow.id, StaffSessionRow.label, StaffSessionRow.created_at, StaffSessionRow.last_used_at,
        StaffSessionRow.expires_at, LenderRow.code.label("lender"),
    )  # fmt: skip
    statement = select(*columns).join(LenderRow, LenderRow.id == StaffSessionRow.lender_id)
    alive = (
        StaffSessionRow.staff_id == staff_id, StaffSessionRow.revoked_at.is_(None), StaffSessionRow.expires_at > now,
        StaffSessionRow.last_used_at > used_after,
    )  # fmt: skip
    return session.execute(statement.where(*alive).order_by(StaffSessionRow.created_at.desc())).all()


def find_session_row(session: Session, session_id: str) -> StaffSessionRow | None:
    """Return a session, locked, or None."""
    return session.get(StaffSessionRow, session_id, with_for_update=True)


def mark_sessions_ended(
    session: Session, staff_id: str, *, now: datetime, reason: str, only: str | None = None, but: str | None = None,
    lender_id: str | None = None,
) -> int:  # fmt: skip
    """End the sessions of an account: all, `only` one, all `but` one, or those at one lender. Return how many lived."""
    statement = update(StaffSessionRow).where(StaffSessionRow.staff_id == staff_id, StaffSessionRow.revoked_at.is_(None))
    if only is not None:
        statement = statement.where(StaffSessionRow.id == only)
    if but is not None:
        statement = statement.where(StaffSessionRow.id != but)
    if lender_id is not None:
        statement = statement.where(StaffSessionRow.lender_id == lender_id)
    result = session.execute(statement.values(revoked_at=now, revoke_reason=reason))
    return result.rowcount  # type: ignore[attr-defined,no-any-return]


def delete_old_sign_ins(session: Session, staff_id: str, *, sessions_before: datetime, challenges_before: datetime) -> None:
    """Forget sessions and sign-ins of an account that ended before."""
    old = (StaffSessionRow.staff_id == staff_id, StaffSessionRow.expires_at < sessions_before)
    session.execute(delete(StaffSessionRow).where(*old))
    spent = (StaffChallengeRow.staff_id == staff_id, StaffChallengeRow.expires_at < challenges_before)
    session.execute(delete(StaffChallengeRow).where(*spent))


def lock_challenge(session: Session, token_hash: str) -> StaffChallengeRow | None:
    """Return a sign-in that awaits its second factor, locked, or None."""
    return session.get(StaffChallengeRow, token_hash, with_for_update=True)
