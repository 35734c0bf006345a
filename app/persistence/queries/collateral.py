"""Pledged things, what they secure, and what happened to them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Table, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.bulk import add_rows, change_rows
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.collateral import (
    CollateralEventRow,
    CollateralPledgeRow,
    CollateralThingRow,
)
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks
from app.persistence.vault import SearchHash

_Thing, _Pledge, _Event = CollateralThingRow, CollateralPledgeRow, CollateralEventRow
_THINGS, _EVENTS = cast(Table, _Thing.__table__), cast(Table, _Event.__table__)
_MOVED = ("id", "state", "state_on", "place_sealed", "in_custody_on", "last_no", "version")


def find_things(session: Session, lender_id: str, references: Collection[str]) -> dict[str, CollateralThingRow]:
    """Return a lender's things by its numbers of them."""
    found: dict[str, CollateralThingRow] = {}
    for part in chunks(sorted(set(references))):
        statement = select(_Thing).where(_Thing.lender_id == lender_id, _Thing.reference.in_(part))
        found |= {row.reference: row for row in session.scalars(statement.execution_options(populate_existing=True))}
    return found


def find_owners(session: Session, lender_id: str, references: Collection[str]) -> set[str]:
    """Return whose a lender's things are, by its numbers of them."""
    found: set[str] = set()
    for part in chunks(sorted(set(references))):
        of_part = (_Thing.lender_id == lender_id, _Thing.reference.in_(part))
        found.update(session.scalars(select(_Thing.borrower_id).where(*of_part).distinct()))
    return found


def find_standings(session: Session, lender_id: str, references: Collection[str]) -> dict[str, Any]:
    """Return where a lender's things stand by its numbers of them, as plain rows: what they are stays sealed and unread."""
    columns = (
        _Thing.reference,
        _Thing.borrower_id,
        _Thing.lender_id,
        _Thing.currency,
        *(_THINGS.c[name] for name in _MOVED),
    )
    found: dict[str, Any] = {}
    for part in chunks(sorted(set(references))):
        statement = select(*columns).where(_Thing.lender_id == lender_id, _Thing.reference.in_(part))
        found |= {row.reference: row for row in session.execute(statement)}
    return found


def get_thing(session: Session, thing_id: str, *, lender_id: str) -> CollateralThingRow:
    """Return a lender's thing as it stands now. Raises NotFoundError."""
    statement = select(_Thing).where(_Thing.id == thing_id, _Thing.lender_id == lender_id)
    row = session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such thing.")
    return row


def get_listed(reads: Connection | Session, thing_id: str, *, lender_id: str) -> Any:
    """Return a lender's thing with its borrower's number. Raises NotFoundError."""
    row = reads.execute(_listed(lender_id).where(_Thing.id == thing_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such thing.")
    return row


def find_own_thing(reads: Connection | Session, borrower_id: str, thing_id: str) -> Any:
    """Return a borrower's own thing, or None."""
    statement = select(*_Thing.__table__.columns).where(_Thing.id == thing_id, _Thing.borrower_id == borrower_id)
    return reads.execute(statement).one_or_none()


def find_own_things(reads: Connection | Session, borrower_id: str, *, lender_id: str | None = None) -> Sequence[Any]:
    """Return a borrower's things, oldest first; only those pledged to one lender, if named."""
    statement = select(*_Thing.__table__.columns).where(_Thing.borrower_id == borrower_id)
    if lender_id is not None:
        statement = statement.where(_Thing.lender_id == lender_id)
    return reads.execute(statement.order_by(_Thing.id)).all()


def find_by_keys(
    reads: Connection | Session, lender_id: str, hashes: Collection[SearchHash], *, limit: int
) -> Sequence[Any]:
    """Return a lender's things whose plate or VIN has one of these keyed hashes."""
    keys = [key_text(each) for each in hashes]
    for column in (_Thing.plate_key, _Thing.vin_key):
        statement = _listed(lender_id).where(column.in_(keys)).order_by(_Thing.id).limit(limit)
        if rows := reads.execute(statement).all():
            return rows
    return []


def page_things(
    reads: Connection | Session, lender_id: str, *, state: str | None = None, after: str = "", limit: int
) -> Sequence[Any]:
    """Return a lender's things in the order they were made known, following `after`; in one state, if named."""
    statement = _listed(lender_id).where(_Thing.id > after) if after else _listed(lender_id)
    if state is not None:
        statement = statement.where(_Thing.state == state)
    return reads.execute(statement.order_by(_Thing.id).limit(limit)).all()


def find_pledges(reads: Connection | Session, thing_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return the pledges of things with the numbers of their loans, first rank first."""
    found: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(sorted(set(thing_ids))):
        statement = (
            select(*_Pledge.__table__.columns, LoanRow.loan_no, LoanRow.status)
            .join(LoanRow, LoanRow.id == _Pledge.loan_id)
            .where(_Pledge.thing_id.in_(part))
            .order_by(_Pledge.thing_id, _Pledge.rank, _Pledge.id)
        )
        for row in reads.execute(statement):
            found[row.thing_id].append(row)
    return found


def find_pledged(reads: Connection | Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return (pledge, thing) of what secures these loans now."""
    found: list[Any] = []
    for part in chunks(sorted(set(loan_ids))):
        statement = (
            select(
                _Pledge.loan_id, _Pledge.rank, _Pledge.limit_minor, _Pledge.pledged_on, _Thing.id, _Thing.reference,
                _Thing.kind, _Thing.state, _Thing.state_on, _Thing.borrower_id, _Thing.lender_id, _Thing.currency,
            )
            .join(_Thing, _Thing.id == _Pledge.thing_id)
            .where(_Pledge.loan_id.in_(part), _Pledge.ended_on.is_(None))
            .order_by(_Pledge.loan_id, _Pledge.rank, _Thing.id)
        )  # fmt: skip
        found += reads.execute(statement).all()
    return found


def find_events(reads: Connection | Session, thing_ids: Collection[str]) -> dict[str, list[Any]]:
    """Return all events of things, in the order recorded."""
    found: dict[str, list[Any]] = defaultdict(list)
    for part in chunks(sorted(set(thing_ids))):
        statement = select(*_Event.__table__.columns).where(_Event.thing_id.in_(part))
        for row in reads.execute(statement.order_by(_Event.thing_id, _Event.no)):
            found[row.thing_id].append(row)
    return found


def find_references(session: Session, lender_id: str, references: Collection[str]) -> dict[str, Any]:
    """Return the events that a lender's references stand for."""
    found: dict[str, Any] = {}
    for part in chunks(sorted(set(references))):
        statement = select(*_Event.__table__.columns).where(_Event.lender_id == lender_id, _Event.reference.in_(part))
        found |= {row.reference: row for row in session.execute(statement)}
    return found


def get_event(reads: Connection | Session, event_id: str) -> Any:
    """Return an event. Raises NotFoundError."""
    row = reads.execute(select(*_Event.__table__.columns).where(_Event.id == event_id)).one_or_none()
    if row is None:
        raise NotFoundError("There is no such event.")
    return row


def add_events(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append events in one statement; all give the same columns."""
    add_rows(session, _EVENTS, rows)


def move_things(session: Session, moves: Sequence[Mapping[str, Any]]) -> None:
    """Write where things stand now, whole: `_MOVED`. The caller holds their borrowers' agenda rows."""
    if moves:
        change_rows(session, _THINGS, moves, columns={name: name for name in _MOVED}, key="id")
        session.expire_all()


def find_country(reads: Connection | Session, borrower_id: str, lender_id: str) -> str | None:
    """Return the country whose law governs a pledge: the borrower's, else the lender's jurisdiction."""
    country = reads.scalar(select(BorrowerRow.country).where(BorrowerRow.id == borrower_id))
    jurisdiction = reads.scalar(select(LenderRow.jurisdiction).where(LenderRow.id == lender_id))
    return country or jurisdiction


def key_text(found: SearchHash) -> str:
    """Return a keyed hash as it is stored."""
    return f"{found.key_id}:{found.digest}"


def _listed(lender_id: str) -> Any:
    return (
        select(*_Thing.__table__.columns, BorrowerRow.borrower_no)
        .join(BorrowerRow, BorrowerRow.id == _Thing.borrower_id)
        .where(_Thing.lender_id == lender_id)
    )


def load_pledges(session: Session, pledge_ids: Collection[str]) -> list[CollateralPledgeRow]:
    """Return pledges to be changed. The caller holds their borrowers' agenda rows."""
    found: list[CollateralPledgeRow] = []
    for part in chunks(sorted(pledge_ids)):
        found += session.scalars(select(_Pledge).where(_Pledge.id.in_(part)))
    return found
