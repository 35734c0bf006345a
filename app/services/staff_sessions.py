"""Sessions of staff: opened after both factors, ended by idleness, by their end, by themselves, or with the account.

The token is opaque, stored hashed and looked up with account and role at each request: what is taken away ends at once.
All instants here are of the machine's clock (app/clock.py).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError, SessionRevokedError, refused_at
from app.persistence.ids import new_id
from app.persistence.models.staff import StaffSessionRow
from app.persistence.queries.staff import (
    delete_old_sign_ins,
    find_live_sessions,
    find_session_row,
    mark_session_used,
    mark_sessions_ended,
)
from app.persistence.queries.staff_accounts import find_memberships
from app.persistence.unit_of_work import Work, unit_of_work
from app.persistence.vault import token_hash
from app.services.staff_audit import tell

PREFIX = "dcs_"
"""By which a token of a staff session is told from a key."""
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
MARKED_EVERY = timedelta(minutes=1)
"""How exactly it is kept when a session was last used."""
_KEPT = timedelta(days=90)
"""How long an ended session is kept, for who looks into a misuse."""


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A session just opened, or with a new token; the token is told once."""

    id: str
    token: str = field(repr=False)
    expires_at: datetime


def open_session(work: Work, staff_id: str, lender_id: str, *, label: str | None, now: datetime) -> StaffSession:
    """Open a session at one lender, after both factors have been proved."""
    delete_old_sign_ins(work.session, staff_id, sessions_before=now - _KEPT, challenges_before=now - timedelta(days=1))
    made = StaffSession(new_id(), _new_token(), now + ABSOLUTE)
    work.session.add(
        StaffSessionRow(
            id=made.id, staff_id=staff_id, lender_id=lender_id, token_hash=token_hash(made.token), label=label,
            created_at=now, last_used_at=now, expires_at=made.expires_at, proved_at=now, facts={},
        )
    )  # fmt: skip
    return made


def mark_used(session_id: str, *, now: datetime) -> None:
    """Keep that a session is being used, so that it does not end by idleness."""
    with unit_of_work() as work:
        mark_session_used(work.session, session_id, now)


def live_sessions(session: Session | Connection, staff_id: str, *, now: datetime) -> Sequence[Any]:
    """Return the sessions of an account that can still be used, newest first."""
    return find_live_sessions(session, staff_id, now=now, used_after=now - IDLE)


def end_session(work: Work, staff_id: str, session_id: str, *, by: str, reason: str = "ended", now: datetime) -> None:
    """End a session of an account at once; one that ended before stays as it is. Raises NotFoundError for another's."""
    row = find_session_row(work.session, session_id)
    if row is None or row.staff_id != staff_id:
        raise NotFoundError("There is no such session.")
    if mark_sessions_ended(work.session, staff_id, now=now, reason=reason, only=session_id):
        tell(work, by, "staff_session.ended", now, staff_id=staff_id, session_id=session_id, reason=reason)


def end_sessions(
    work: Work, staff_id: str, *, by: str, reason: str, now: datetime, but: str | None = None, lender_id: str | None = None
) -> int:
    """End the sessions of an account, all `but` one, or those at one lender. Return how many lived."""
    ended = mark_sessions_ended(work.session, staff_id, now=now, reason=reason, but=but, lender_id=lender_id)
    if ended:
        tell(work, by, "staff_session.ended", now, staff_id=staff_id, sessions=ended, reason=reason)
    return ended


def switch_lender(work: Work, session_id: str, lender_code: str, *, by: str, now: datetime) -> StaffSession:
    """Go on at another lender where the account works: this session ends and one with a new token takes its place.

    It lasts no longer than this one would have, and its second factor is as old. Raises ValidationError, and
    SessionRevokedError where it was ended since it was authenticated: what is taken away must not go on elsewhere.
    """
    row = find_session_row(work.session, session_id)
    assert row is not None  # it was just authenticated
    if row.revoked_at is not None:
        raise SessionRevokedError("This session was ended; sign in again.")
    lender_id = next(
        (each.lender_id for each in find_memberships(work.session, row.staff_id) if each.code == lender_code), None
    )
    if lender_id is None:
        raise refused_at("/lender", "You do not work at that lender.")
    made = open_session(work, row.staff_id, lender_id, label=row.label, now=now)
    work.session.flush()
    fresh = find_session_row(work.session, made.id)
    assert fresh is not None
    fresh.expires_at, fresh.proved_at = row.expires_at, row.proved_at
    row.revoked_at, row.revoke_reason = now, "switched"
    tell(work, by, "staff_session.switched", now, staff_id=row.staff_id, session_id=made.id, lender_id=lender_id)
    return StaffSession(made.id, made.token, row.expires_at)


def renew_token(work: Work, session_id: str, *, now: datetime) -> StaffSession:
    """Give a session a new token after its second factor was proved anew; the old one is worth nothing from here on."""
    row = find_session_row(work.session, session_id)
    if row is None:
        raise NotFoundError("There is no such session.")
    token = _new_token()
    row.token_hash, row.proved_at, row.last_used_at = token_hash(token), now, now
    return StaffSession(row.id, token, row.expires_at)


def _new_token() -> str:
    return PREFIX + secrets.token_urlsafe(32)
