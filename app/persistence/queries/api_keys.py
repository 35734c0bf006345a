"""Keys of machines."""

from typing import Any

from sqlalchemy import Connection, bindparam, select

from app.persistence.models.access import ApiKeyRow

_KEY = select(ApiKeyRow.id, ApiKeyRow.lender_id, ApiKeyRow.scopes, ApiKeyRow.revoked_at).where(
    ApiKeyRow.key_hash == bindparam("hash")
)


def find_api_key(reads: Connection, key_hash: str) -> Any:
    """Return the key's lender, scopes and whether it was taken back."""
    return reads.execute(_KEY, {"hash": key_hash}).first()
