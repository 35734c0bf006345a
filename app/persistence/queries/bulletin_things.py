"""Rows of a bulletin's figures about pledged vehicles: taken, held, released, redeemed, sold."""

from typing import Any

from sqlalchemy import and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased
from sqlalchemy.sql import ColumnElement, Select

from app.domain.bulletins import AsKnown
from app.domain.collateral_events import EventKind, ThingState
from app.domain.collateral_things import VEHICLE
from app.persistence.models.collateral import CollateralEventRow, CollateralThingRow
from app.persistence.queries.bulletin_columns import Registry, figure_rows


def _happened(kind: EventKind) -> Any:
    """Return the query of vehicles to which this happened in the period, and was not taken back as a mistake."""

    def rows(known: AsKnown) -> Select[Any]:
        event = CollateralEventRow
        return _events(event, known).where(
            event.kind == kind.value, event.effective_on >= known.first_on, event.effective_on <= known.last_on
        )

    return rows


def _held(known: AsKnown) -> Select[Any]:
    event, after = CollateralEventRow, aliased(CollateralEventRow)
    is_later = or_(
        after.effective_on > event.effective_on, and_(after.effective_on == event.effective_on, after.no > event.no)
    )
    left = exists().where(
        after.thing_id == event.thing_id, after.kind != EventKind.REVERSAL.value, is_later,
        after.effective_on <= known.last_on,
        after.to_state.is_not(None), after.to_state != ThingState.IN_CUSTODY.value, _stands(after, known),
    )  # fmt: skip
    return _events(event, known).where(event.kind == EventKind.TAKEN.value, event.effective_on <= known.last_on, ~left)


def _events(event: Any, known: AsKnown) -> Select[Any]:
    thing = CollateralThingRow
    return (
        figure_rows(
            event.id,
            event.borrower_id,
            lender_id=event.lender_id,
            on=event.effective_on,
            at=event.recorded_at,
            thing=_custody(event, known),
        )
        .select_from(event)
        .join(thing, thing.id == event.thing_id)
        .where(thing.kind == VEHICLE, _stands(event, known))
    )


def _custody(event: Any, known: AsKnown) -> ColumnElement[Any]:
    """Return what tells one stay in custody from another: the event by which it began; of what did not end one, itself."""
    began = aliased(CollateralEventRow)
    last = (
        select(began.id)
        .where(
            began.thing_id == event.thing_id, began.kind == EventKind.TAKEN.value, began.no < event.no,
            _stands(began, known),
        )
        .order_by(began.no.desc())
        .limit(1)
        .scalar_subquery()
    )  # fmt: skip
    is_end = and_(
        event.kind != EventKind.TAKEN.value,
        or_(event.from_state.is_(None), event.from_state == ThingState.IN_CUSTODY.value),
    )
    return case((is_end, func.coalesce(last, event.id)), else_=event.id)


def _stands(event: Any, known: AsKnown) -> ColumnElement[bool]:
    """Return whether an event was known, and its reversal was not."""
    undoing = aliased(CollateralEventRow)
    undone = exists().where(
        undoing.thing_id == event.thing_id, undoing.reverses_id == event.id, undoing.recorded_at <= known.known_at
    )
    return and_(event.recorded_at <= known.known_at, ~undone)


THING_ROWS: Registry = {
    "vehicles_taken": _happened(EventKind.TAKEN),
    "vehicles_held": _held,
    "vehicles_released": _happened(EventKind.RELEASED),
    "vehicles_redeemed": _happened(EventKind.REDEEMED),
    "vehicles_sold": _happened(EventKind.SOLD),
}
