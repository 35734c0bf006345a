"""Openids of borrowers: which one is bound to whom. The rows are endpoints of the channel wechat."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.orm import Session

from app.persistence.models.devices import REPLACED, EndpointRow

CHANNEL = "wechat"
_BINDING_LOCK = 0x77656368


def lock_bindings(session: Session) -> None:
    """Let one binding happen at a time, until the end of the transaction: two borrowers may bring the same openid at once,
    and no row says yet that they do. SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_BINDING_LOCK)))


def find_holders(session: Session, digests: Collection[str]) -> list[EndpointRow]:
    """Return the endpoints that an openid is bound by now, whatever their state."""
    return list(
        session.scalars(
            select(EndpointRow)
            .where(EndpointRow.address_digest.in_(digests), EndpointRow.channel == CHANNEL, EndpointRow.state != REPLACED)
            .order_by(EndpointRow.id)
        )
    )


def find_account(session: Session, borrower_id: str, digests: Collection[str]) -> EndpointRow | None:
    """Return the borrower's endpoint of an openid, also one that was replaced."""
    return session.scalar(
        select(EndpointRow)
        .where(
            EndpointRow.borrower_id == borrower_id,
            EndpointRow.channel == CHANNEL,
            EndpointRow.address_digest.in_(digests),
        )
        .order_by(EndpointRow.id.desc())
        .limit(1)
    )


def mark_replaced(session: Session, borrower_id: str, *, but: str | None, reason: str, now: datetime) -> int:
    """Retire the borrower's openids, except the endpoint `but`; return how many were in use."""
    statement = update(EndpointRow).where(
        EndpointRow.borrower_id == borrower_id, EndpointRow.channel == CHANNEL, EndpointRow.state != REPLACED
    )
    if but is not None:
        statement = statement.where(EndpointRow.id != but)
    result = session.execute(statement.values(state=REPLACED, reason=reason, changed_at=now))
    changed: int = result.rowcount  # type: ignore[attr-defined]
    return changed


def find_binding(reads: Connection | Session, borrower_id: str) -> Any | None:
    """Return what the borrower's WeChat is bound by: state, reason, changed_at."""
    return reads.execute(
        select(EndpointRow.state, EndpointRow.reason, EndpointRow.changed_at)
        .where(EndpointRow.borrower_id == borrower_id, EndpointRow.channel == CHANNEL, EndpointRow.state != REPLACED)
        .order_by(EndpointRow.id.desc())
        .limit(1)
    ).first()
