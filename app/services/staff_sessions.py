"""Sessions of staff: opened after both factors, ended by idleness, by their end, by themselves, or with the account.

The token is opaque, stored hashed and looked up with account and role at each request: what is taken away ends at once.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.persistence.ids import new_id
from app.persistence.models.staff import StaffSessionRow
from app.persistence.queries.staff import mark_session_used
from app.persistence.unit_of_work import Work, unit_of_work
from app.persistence.vault import token_hash

PREFIX = "dcs_"
"""By which a token of a staff session is told from a key."""
IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
MARKED_EVERY = timedelta(minutes=1)
"""How exactly it is kept when a session was last used."""


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A session just opened; `token` is told once."""

    id: str
    token: str = field(repr=False)
    expires_at: datetime


def open_session(work: Work, staff_id: str, lender_id: str, *, label: str | None, now: datetime) -> StaffSession:
    """Open a session at one lender, after both factors have been proved."""
    made = StaffSession(new_id(), PREFIX + secrets.token_urlsafe(32), now + ABSOLUTE)
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
