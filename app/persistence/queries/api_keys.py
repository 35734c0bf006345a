"""Keys of machines."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from app.persistence.models.access import ApiKeyRow
from app.persistence.models.lenders import LenderRow

_KEY = select(
    ApiKeyRow.id, ApiKeyRow.lender_id, ApiKeyRow.scopes, ApiKeyRow.staff, ApiKeyRow.role, ApiKeyRow.revoked_at
).where(ApiKeyRow.key_hash == bindparam("hash"))


def find_api_key(reads: Connection, key_hash: str) -> Any:
    """Return the key's lender, scopes, staff and role, and whether it was taken back."""
    return reads.execute(_KEY, {"hash": key_hash}).first()


def find_api_keys(session: Session) -> Sequence[tuple[ApiKeyRow, str]]:
    """Return every key with its lender's code, oldest first."""
    statement = select(ApiKeyRow, LenderRow.code).join(LenderRow, LenderRow.id == ApiKeyRow.lender_id).order_by(ApiKeyRow.id)
    return [(row[0], row[1]) for row in session.execute(statement)]


def find_desk_name(session: Session, name: str) -> str | None:
    """Return how a key that can be used spells a name, however it is written, or None."""
    statement = select(ApiKeyRow.staff).where(ApiKeyRow.staff.is_not(None), ApiKeyRow.revoked_at.is_(None))
    return next((each for each in session.scalars(statement) if each and each.casefold() == name.casefold()), None)
