"""Sales of pledged things, and what was quoted for getting one back."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, tuple_
from sqlalchemy.orm import Session

from app.domain.collateral_sales import ReversalState, SaleState
from app.domain.errors import NotFoundError
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.collateral import CollateralSaleRow, CollateralThingRow, RedemptionQuoteRow
from app.persistence.queries.chunks import chunks

_Sale, _Quote = CollateralSaleRow, RedemptionQuoteRow
_OPEN = (SaleState.WAITING.value, SaleState.BOOKED.value)


def get_sale(session: Session, sale_id: str, *, lender_id: str) -> CollateralSaleRow:
    """Return a lender's sale as it stands now. Raises NotFoundError."""
    statement = select(_Sale).where(_Sale.id == sale_id, _Sale.lender_id == lender_id)
    row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such sale.")
    return row


def get_shown(reads: Connection | Session, sale_id: str, *, lender_id: str) -> Any:
    """Return a lender's sale with the numbers of thing and borrower. Raises NotFoundError."""
    row = reads.execute(_shown().where(_Sale.id == sale_id, _Sale.lender_id == lender_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such sale.")
    return row


def find_open_sale(session: Session, thing_id: str) -> CollateralSaleRow | None:
    """Return the sale of a thing that waits or is booked."""
    statement = select(_Sale).where(_Sale.thing_id == thing_id, _Sale.state.in_(_OPEN)).order_by(_Sale.id.desc())
    return session.scalars(statement.limit(1)).one_or_none()


def find_sales_of_events(session: Session, event_ids: Collection[str]) -> Sequence[CollateralSaleRow]:
    """Return the sales that wait or are booked of things that were sold by these events."""
    found: list[CollateralSaleRow] = []
    for part in chunks(sorted(set(event_ids))):
        statement = select(_Sale).where(_Sale.event_id.in_(part), _Sale.state.in_(_OPEN)).order_by(_Sale.id)
        found += session.scalars(statement.execution_options(populate_existing=True))
    return found


def find_sale_of_event(session: Session, event_id: str) -> CollateralSaleRow | None:
    """Return the newest sale by which a thing was sold with this event, in whatever state."""
    statement = select(_Sale).where(_Sale.event_id == event_id).order_by(_Sale.id.desc()).limit(1)
    return session.scalars(statement).one_or_none()


def find_sales(reads: Connection | Session, thing_id: str) -> Sequence[Any]:
    """Return all sales of a thing, newest first."""
    statement = _shown().where(_Sale.thing_id == thing_id)
    return reads.execute(statement.order_by(_Sale.requested_at.desc(), _Sale.id.desc())).all()


def page_waiting(
    reads: Connection | Session, lender_id: str, *, after: tuple[datetime, str] | None = None, limit: int
) -> Sequence[Any]:
    """Return a lender's sales that wait for a second person, oldest first, following `after`."""
    statement = _shown().where(_Sale.lender_id == lender_id, _Sale.state == SaleState.WAITING.value)
    if after is not None:
        statement = statement.where(tuple_(_Sale.requested_at, _Sale.id) > after)
    return reads.execute(statement.order_by(_Sale.requested_at, _Sale.id).limit(limit)).all()


def page_reversals(reads: Connection | Session, lender_id: str, *, limit: int) -> Sequence[Any]:
    """Return a lender's booked sales that somebody asked to take back, the longest waiting first."""
    waits = (_Sale.lender_id == lender_id, _Sale.state == SaleState.BOOKED.value)
    statement = _shown().where(*waits, _Sale.reversal_state == ReversalState.WAITING.value)
    return reads.execute(statement.order_by(_Sale.reversal_asked_at, _Sale.id).limit(limit)).all()


def exists_reversal_of(session: Session, refund_id: str) -> bool:
    """Return whether somebody asked to take back the sale whose surplus this refund is."""
    statement = select(_Sale.id).where(_Sale.refund_id == refund_id, _Sale.reversal_state == ReversalState.WAITING.value)
    return session.scalar(statement.limit(1)) is not None


def find_quotes(reads: Connection | Session, thing_id: str, *, limit: int = 20) -> Sequence[Any]:
    """Return what was quoted for a thing, newest first."""
    statement = select(*_Quote.__table__.columns).where(_Quote.thing_id == thing_id)
    return reads.execute(statement.order_by(_Quote.quoted_at.desc(), _Quote.id.desc()).limit(limit)).all()


def _shown() -> Select[Any]:
    return (
        select(*_Sale.__table__.columns, BorrowerRow.borrower_no, CollateralThingRow.reference.label("thing"))
        .join(BorrowerRow, BorrowerRow.id == _Sale.borrower_id)
        .join(CollateralThingRow, CollateralThingRow.id == _Sale.thing_id)
    )
