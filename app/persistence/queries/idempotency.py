"""Answers kept under their idempotency key."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.persistence.models.access import IdempotencyKeyRow


def is_held_by_twin(session: Session, principal: str, route: str, key: str) -> bool:
    """Take the key for this transaction; return True when another transaction has it now.

    SQLite has one writer at a time, so nobody else can be in the middle.
    """
    if session.get_bind().dialect.name != "postgresql":
        return False
    name = func.hashtextextended(f"{principal} {route} {key}", 0)
    return not session.scalar(select(func.pg_try_advisory_xact_lock(name)))


def find_answer(session: Session, principal: str, route: str, key: str) -> Any:
    """Return fingerprint, status and body of the request answered under this key."""
    return session.execute(
        select(IdempotencyKeyRow.fingerprint, IdempotencyKeyRow.status, IdempotencyKeyRow.body).where(
            IdempotencyKeyRow.principal == principal,
            IdempotencyKeyRow.route == route,
            IdempotencyKeyRow.key == key,
        )
    ).first()


def add_answer(
    session: Session,
    *,
    principal: str,
    route: str,
    key: str,
    fingerprint: str,
    status: int,
    body: Any,
    created_at: datetime,
) -> None:
    """Keep an answer; kept at least 24 hours."""
    session.add(
        IdempotencyKeyRow(
            principal=principal,
            route=route,
            key=key,
            fingerprint=fingerprint,
            status=status,
            body=body,
            created_at=created_at,
        )
    )
