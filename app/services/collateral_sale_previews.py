"""How a sale of a pledged thing would be divided if it were booked now: what two people look at before it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.book import check_text
from app.domain.collateral_events import EventKind, ThingState, costs_on, moved
from app.domain.collateral_sales import METHODS, Division, OutsideClaim, ProceedsOrder, SecuredLoan, divide_proceeds
from app.domain.errors import ConflictError, CurrencyMismatchError, refused_at
from app.domain.money import Money
from app.domain.times import business_date
from app.persistence.models.collateral import CollateralThingRow
from app.persistence.queries import collateral as queries
from app.persistence.queries.collateral_values import find_appraisals
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import find_loans
from app.services.collateral_histories import events_of
from app.services.collateral_orders import order_of_thing
from app.services.collateral_sale_views import ShownShare
from app.services.quotes import payoff_on

US, OTHERS = "us", "other"
APPRAISAL_HOLDS = timedelta(days=180)
"""How long what a thing was said to be worth is good enough for a sale of ours. A rule of the house: no law names a day."""
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class SaleWished:
    """A sale as whoever asks for it says it. `sold_by`: `us`, an act of ours; `other`, told of from outside."""

    sold_on: date
    proceeds: Money
    method: str = "auction"
    sold_by: str = US
    sale_costs_minor: int = 0
    """Of the sale itself; what custody cost is known by its events."""
    claims: tuple[OutsideClaim, ...] = ()
    """What others may take."""
    note: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SalePreview:
    """How a sale would be divided if it were booked now."""

    division: Division
    order: ProceedsOrder
    loans: Sequence[Any]
    """The pledges with the numbers of their loans, in the order of the division's."""
    costs_minor: int
    currency: str


def preview_sale(session: Session, thing: CollateralThingRow, wished: SaleWished, *, now: datetime) -> SalePreview:
    """Return how a sale would be divided. Raises ValidationError, CurrencyMismatchError, ConflictError."""
    _check(session, thing, wished, now)
    if wished.sold_by == US:
        _require_fresh_appraisal(session, thing, wished.sold_on)
    order = order_of_thing(session, thing)
    pledges = [each for each in queries.find_pledges(session, [thing.id])[thing.id] if each.ended_on is None]
    loans = {loan.id: loan for loan in find_loans(session, [pledge.loan_id for pledge in pledges])}
    secured = [
        SecuredLoan(
            each.loan_id, each.rank, payoff_on(session, loans[each.loan_id], wished.sold_on).owed, each.limit_minor
        )
        for each in pledges
    ]  # fmt: skip
    events = events_of(queries.find_events(session, [thing.id])[thing.id])
    costs = costs_on(events, wished.sold_on).open_minor + wished.sale_costs_minor
    division = divide_proceeds(wished.proceeds.minor, costs, secured, wished.claims, order)
    return SalePreview(division, order, pledges, costs, thing.currency)


def _require_fresh_appraisal(session: Session, thing: CollateralThingRow, sold_on: date) -> None:
    """Refuse a sale of ours on the word of an appraisal that is too old; what nobody valued is sold as it is."""
    newest = next(iter(find_appraisals(session, [thing.id])[thing.id]), None)
    if newest is not None and sold_on - newest.valued_on > APPRAISAL_HOLDS:
        raise ConflictError(
            f"The newest appraisal is of {newest.valued_on}, more than {APPRAISAL_HOLDS.days} days before the sale: "
            "have it valued again, then it can be sold."
        )


def _check(session: Session, thing: CollateralThingRow, wished: SaleWished, now: datetime) -> None:
    if wished.proceeds.currency != thing.currency:
        raise CurrencyMismatchError(f"{thing.reference} is kept in {thing.currency}, not in {wished.proceeds.currency}.")
    if wished.proceeds.minor < 0 or wished.sale_costs_minor < 0 or any(each.amount_minor < 0 for each in wished.claims):
        raise refused_at("/proceeds", "No amount of a sale is below nothing.")
    if wished.method not in METHODS:
        raise refused_at("/method", f"method is not one of {', '.join(METHODS)}.")
    if wished.sold_by not in (US, OTHERS):
        raise refused_at("/sold_by", f"sold_by is {US} or {OTHERS}.")
    check_text("note", wished.note or "", LONGEST_NOTE)
    if thing.state != ThingState.SOLD:
        today = business_date(now, get_lender(session, thing.lender_id).zone)
        moved(thing.state, thing.state_on, EventKind.SOLD, wished.sold_on, today=today)
    elif wished.sold_on != thing.state_on:
        raise refused_at("/sold_on", f"{thing.reference} was sold on {thing.state_on}.")


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """How a sale would be divided. `uncovered_costs` are in no ledger; `shortfall` stays owed."""

    currency: str
    proceeds_minor: int
    costs_minor: int
    uncovered_costs_minor: int
    loans: list[ShownShare]
    claims_minor: int
    surplus_minor: int
    shortfall_minor: int
    rule: str
    source: str
    grade: str


def shown_preview(preview: SalePreview) -> ShownPreview:
    """Return a preview as it is shown."""
    division = preview.division
    return ShownPreview(
        preview.currency,
        division.proceeds_minor,
        division.costs_minor,
        division.uncovered_costs_minor,
        [
            ShownShare(pledge.loan_no, pledge.rank, share.paid.total, share.left.total)
            for share, pledge in zip(division.loans, preview.loans, strict=True)
        ],
        sum(division.claims),
        division.surplus_minor,
        division.shortfall_minor,
        preview.order.name,
        preview.order.source,
        preview.order.grade,
    )
