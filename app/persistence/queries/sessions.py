"""Sessions of borrowers, with their access and refresh tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.persistence.models.access import AccessTokenRow, RefreshTokenRow, SessionRow
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.prepared import PreparedSelect

_ACCESS = PreparedSelect.of(
    select(
        AccessTokenRow.expires_at.label("token_expires_at"),
        SessionRow.id.label("session_id"),
        SessionRow.borrower_id,
        SessionRow.audience,
        SessionRow.expires_at.label("session_expires_at"),
        SessionRow.revoked_at,
        BorrowerRow.locale,
    )
    .join(SessionRow, SessionRow.id == AccessTokenRow.session_id)
    .join(BorrowerRow, BorrowerRow.id == SessionRow.borrower_id)
    .where(AccessTokenRow.token_hash == bindparam("hash"))
)


def find_access(reads: Connection, token_hash: str) -> Any:
    """Return the token's expiry and its session in one statement."""
    return _ACCESS.first(reads, {"hash": token_hash})


def add_session(session: Session, row: SessionRow) -> None:
    """Add a session at once, so that tokens can name it."""
    session.add(row)
    session.flush()


def lock_session(session: Session, session_id: str) -> Any:
    """Return the session as it is now and hold it until the end of the transaction."""
    statement = (
        select(
            SessionRow.id,
            SessionRow.borrower_id,
            SessionRow.generation,
            SessionRow.last_used_at,
            SessionRow.expires_at,
            SessionRow.revoked_at,
        )
        .where(SessionRow.id == session_id)
        .with_for_update()
    )
    return session.execute(statement).first()


def find_refresh_token(session: Session, token_hash: str) -> Any:
    """Return session, generation and when it was spent."""
    columns = (RefreshTokenRow.session_id, RefreshTokenRow.generation, RefreshTokenRow.spent_at, RefreshTokenRow.key_id)
    return session.execute(select(*columns).where(RefreshTokenRow.token_hash == token_hash)).first()


def find_refresh_generation(session: Session, session_id: str, generation: int) -> Any:
    """Return key id and spending of one generation of a family."""
    return session.execute(
        select(RefreshTokenRow.key_id, RefreshTokenRow.spent_at).where(
            RefreshTokenRow.session_id == session_id, RefreshTokenRow.generation == generation
        )
    ).first()


def mark_refresh_spent(session: Session, token_hash: str, *, at: datetime) -> None:
    """Spend a refresh token."""
    session.execute(update(RefreshTokenRow).where(RefreshTokenRow.token_hash == token_hash).values(spent_at=at))


def mark_session_used(session: Session, session_id: str, *, generation: int, at: datetime) -> None:
    """Note the use and the generation that is alive now."""
    session.execute(update(SessionRow).where(SessionRow.id == session_id).values(generation=generation, last_used_at=at))


def get_installation(session: Session, session_id: str) -> str:
    """Return the device that a session is on."""
    return session.scalars(select(SessionRow.installation_id).where(SessionRow.id == session_id)).one()


def find_proved_at(session: Session, session_id: str) -> datetime | None:
    """Return when a code was last proved in a session: at its start, or since; None: there is no such session."""
    statement = select(SessionRow.proved_at, SessionRow.created_at).where(SessionRow.id == session_id)
    found = session.execute(statement).one_or_none()
    return None if found is None else found.proved_at or found.created_at


def mark_proved(session: Session, session_id: str, *, at: datetime) -> None:
    """Note that a code was proved in a session."""
    session.execute(update(SessionRow).where(SessionRow.id == session_id).values(proved_at=at))


def mark_sessions_revoked(session: Session, session_ids: Sequence[str], *, at: datetime, reason: str) -> None:
    """End sessions; what they issued is worth nothing from the commit on, and says so while it would have lived."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.id.in_(session_ids), SessionRow.revoked_at.is_(None))
        .values(revoked_at=at, revoke_reason=reason)
    )


def delete_expired_access_tokens(session: Session, session_id: str, *, now: datetime) -> None:
    """Forget this session's access tokens that have run out."""
    session.execute(delete(AccessTokenRow).where(AccessTokenRow.session_id == session_id, AccessTokenRow.expires_at <= now))


def find_session_ids(session: Session, borrower_id: str) -> Sequence[str]:
    """Return all of the borrower's sessions that nobody ended, also those that have run out."""
    statement = select(SessionRow.id).where(SessionRow.borrower_id == borrower_id, SessionRow.revoked_at.is_(None))
    return session.scalars(statement).all()


def find_live_sessions(reads: Connection, borrower_id: str, *, now: datetime, idle_since: datetime) -> Sequence[Any]:
    """Return the borrower's sessions that can still be used, newest first, at most 100."""
    return reads.execute(
        select(
            SessionRow.id,
            SessionRow.installation_id,
            SessionRow.device_label,
            SessionRow.created_at,
            SessionRow.last_used_at,
            SessionRow.expires_at,
        )
        .where(
            SessionRow.borrower_id == borrower_id,
            SessionRow.revoked_at.is_(None),
            SessionRow.expires_at > now,
            SessionRow.last_used_at > idle_since,
        )
        .order_by(SessionRow.id.desc())
        .limit(100)
    ).all()
