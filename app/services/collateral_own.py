"""Pledged things as their borrower sees them: where they are, what that costs, how to get them back, how they were sold."""

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.collateral_events import ThingState, costs_on
from app.domain.errors import NotFoundError
from app.persistence.queries import collateral as queries
from app.persistence.queries import collateral_sales as sales
from app.persistence.vault import Vault
from app.services.collateral import about_of, plate_of
from app.services.collateral_cost_views import ShownCost, shown_costs, today_of
from app.services.collateral_histories import events_of, place_of
from app.services.collateral_orders import order_of_thing
from app.services.collateral_sale_views import ShownSale, ShownShare, shown_sale


@dataclass(frozen=True, slots=True)
class OwnLoan:
    """A loan of the borrower's that the thing secures."""

    loan_id: str
    loan_no: str


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """Something that happened to it, and stands."""

    kind: str
    effective_on: date
    amount_minor: int | None
    cost_kind: str | None


@dataclass(frozen=True, slots=True)
class OwnSale:
    """A sale that was booked, as the borrower sees it: the money, and not who of the staff decided it."""

    id: str
    currency: str
    sold_on: date
    proceeds_minor: int
    method: str
    sold_by: str
    rule: str
    costs_minor: int
    claims_minor: int
    loans: list[ShownShare]
    surplus_minor: int
    shortfall_minor: int


@dataclass(frozen=True, slots=True)
class OwnThing:
    """A thing that the borrower pledged, as the borrower sees it.

    `get_back_by`: `arrears` or `payoff`, what is paid beside the costs while it is in custody; None while it is not.
    `not_looked_at`: what else may be the law there, of which nothing was read.
    """

    id: str
    currency: str
    kind: str
    about: str | None
    plate: str | None
    loans: list[OwnLoan]
    state: str
    state_on: date
    place: str | None
    in_custody_on: date | None
    costs: list[ShownCost]
    costs_open_minor: int
    daily_minor: int
    get_back_by: str | None
    get_back_source: str | None
    not_looked_at: str | None
    events: list[OwnEvent]
    sale: OwnSale | None


def own_things(session: Session, ring: Vault, borrower_id: str, *, now: datetime) -> list[OwnThing]:
    """Return what a borrower pledged, oldest first."""
    rows = queries.find_own_things(session, borrower_id)
    return [_own(session, ring, row, now) for row in rows]


def own_thing(session: Session, ring: Vault, borrower_id: str, thing_id: str, *, now: datetime) -> OwnThing:
    """Return one thing of a borrower's. Raises NotFoundError, also for another's."""
    row = queries.find_own_thing(session, borrower_id, thing_id)
    if row is None:
        raise NotFoundError("There is no such thing.")
    return _own(session, ring, row, now)


def _own(session: Session, ring: Vault, row: Any, now: datetime) -> OwnThing:
    today = today_of(session, row.lender_id, now)
    rows = queries.find_events(session, [row.id])[row.id]
    costs = costs_on(events_of(rows), today)
    undone = {event.reverses_id for event in rows if event.reverses_id}
    is_held = row.state == ThingState.IN_CUSTODY
    order = order_of_thing(session, row)
    booked = [each for each in sales.find_sales(session, row.id) if each.state == "booked"]
    return OwnThing(
        id=row.id,
        currency=row.currency,
        kind=row.kind,
        about=about_of(ring, row),
        plate=plate_of(ring, row),
        loans=[OwnLoan(each.loan_id, each.loan_no) for each in queries.find_pledges(session, [row.id])[row.id]],
        state=row.state,
        state_on=row.state_on,
        place=place_of(ring, row),
        in_custody_on=row.in_custody_on,
        costs=shown_costs(costs),
        costs_open_minor=costs.open_minor,
        daily_minor=costs.daily_minor,
        get_back_by=order.redemption.value if is_held else None,
        get_back_source=order.redemption_source if is_held else None,
        not_looked_at=order.not_looked_at if is_held else None,
        events=[
            OwnEvent(each.kind, each.effective_on, each.amount_minor, each.cost_kind)
            for each in reversed(rows)
            if each.id not in undone and each.reverses_id is None
        ],
        sale=_own_sale(shown_sale(ring, booked[0])) if booked else None,
    )


def _own_sale(sale: ShownSale) -> OwnSale:
    return OwnSale(**{each.name: getattr(sale, each.name) for each in fields(OwnSale)})
