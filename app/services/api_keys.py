"""Keys of machines: made once, shown once, stored as a hash; each names exactly one lender and its scopes."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import NotFoundError, ValidationError
from app.persistence.ids import new_id
from app.persistence.models.access import ApiKeyRow
from app.persistence.unit_of_work import Work
from app.persistence.vault import token_hash
from app.services.lenders import get_lender

SCOPES = ("ingest",)
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `secret` is shown to whoever asked, and never again."""

    id: str
    secret: str


def create_key(work: Work, lender_code: str, scopes: Sequence[str], *, label: str | None, now: datetime) -> NewKey:
    """Make a key for one lender. Raises NotFoundError, ValidationError."""
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise ValidationError(f"A key needs scopes out of: {', '.join(SCOPES)}.")
    lender = get_lender(work, lender_code)
    made = NewKey(new_id(), f"dck_{secrets.token_urlsafe(_KEY_BYTES)}")
    work.session.add(
        ApiKeyRow(
            id=made.id,
            key_hash=token_hash(made.secret),
            lender_id=lender.id,
            scopes=sorted(set(scopes)),
            label=label,
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
