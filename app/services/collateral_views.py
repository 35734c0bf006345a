"""Pledged things as they are shown: a line of a list and a page for staff, and to its borrower what is theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.collateral_events import CostSheet, ThingState, costs_on
from app.domain.errors import NotFoundError
from app.domain.times import business_date
from app.persistence.queries import collateral as queries
from app.persistence.queries import collateral_sales as sales
from app.persistence.queries import collateral_values as values
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.collateral import about_of, masked_of, plate_of
from app.services.collateral_events import events_of, place_of, text_of
from app.services.collateral_orders import order_of_thing
from app.services.collateral_values import appraiser_of, policy_no_of, worth_of


@dataclass(frozen=True, slots=True)
class ShownCost:
    """A kind of cost until today."""

    kind: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ShownPledge:
    """A loan that a thing secures."""

    loan_id: str
    loan_no: str
    rank: int
    limit_minor: int | None
    pledged_on: date
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class ListedThing:
    """A thing in a list: plate and VIN masked, and no place.

    Where it is kept stands on its page, whose opening is written down.
    """

    id: str
    currency: str
    reference: str
    kind: str
    borrower_no: str
    loan_nos: list[str]
    plate: str | None
    vin: str | None
    state: str
    state_on: date
    place: str | None
    in_custody_on: date | None
    days_in_custody: int
    costs_minor: int
    """Open until today, and in no ledger."""


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event. `is_standing` False: it was taken back, or takes one back."""

    id: str
    no: int
    kind: str
    effective_on: date
    recorded_at: datetime
    by: str
    origin: str
    reference: str
    from_state: str | None
    to_state: str | None
    reverses_id: str | None
    cost_kind: str | None
    amount_minor: int | None
    is_charged: bool
    reason: str | None
    proof: str | None
    """What proves that the notice was delivered: registered_post, receipt ...; None: nothing does."""
    place: str | None
    note: str | None
    is_standing: bool


@dataclass(frozen=True, slots=True)
class ShownAppraisal:
    """What somebody said that it was worth."""

    id: str
    reference: str
    currency: str
    value_minor: int
    valued_on: date
    source: str
    appraiser: str | None
    haircut: str


@dataclass(frozen=True, slots=True)
class ShownWorth:
    """The newest appraisal beside what is owed. `loan_to_value`: per cent."""

    value_minor: int
    counted_minor: int
    owed_minor: int
    loan_to_value: str | None
    shortfall_minor: int
    valued_on: date


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """An insurance of the thing; its number masked."""

    id: str
    reference: str
    cover: str
    policy_no: str | None
    valid_from: date | None
    valid_until: date
    insured_minor: int | None
    is_valid: bool


@dataclass(frozen=True, slots=True)
class ShownShare:
    """What a loan got of a sale, and what is still owed on it."""

    loan_no: str
    rank: int
    paid_minor: int
    left_minor: int


@dataclass(frozen=True, slots=True)
class ShownSale:
    """A sale; how it was divided is shown once it is booked."""

    id: str
    currency: str
    state: str
    sold_on: date
    proceeds_minor: int
    sale_costs_minor: int
    method: str
    sold_by: str
    rule: str
    costs_minor: int
    claims_minor: int
    loans: list[ShownShare]
    surplus_minor: int
    shortfall_minor: int
    refund_id: str | None
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class ShownQuote:
    """What was quoted for getting it back."""

    id: str
    currency: str
    quoted_at: datetime
    by: str
    on: date
    expires_on: date
    basis: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CollateralPage:
    """Everything a lender knows of one thing."""

    thing: ListedThing
    currency: str
    about: str | None
    pledges: list[ShownPledge]
    costs: list[ShownCost]
    daily_minor: int
    costs_paid_minor: int
    charged_minor: int
    worth: ShownWorth | None
    is_insured: bool
    rule: str
    rule_source: str
    rule_grade: str
    redemption: str
    redemption_source: str
    redemption_grade: str
    events: list[ShownEvent]
    appraisals: list[ShownAppraisal]
    insurance: list[ShownPolicy]
    quotes: list[ShownQuote]
    sales: list[ShownSale]


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
    events: list[OwnEvent]
    sale: OwnSale | None


def listed_things(session: Session, ring: Vault, rows: Sequence[Any], *, now: datetime) -> list[ListedThing]:
    """Return things as a list shows them; a handful of statements for all."""
    ids = [row.id for row in rows]
    pledges, events = queries.find_pledges(session, ids), queries.find_events(session, ids)
    today = _today(session, rows[0].lender_id, now) if rows else now.date()
    return [_listed(ring, row, pledges[row.id], costs_on(events_of(events[row.id]), today)) for row in rows]


def thing_page(session: Session, ring: Vault, thing_id: str, *, lender_id: str, now: datetime) -> CollateralPage:
    """Return all of a lender's thing. Raises NotFoundError."""
    row = queries.get_listed(session, thing_id, lender_id=lender_id)
    today = _today(session, lender_id, now)
    pledges = queries.find_pledges(session, [thing_id])[thing_id]
    events = queries.find_events(session, [thing_id])[thing_id]
    costs = costs_on(events_of(events), today)
    worth, order = worth_of(session, row, now=now), order_of_thing(session, row)
    policies = values.find_insurance(session, [thing_id])[thing_id]
    undone = {event.reverses_id for event in events if event.reverses_id}
    return CollateralPage(
        thing=replace(_listed(ring, row, pledges, costs), place=place_of(ring, row)),
        currency=row.currency,
        about=about_of(ring, row),
        pledges=[
            ShownPledge(each.loan_id, each.loan_no, each.rank, each.limit_minor, each.pledged_on, each.ended_on)
            for each in pledges
        ],
        costs=_costs(costs),
        daily_minor=costs.daily_minor,
        costs_paid_minor=costs.paid_minor,
        charged_minor=costs.charged_minor,
        worth=None
        if worth is None
        else ShownWorth(
            worth.value_minor,
            worth.counted_minor,
            worth.owed_minor,
            None if worth.loan_to_value is None else str(worth.loan_to_value),
            worth.shortfall_minor,
            worth.valued_on,
        ),
        is_insured=any((each.valid_from or today) <= today <= each.valid_until for each in policies),
        rule=order.name,
        rule_source=order.source,
        rule_grade=order.grade,
        redemption=order.redemption.value,
        redemption_source=order.redemption_source,
        redemption_grade=order.redemption_grade,
        events=[_event(ring, each, undone) for each in reversed(events)],
        appraisals=[
            ShownAppraisal(
                each.id,
                each.reference,
                each.currency,
                each.value_minor,
                each.valued_on,
                each.source,
                appraiser_of(ring, each),
                each.haircut,
            )
            for each in values.find_appraisals(session, [thing_id])[thing_id]
        ],
        insurance=[_policy(ring, each, today) for each in policies],
        quotes=[
            ShownQuote(
                each.id,
                each.currency,
                each.quoted_at,
                each.by,
                each.quoted_on,
                each.expires_on,
                each.basis,
                each.amount_minor,
            )
            for each in sales.find_quotes(session, thing_id)
        ],
        sales=[shown_sale(each) for each in sales.find_sales(session, thing_id)],
    )


def open_thing(work: Work, thing_id: str, *, lender_id: str, by: str, now: datetime) -> CollateralPage:
    """Return all of a lender's thing, and write down who opened it. Raises NotFoundError."""
    shown = thing_page(work.session, work.vault, thing_id, lender_id=lender_id, now=now)
    owner = queries.get_thing(work.session, thing_id, lender_id=lender_id).borrower_id
    add_audit(
        work.session, at=now, actor=by, action="collateral.opened", borrower_id=owner, facts={"thing_id": thing_id}
    )  # fmt: skip
    return shown


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


def shown_sale(row: Any) -> ShownSale:
    """Return a sale as it is shown."""
    division = row.division
    return ShownSale(
        row.id,
        row.currency,
        row.state,
        row.sold_on,
        row.proceeds_minor,
        row.sale_costs_minor,
        row.method,
        row.sold_by,
        row.rule,
        division.get("costs_minor", 0),
        sum(division.get("claims_minor", [])),
        [
            ShownShare(each["loan_no"], each["rank"], sum(each["paid"].values()), sum(each["left"].values()))
            for each in division.get("loans", [])
        ],
        row.surplus_minor,
        row.shortfall_minor,
        row.refund_id,
        row.requested_by,
        row.requested_at,
        row.decided_by,
        row.decided_at,
        row.reason,
    )


def _own(session: Session, ring: Vault, row: Any, now: datetime) -> OwnThing:
    today = _today(session, row.lender_id, now)
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
        costs=_costs(costs),
        costs_open_minor=costs.open_minor,
        daily_minor=costs.daily_minor,
        get_back_by=order.redemption.value if is_held else None,
        get_back_source=order.redemption_source if is_held else None,
        events=[
            OwnEvent(each.kind, each.effective_on, each.amount_minor, each.cost_kind)
            for each in reversed(rows)
            if each.id not in undone and each.reverses_id is None
        ],
        sale=_own_sale(shown_sale(booked[0])) if booked else None,
    )


def _own_sale(sale: ShownSale) -> OwnSale:
    return OwnSale(**{each.name: getattr(sale, each.name) for each in fields(OwnSale)})


def _listed(ring: Vault, row: Any, pledges: Sequence[Any], costs: CostSheet) -> ListedThing:
    plate, vin = masked_of(ring, row)
    return ListedThing(
        row.id,
        row.currency,
        row.reference,
        row.kind,
        row.borrower_no,
        [each.loan_no for each in pledges if each.ended_on is None],
        plate,
        vin,
        row.state,
        row.state_on,
        None,
        row.in_custody_on,
        costs.days,
        costs.open_minor,
    )


def _event(ring: Vault, row: Any, undone: set[str]) -> ShownEvent:
    text = text_of(ring, row)
    return ShownEvent(
        row.id,
        row.no,
        row.kind,
        row.effective_on,
        row.recorded_at,
        row.by,
        row.origin,
        row.reference,
        row.from_state,
        row.to_state,
        row.reverses_id,
        row.cost_kind,
        row.amount_minor,
        row.is_charged,
        row.facts.get("reason"),
        row.facts.get("proof"),
        text.get("place"),
        text.get("note"),
        row.id not in undone and row.reverses_id is None,
    )


def _policy(ring: Vault, row: Any, today: date) -> ShownPolicy:
    number = policy_no_of(ring, row)
    return ShownPolicy(
        row.id,
        row.reference,
        row.cover,
        None if number is None else f"••••{number[-4:]}",
        row.valid_from,
        row.valid_until,
        row.insured_minor,
        (row.valid_from or today) <= today <= row.valid_until,
    )


def _costs(costs: CostSheet) -> list[ShownCost]:
    return [ShownCost(kind, minor) for kind, minor in sorted(costs.by_kind.items())]


def _today(session: Session, lender_id: str, now: datetime) -> date:
    return business_date(now, get_lender(session, lender_id).zone)
