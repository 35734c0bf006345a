"""Bulletins as they are kept, and the numbers of those that are frozen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, or_, select, tuple_
from sqlalchemy.orm import Session, defer

from app.domain.bulletins import FigureCell
from app.domain.errors import NotFoundError
from app.persistence.models.bulletins import BulletinFigureRow, BulletinRow

_SHOWN = (
    BulletinRow.id, BulletinRow.lender_id, BulletinRow.first_on, BulletinRow.last_on, BulletinRow.zone, BulletinRow.chain_no,
    BulletinRow.corrects_id, BulletinRow.frozen_at, BulletinRow.published_at, BulletinRow.sha256, BulletinRow.signature,
)  # fmt: skip
_IS_FROZEN = (BulletinRow.frozen_at.is_not(None), BulletinRow.state != "discarded")


def get_bulletin(session: Session, bulletin_id: str, *, lender_id: str | None = None) -> BulletinRow:
    """Return a bulletin; with a lender only what its staff see (`page_bulletins`). Raises NotFoundError."""
    statement = select(BulletinRow).where(BulletinRow.id == bulletin_id)
    if lender_id is not None:
        statement = statement.where(_seen_by(lender_id))
    row = session.scalar(statement)
    if row is None:
        raise NotFoundError(f"There is no bulletin {bulletin_id}.")
    return row


def page_bulletins(
    session: Session, *, lender_id: str | None, after: tuple[datetime, str] | None = None, limit: int
) -> Sequence[BulletinRow]:
    """Return bulletins that a lender's staff see (None: all), newest first, after the one of that instant and id.

    They see those of their lender, and of the whole installation those that are published: before, it tells of others.
    """
    statement = select(BulletinRow).order_by(BulletinRow.made_at.desc(), BulletinRow.id.desc()).limit(limit)
    if lender_id is not None:
        statement = statement.where(_seen_by(lender_id))
    if after is not None:
        statement = statement.where(tuple_(BulletinRow.made_at, BulletinRow.id) < after)
    return session.scalars(statement).all()


def _seen_by(lender_id: str) -> Any:
    is_public = and_(BulletinRow.lender_id.is_(None), BulletinRow.published_at.is_not(None))
    return or_(BulletinRow.lender_id == lender_id, is_public)


def page_published(reads: Connection, *, after: tuple[datetime, str] | None = None, limit: int) -> Sequence[Any]:
    """Return what the public sees of published bulletins, the newest first."""
    statement = (
        select(*_SHOWN)
        .where(BulletinRow.published_at.is_not(None))
        .order_by(BulletinRow.published_at.desc(), BulletinRow.id.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(BulletinRow.published_at, BulletinRow.id) < after)
    return reads.execute(statement).all()


def get_published(reads: Connection, bulletin_id: str) -> Any:
    """Return a published bulletin with its document. Raises NotFoundError, also for one that is not published."""
    statement = select(*_SHOWN, BulletinRow.document).where(
        BulletinRow.id == bulletin_id, BulletinRow.published_at.is_not(None)
    )
    row = reads.execute(statement).first()
    if row is None:
        raise NotFoundError(f"There is no bulletin {bulletin_id}.")
    return row


def find_corrections(reads: Connection, bulletin_id: str) -> Sequence[Any]:
    """Return (id, published_at, note) of published bulletins that put this one right, in the order of the chain."""
    statement = (
        select(BulletinRow.id, BulletinRow.published_at, BulletinRow.note)
        .where(BulletinRow.corrects_id == bulletin_id, BulletinRow.published_at.is_not(None))
        .order_by(BulletinRow.chain_no)
    )
    return reads.execute(statement).all()


def find_last_frozen(session: Session) -> BulletinRow | None:
    """Return the bulletin at the end of the chain, held until the end of the transaction."""
    statement = select(BulletinRow).where(BulletinRow.chain_no.is_not(None)).order_by(BulletinRow.chain_no.desc()).limit(1)
    return session.scalar(statement.with_for_update())


def find_frozen_before(session: Session, chain_no: int) -> BulletinRow | None:
    """Return the bulletin before a place in the chain; None: it is the first."""
    return session.scalar(select(BulletinRow).where(BulletinRow.chain_no == chain_no - 1))


def find_frozen(session: Session, row: BulletinRow, *, below: int | None = None) -> Sequence[BulletinRow]:
    """Return frozen bulletins about some of the same lenders, without documents. `below`: only those before this place."""
    statement = (
        select(BulletinRow)
        .options(defer(BulletinRow.document))
        .where(*_IS_FROZEN, BulletinRow.id != row.id)
        .order_by(BulletinRow.chain_no)
    )
    if row.lender_id is not None:
        statement = statement.where(or_(BulletinRow.lender_id == row.lender_id, BulletinRow.lender_id.is_(None)))
    if below is not None:
        statement = statement.where(BulletinRow.chain_no < below)
    return session.scalars(statement).all()


def add_figures(session: Session, bulletin_id: str, cells: Sequence[FigureCell]) -> None:
    """Keep the numbers of a bulletin as they are frozen."""
    session.add_all(
        BulletinFigureRow(
            bulletin_id=bulletin_id, key=each.key, cell=each.cell, currency=each.currency, value=each.value,
            people=each.people, hidden=each.hidden,
        )
        for each in cells
    )  # fmt: skip


def load_figures(session: Session, bulletin_id: str, key: str | None = None) -> list[FigureCell]:
    """Return the frozen numbers of a bulletin, of one figure or of all."""
    statement = select(BulletinFigureRow).where(BulletinFigureRow.bulletin_id == bulletin_id)
    if key is not None:
        statement = statement.where(BulletinFigureRow.key == key)
    return [
        FigureCell(row.key, row.cell, row.currency, row.value, row.people, row.hidden)
        for row in session.scalars(statement.order_by(BulletinFigureRow.key, BulletinFigureRow.cell))
    ]
