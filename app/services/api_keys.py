"""Keys of machines and of staff: made once, shown once, stored as a hash; each names exactly one lender and its scopes.

A key of scope desk stands for one person in one role. It opens nothing else, so that what a feed does is never told of a
person, nor the other way round.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import NotFoundError, ValidationError
from app.domain.permissions import ROLES
from app.domain.staff import STAFF_NAME, written_name
from app.persistence.ids import new_id
from app.persistence.models.access import ApiKeyRow
from app.persistence.queries.api_keys import find_desk_name
from app.persistence.queries.staff_accounts import find_account_by_name
from app.persistence.unit_of_work import Work
from app.persistence.vault import token_hash
from app.services.lenders import get_lender

SCOPES = ("ingest", "desk")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `secret` is shown to whoever asked, and never again."""

    id: str
    secret: str


def create_key(
    work: Work,
    lender_code: str,
    scopes: Sequence[str],
    *,
    label: str | None,
    now: datetime,
    staff: str | None = None,
    role: str | None = None,
) -> NewKey:
    """Make a key for one lender; scope desk needs `staff`, a name, and `role`. Raises NotFoundError, ValidationError.

    A name that an account or another key has is spelt as they spell it: it is one person, who approves nothing of their own.
    """
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ValidationError(f"A key needs scopes out of: {', '.join(SCOPES)}.")
    staff = None if staff is None else written_name(staff)
    _check_staff(set(scopes), staff, role)
    if staff is not None:
        account = find_account_by_name(work.session, staff)
        staff = account.name if account is not None else find_desk_name(work.session, staff) or staff
    lender = get_lender(work, lender_code)
    made = NewKey(new_id(), f"dck_{secrets.token_urlsafe(_KEY_BYTES)}")
    work.session.add(
        ApiKeyRow(
            id=made.id,
            key_hash=token_hash(made.secret),
            lender_id=lender.id,
            scopes=sorted(set(scopes)),
            label=label,
            staff=staff,
            role=role,
            created_at=now,
        )
    )
    return made


def revoke_key(work: Work, key_id: str, *, now: datetime) -> None:
    """End a key at once. Ending it twice changes nothing. Raises NotFoundError."""
    row = work.session.get(ApiKeyRow, key_id)
    if row is None:
        raise NotFoundError(f"There is no key {key_id}; see `flask keys list`.")
    row.revoked_at = row.revoked_at or now


def _check_staff(scopes: set[str], staff: str | None, role: str | None) -> None:
    if "desk" not in scopes:
        if staff is not None or role is not None:
            raise ValidationError("Only a key of scope desk stands for a person; leave staff and role out.")
        return
    if scopes != {"desk"}:
        raise ValidationError("A key of scope desk has no other scope; make a second key for the feed.")
    if staff is None or not STAFF_NAME.fullmatch(staff):
        raise ValidationError(
            "A key of scope desk needs the name of its one person in --staff: up to 64 letters, digits, blanks, .,'()@-"
        )
    if role not in ROLES:
        raise ValidationError(f"A key of scope desk needs a role out of: {', '.join(ROLES)}.")
