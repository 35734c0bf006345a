"""Sessions of borrowers: tokens that rotate, and ending them.

A refresh token is HMAC(key ring, session, generation): nothing of it is stored but its hash, and the successor of a spent
one can be made again. So a phone that lost the answer gets the same successor within the grace; later use of a spent token
means that two hold it, and the whole family ends. Source: RFC 9700 §4.14.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app import logs
from app.domain.errors import (
    DomainError,
    NotFoundError,
    SessionRevokedError,
    TokenExpiredError,
    UnauthenticatedError,
)
from app.persistence.ids import new_id
from app.persistence.models.access import AccessTokenRow, RefreshTokenRow, SessionRow
from app.persistence.queries import sessions as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, unit_of_work
from app.persistence.vault import token_hash

ACCESS_LIFETIME = timedelta(minutes=10)
GRACE = timedelta(seconds=15)
"""How long a spent refresh token still returns its successor."""
IDLE = timedelta(days=30)
ABSOLUTE = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a session is used with. Both tokens are secrets: they go to their owner and nowhere else."""

    access_token: str
    refresh_token: str
    session_id: str
    expires_in: int


def open_session(work: Work, borrower_id: str, installation_id: str, device_label: str | None, *, now: datetime) -> Tokens:
    """Open a session on a device, inside the caller's unit of work."""
    session_id = new_id()
    queries.add_session(
        work.session,
        SessionRow(
            id=session_id,
            borrower_id=borrower_id,
            audience="borrower",
            installation_id=installation_id,
            device_label=device_label,
            generation=0,
            created_at=now,
            last_used_at=now,
            expires_at=now + ABSOLUTE,
        ),
    )
    refresh_token = _add_refresh_token(work, session_id, 0, now)
    return _tokens(work, session_id, borrower_id, refresh_token, now)


def refresh(refresh_token: str, *, now: datetime) -> Tokens:
    """Spend a refresh token and return its successor with a new access token.

    Raises UnauthenticatedError for an unknown token, SessionRevokedError, TokenExpiredError.
    """
    with unit_of_work() as work:
        outcome = _refresh(work, refresh_token, now)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _refresh(work: Work, refresh_token: str, now: datetime) -> Tokens | DomainError:
    """Return what came of it; errors are values here, so that the end of a stolen family is committed."""
    digest = token_hash(refresh_token)
    found = queries.find_refresh_token(work.session, digest)
    if found is None:
        return UnauthenticatedError("The refresh token is not known here.")
    session = queries.lock_session(work.session, found.session_id)
    token = queries.find_refresh_token(work.session, digest)  # again: it may have been spent while we waited
    if session is None or token is None or session.revoked_at is not None:
        return SessionRevokedError("This session was ended; sign in again.")
    if now >= session.expires_at or now - session.last_used_at >= IDLE:
        return TokenExpiredError("The session has run out; sign in again.")
    if token.generation == session.generation:
        successor = token.generation + 1
        queries.mark_refresh_spent(work.session, digest, at=now)
        queries.mark_session_used(work.session, session.id, generation=successor, at=now)
        return _tokens(work, session.id, session.borrower_id, _add_refresh_token(work, session.id, successor, now), now)
    heir = queries.find_refresh_generation(work.session, session.id, session.generation)
    if token.generation == session.generation - 1 and heir is not None and now - token.spent_at <= GRACE:
        same = _refresh_token(work, session.id, session.generation, heir.key_id)
        return _tokens(work, session.id, session.borrower_id, same, now)
    _end(work, session.borrower_id, [session.id], now=now, reason="refresh_reuse", actor="system")
    logs.logger().warning("refresh token used again", session_id=session.id, generation=token.generation)
    return SessionRevokedError("A spent refresh token was used again, so the session was ended; sign in again.")


def live_sessions(reads: Connection, borrower_id: str, *, now: datetime) -> Sequence[Any]:
    """Return the borrower's sessions that can still be used, newest first, at most 100."""
    return queries.find_live_sessions(reads, borrower_id, now=now, idle_since=now - IDLE)


def end_session(borrower_id: str, session_id: str, *, now: datetime, reason: str = "ended") -> None:
    """End one session of this borrower. Raises NotFoundError when there is no such living session."""
    with unit_of_work() as work:
        session = queries.lock_session(work.session, session_id)
        if session is None or session.borrower_id != borrower_id or session.revoked_at is not None:
            raise NotFoundError("There is no such session.")
        _end(work, borrower_id, [session_id], now=now, reason=reason, actor=f"borrower:{borrower_id}")


def end_all_sessions(borrower_id: str, *, now: datetime, reason: str = "signed_out_everywhere") -> None:
    """End every session of this borrower."""
    with unit_of_work() as work:
        ids = queries.find_session_ids(work.session, borrower_id)
        _end(work, borrower_id, ids, now=now, reason=reason, actor=f"borrower:{borrower_id}")


def end_sessions_of(
    work: Work, borrower_id: str, session_ids: Sequence[str] | None = None, *, now: datetime, reason: str, actor: str
) -> int:
    """End these sessions of a borrower, None: all that nobody ended; return how many. The caller has a unit of work open.

    Those of other borrowers, and those that are over, are left alone.
    """
    own = queries.find_session_ids(work.session, borrower_id)
    ended = [each for each in own if session_ids is None or each in session_ids]
    if ended:
        _end(work, borrower_id, ended, now=now, reason=reason, actor=actor)
    return len(ended)


def _end(work: Work, borrower_id: str, session_ids: Sequence[str], *, now: datetime, reason: str, actor: str) -> None:
    queries.mark_sessions_revoked(work.session, session_ids, at=now, reason=reason)
    facts = {"session_ids": list(session_ids), "reason": reason}
    add_audit(work.session, at=now, actor=actor, action="session.ended", borrower_id=borrower_id, facts=facts)


def _tokens(work: Work, session_id: str, borrower_id: str, refresh_token: str, now: datetime) -> Tokens:
    queries.delete_expired_access_tokens(work.session, session_id, now=now)
    access_token = secrets.token_urlsafe(32)
    work.session.add(
        AccessTokenRow(
            token_hash=token_hash(access_token),
            session_id=session_id,
            borrower_id=borrower_id,
            expires_at=now + ACCESS_LIFETIME,
        )
    )
    return Tokens(access_token, refresh_token, session_id, int(ACCESS_LIFETIME.total_seconds()))


def _add_refresh_token(work: Work, session_id: str, generation: int, now: datetime) -> str:
    key_id = work.vault.current_key_id
    token = _refresh_token(work, session_id, generation, key_id)
    work.session.add(
        RefreshTokenRow(
            token_hash=token_hash(token), session_id=session_id, generation=generation, key_id=key_id, created_at=now
        )
    )
    return token


def _refresh_token(work: Work, session_id: str, generation: int, key_id: str) -> str:
    return work.vault.mac("refresh", f"{session_id}:{generation}", key_id=key_id)
