"""Access tokens of providers, one row an account, and which process renews one."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.persistence.models.deliveries import ProviderTokenRow


def find_token(session: Session, provider: str, account: str) -> Any | None:
    """Return the row: token_sealed, expires_at, renewing_by, renewing_until."""
    return session.execute(
        select(
            ProviderTokenRow.token_sealed,
            ProviderTokenRow.expires_at,
            ProviderTokenRow.renewing_by,
            ProviderTokenRow.renewing_until,
        ).where(ProviderTokenRow.provider == provider, ProviderTokenRow.account == account)
    ).one_or_none()


def lock_token(session: Session, provider: str, account: str) -> ProviderTokenRow:
    """Return the row, made where there is none, held until the end of the transaction."""
    row = session.get(ProviderTokenRow, (provider, account), with_for_update=True, populate_existing=True)
    if row is None:
        row = ProviderTokenRow(provider=provider, account=account)
        session.add(row)
        session.flush()
    return row


def put_token(session: Session, provider: str, account: str, *, owner: str, sealed: bytes, expires_at: datetime) -> bool:
    """Store what `owner` fetched and end its turn; return False when its turn had run out and was another's."""
    return _end_turn(
        session, provider, account, owner, {"token_sealed": sealed, "expires_at": expires_at, "renewing_until": None}
    )


def put_failure(session: Session, provider: str, account: str, *, owner: str, rests_until: datetime) -> bool:
    """End a turn that brought nothing: nobody asks again before then."""
    return _end_turn(session, provider, account, owner, {"renewing_until": rests_until})


def _end_turn(session: Session, provider: str, account: str, owner: str, values: dict[str, Any]) -> bool:
    statement = update(ProviderTokenRow).where(
        ProviderTokenRow.provider == provider, ProviderTokenRow.account == account, ProviderTokenRow.renewing_by == owner
    )
    changed: int = session.execute(statement.values(renewing_by=None, **values)).rowcount  # type: ignore[attr-defined]
    return changed == 1
