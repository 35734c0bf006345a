"""Links by which borrowers bind an address to their account: made, used once, forgotten."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, select, update
from sqlalchemy.orm import Session

from app.persistence.models.deliveries import EndpointLinkRow


def add_link(session: Session, borrower_id: str, channel: str, *, token_hash: str, now: datetime, until: datetime) -> None:
    """Keep a new link; those made before and not used are good no more."""
    session.execute(
        delete(EndpointLinkRow).where(
            EndpointLinkRow.borrower_id == borrower_id, EndpointLinkRow.channel == channel, EndpointLinkRow.used_at.is_(None)
        )
    )
    session.add(
        EndpointLinkRow(token_hash=token_hash, borrower_id=borrower_id, channel=channel, created_at=now, expires_at=until)
    )


def use_link(session: Session, token_hash: str, channel: str, *, now: datetime, code_sealed: bytes | None) -> str | None:
    """Use a link up; return whose it is, or None: there is none, it has run out, or it was used. One of two wins."""
    statement = (
        update(EndpointLinkRow)
        .where(
            EndpointLinkRow.token_hash == token_hash,
            EndpointLinkRow.channel == channel,
            EndpointLinkRow.used_at.is_(None),
            EndpointLinkRow.expires_at > now,
        )
        .values(used_at=now, code_sealed=code_sealed)
        .returning(EndpointLinkRow.borrower_id)
    )
    return session.execute(statement).scalar_one_or_none()


def exists_code(session: Session, channel: str) -> bool:
    """Return whether a code waits to be asked about."""
    statement = select(exists().where(EndpointLinkRow.channel == channel, EndpointLinkRow.code_sealed.is_not(None)))
    return bool(session.scalar(statement))


def take_codes(session: Session, channel: str, *, limit: int) -> list[EndpointLinkRow]:
    """Return links whose code waits, held until the end of the transaction, oldest first."""
    return list(
        session.scalars(
            select(EndpointLinkRow)
            .where(EndpointLinkRow.channel == channel, EndpointLinkRow.code_sealed.is_not(None))
            .order_by(EndpointLinkRow.used_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
    )


def put_code_back(session: Session, token_hash: str, code_sealed: bytes) -> None:
    """Keep a code that was surely not used up, to ask about it again."""
    session.execute(update(EndpointLinkRow).where(EndpointLinkRow.token_hash == token_hash).values(code_sealed=code_sealed))


def find_waiting_link(reads: Connection | Session, borrower_id: str, channel: str, *, now: datetime) -> Any | None:
    """Return the borrower's link that may still bind: expires_at, used_at."""
    return reads.execute(
        select(EndpointLinkRow.expires_at, EndpointLinkRow.used_at)
        .where(
            EndpointLinkRow.borrower_id == borrower_id,
            EndpointLinkRow.channel == channel,
            EndpointLinkRow.expires_at > now,
            EndpointLinkRow.used_at.is_(None) | EndpointLinkRow.code_sealed.is_not(None),
        )
        .order_by(EndpointLinkRow.created_at.desc())
        .limit(1)
    ).first()
