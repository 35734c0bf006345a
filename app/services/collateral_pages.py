"""Pledged things as staff see them: a line of a list, and a page whose opening is written down."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.collateral_events import CostSheet, costs_on
from app.persistence.queries import collateral as queries
from app.persistence.queries import collateral_sales as sales
from app.persistence.queries import collateral_values as values
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.collateral import about_of, masked_of
from app.services.collateral_cost_views import shown_costs, today_of
from app.services.collateral_histories import events_of, place_of, text_of
from app.services.collateral_orders import order_of_thing
from app.services.collateral_page_values import (
    CollateralPage,
    ListedThing,
    ShownAppraisal,
    ShownEvent,
    ShownPledge,
    ShownPolicy,
    ShownQuote,
    ShownWorth,
)
from app.services.collateral_sale_views import shown_sale
from app.services.collateral_values import appraiser_of, policy_no_of, worth_of


def listed_things(session: Session, ring: Vault, rows: Sequence[Any], *, now: datetime) -> list[ListedThing]:
    """Return things as a list shows them; a handful of statements for all."""
    ids = [row.id for row in rows]
    pledges, events = queries.find_pledges(session, ids), queries.find_events(session, ids)
    today = today_of(session, rows[0].lender_id, now) if rows else now.date()
    return [_listed(ring, row, pledges[row.id], costs_on(events_of(events[row.id]), today)) for row in rows]


def thing_page(session: Session, ring: Vault, thing_id: str, *, lender_id: str, now: datetime) -> CollateralPage:
    """Return all of a lender's thing. Raises NotFoundError."""
    row = queries.get_listed(session, thing_id, lender_id=lender_id)
    today = today_of(session, lender_id, now)
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
        costs=shown_costs(costs),
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
        not_looked_at=order.not_looked_at,
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
        sales=[shown_sale(ring, each) for each in sales.find_sales(session, thing_id)],
    )


def open_thing(work: Work, thing_id: str, *, lender_id: str, by: str, now: datetime) -> CollateralPage:
    """Return all of a lender's thing, and write down who opened it. Raises NotFoundError."""
    shown = thing_page(work.session, work.vault, thing_id, lender_id=lender_id, now=now)
    owner = queries.get_thing(work.session, thing_id, lender_id=lender_id).borrower_id
    add_audit(
        work.session, at=now, actor=by, action="collateral.opened", borrower_id=owner, facts={"thing_id": thing_id}
    )  # fmt: skip
    return shown


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
        row.facts.get("reason") or text.get("reason"),
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
