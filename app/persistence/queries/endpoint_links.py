"""Links by which borrowers bind an address to their account: made, opened once, confirmed or not, forgotten."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, select, update
from sqlalchemy.orm import Session

from app.domain.wechat_links import UNKNOWN
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


def open_link(
    session: Session,
    token_hash: str,
    channel: str,
    *,
    now: datetime,
    check_code: str,
    code_sealed: bytes | None = None,
    address_sealed: bytes | None = None,
) -> str | None:
    """Use a link up; return whose it is, or None: there is none, it has run out, or it was opened. One of two wins."""
    statement = (
        update(EndpointLinkRow)
        .where(
            EndpointLinkRow.token_hash == token_hash,
            EndpointLinkRow.channel == channel,
            EndpointLinkRow.used_at.is_(None),
            EndpointLinkRow.expires_at > now,
        )
        .values(used_at=now, check_code=check_code, code_sealed=code_sealed, address_sealed=address_sealed)
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
    session.execute(update(EndpointLinkRow).where(*_open(token_hash)).values(code_sealed=code_sealed))


def put_address(session: Session, token_hash: str, address_sealed: bytes) -> None:
    """Keep whose the link was opened by, unless it has ended meanwhile, or has no number that could be compared."""
    numbered = EndpointLinkRow.check_code.is_not(None)
    session.execute(update(EndpointLinkRow).where(*_open(token_hash), numbered).values(address_sealed=address_sealed))


def mark_unknown(session: Session, token_hash: str) -> None:
    """Keep that nobody says whose the link was opened by."""
    session.execute(update(EndpointLinkRow).where(*_open(token_hash)).values(ended_as=UNKNOWN))


def _open(token_hash: str) -> tuple[ColumnElement[bool], ...]:
    return EndpointLinkRow.token_hash == token_hash, EndpointLinkRow.ended_as.is_(None)


def end_opened(session: Session, borrower_id: str, channel: str, *, opened_since: datetime, ended_as: str) -> int:
    """End the borrower's links that were opened since (exclusive) and wait; return how many there were."""
    statement = update(EndpointLinkRow).where(
        *_of(borrower_id, channel), EndpointLinkRow.used_at > opened_since, EndpointLinkRow.ended_as.is_(None)
    )
    result = session.execute(statement.values(ended_as=ended_as, code_sealed=None, address_sealed=None))
    ended: int = result.rowcount  # type: ignore[attr-defined]
    return ended


def lock_opened(session: Session, borrower_id: str, channel: str, check_code: str) -> EndpointLinkRow | None:
    """Return the borrower's link that was opened last under this number, however it stands, held until the end."""
    return session.scalar(
        select(EndpointLinkRow)
        .where(*_of(borrower_id, channel), EndpointLinkRow.check_code == check_code)
        .order_by(EndpointLinkRow.used_at.desc())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def find_unopened(reads: Connection | Session, borrower_id: str, channel: str, *, now: datetime) -> datetime | None:
    """Return until when the borrower's newest link can still be opened."""
    return reads.execute(
        select(EndpointLinkRow.expires_at)
        .where(*_of(borrower_id, channel), EndpointLinkRow.used_at.is_(None), EndpointLinkRow.expires_at > now)
        .order_by(EndpointLinkRow.created_at.desc())
        .limit(1)
    ).scalar()


def find_opened(reads: Connection | Session, borrower_id: str, channel: str) -> Any | None:
    """Return the borrower's link that was opened last and has not ended: used_at, check_code, is_known."""
    return reads.execute(
        select(
            EndpointLinkRow.used_at,
            EndpointLinkRow.check_code,
            EndpointLinkRow.address_sealed.is_not(None).label("is_known"),
        )
        .where(*_of(borrower_id, channel), EndpointLinkRow.check_code.is_not(None), EndpointLinkRow.ended_as.is_(None))
        .order_by(EndpointLinkRow.used_at.desc())
        .limit(1)
    ).first()


def _of(borrower_id: str, channel: str) -> tuple[ColumnElement[bool], ...]:
    return EndpointLinkRow.borrower_id == borrower_id, EndpointLinkRow.channel == channel
