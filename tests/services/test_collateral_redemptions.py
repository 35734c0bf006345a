"""Getting a thing back: what the quote shows for a day is what happens when it is paid on that day, to the cent."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.domain.collateral_events import costs_on
from app.domain.errors import ConflictError, CurrencyMismatchError, ForbiddenError, ValidationError
from app.domain.money import Money
from app.persistence.db import session, vault
from app.persistence.models.collateral import CollateralPledgeRow, CollateralThingRow, RedemptionQuoteRow
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.queries import collateral as queries
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral_histories import events_of
from app.services.collateral_own import own_thing
from app.services.collateral_quotes import quote_own
from app.services.collateral_redemptions import quote_redemption, redeem, redemption_on
from app.services.desk_payments import DeskStaff
from app.services.positions import position_of
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.collateral import a_pledge, tell
from tests.conftest import START

TODAY = START.date()


def a_lender(country: str) -> str:
    return build_lender(now=START, code=country.lower(), jurisdiction=country, zone="UTC")


def a_held_thing(lender: str, *, daily: int = 500, amount_minor: int = 10_000) -> tuple[list[Built], str]:
    due = [TODAY - timedelta(days=40), TODAY + timedelta(days=3), TODAY + timedelta(days=33)]
    first = build_loan(now=START, due=due, lender_id=lender, amount_minor=amount_minor)
    second = build_loan(now=START, due=due, lender_id=lender, borrower_no=first.borrower_no, amount_minor=amount_minor)
    thing = a_pledge(first, now=START)
    a_pledge(second, now=START, reference=thing, rank=2)
    tell(first, thing, "notice_served", TODAY - timedelta(days=20), now=START)
    tell(first, thing, "taken", TODAY - timedelta(days=2), now=START, amount_minor=daily)
    tell(first, thing, "cost", TODAY - timedelta(days=2), now=START, cost_kind="recovery", amount_minor=12_345)
    return [first, second], thing


def row_of(reference: str) -> CollateralThingRow:
    session().expire_all()
    return session().scalars(select(CollateralThingRow).where(CollateralThingRow.reference == reference)).one()


def give_back(
    lender: str, thing: str, minor: int, *, now: Any = START, role: str = "supervisor", currency: str = "USD"
) -> str:
    staff = DeskStaff("staff:Ann", role, lender)
    with unit_of_work() as work:
        return redeem(
            work, row_of(thing).id, Money(minor, currency), method="cash", receipt="R1", staff=staff, now=now
        )  # fmt: skip


def booked(loans: list[Built]) -> int:
    total = func.coalesce(func.sum(LedgerEntryRow.amount_minor), 0)
    return session().scalar(select(total).where(LedgerEntryRow.loan_id.in_([each.loan_id for each in loans]))) or 0


def open_costs(thing: str) -> int:
    row = row_of(thing)
    return costs_on(events_of(queries.find_events(session(), [row.id])[row.id]), TODAY + timedelta(days=400)).open_minor


@pytest.mark.both
@pytest.mark.parametrize(("country", "ahead"), [("CN", 0), ("CN", 3), ("CN", 40), ("US", 0), ("US", 10)])
def test_what_is_shown_for_a_day_is_what_happens_when_it_is_paid_on_that_day(app: Flask, country: str, ahead: int) -> None:
    lender = a_lender(country)
    loans, thing = a_held_thing(lender)
    later = START + timedelta(days=ahead)
    with unit_of_work() as work:
        quote, shown = quote_redemption(work, row_of(thing), TODAY + timedelta(days=ahead), by="x", now=START)
        amount, expires_on = quote.amount_minor, quote.expires_on

    give_back(lender, thing, amount, now=later)

    assert expires_on == TODAY + timedelta(days=ahead)
    assert shown.costs.open_minor == 12_345 + (3 + ahead) * 500
    assert booked(loans) + shown.costs.open_minor == amount
    for each in loans:
        loan = get_loan(session(), each.loan_id)
        position = position_of(session(), loan, later.date())
        assert position.due_to_date.total == 0
        assert (position.outstanding_minor == 0) is (country == "US" or ahead == 40)
    assert (row_of(thing).state, open_costs(thing)) == ("redeemed", 0)
    ended = set(session().scalars(select(CollateralPledgeRow.ended_on)))
    assert ended == ({later.date()} if country == "US" else {None})


def test_any_quote_holds_on_its_day(app: Flask) -> None:
    lender = a_lender("CN")

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(st.integers(0, 60), st.integers(0, 2_000), st.integers(1, 9_999))
    def holds(ahead: int, daily: int, amount: int) -> None:
        loans, thing = a_held_thing(lender, daily=daily, amount_minor=amount)
        shown = redemption_on(session(), row_of(thing), TODAY + timedelta(days=ahead), now=START)
        session().rollback()
        give_back(lender, thing, shown.total_minor, now=START + timedelta(days=ahead))
        assert booked(loans) + shown.costs.open_minor == shown.total_minor
        assert open_costs(thing) == 0

    holds()


def test_without_storage_a_quote_holds_until_the_next_instalment_falls_due(app: Flask) -> None:
    _, thing = a_held_thing(a_lender("CN"), daily=0)

    assert redemption_on(session(), row_of(thing), None, now=START).expires_on == TODAY + timedelta(days=2)


def test_another_amount_or_currency_and_more_than_one_may_take_in_are_refused(app: Flask) -> None:
    lender = a_lender("CN")
    _, thing = a_held_thing(lender, amount_minor=10_000_000)
    needed = redemption_on(session(), row_of(thing), None, now=START).total_minor

    with pytest.raises(ValidationError, match="to the cent"):
        give_back(lender, thing, needed - 1)
    with pytest.raises(CurrencyMismatchError):
        give_back(lender, thing, needed, currency="EUR")
    with pytest.raises(ForbiddenError, match="more than you may take in alone"):
        give_back(lender, thing, needed, role="agent")
    assert row_of(thing).state == "in_custody"


def test_what_was_paid_on_the_loans_before_is_not_asked_for_again(app: Flask) -> None:
    lender = a_lender("CN")
    loans, thing = a_held_thing(lender)
    for loan in loans:
        pay(loan, 10_000, now=START)

    assert redemption_on(session(), row_of(thing), None, now=START).total_minor == 12_345 + 3 * 500
    give_back(lender, thing, 12_345 + 3 * 500)
    assert row_of(thing).state == "redeemed"


def test_a_thing_at_home_has_no_price_and_a_day_before_today_none_either(app: Flask) -> None:
    loans, thing = a_held_thing(a_lender("CN"))
    with pytest.raises(ValidationError, match="before today"):
        redemption_on(session(), row_of(thing), TODAY - timedelta(days=1), now=START)
    tell(loans[0], thing, "released", TODAY, now=START)

    with pytest.raises(ConflictError, match="not in custody"):
        redemption_on(session(), row_of(thing), None, now=START)


@pytest.mark.parametrize(("country", "says"), [("US", True), ("CN", False)])
def test_a_quote_names_what_of_the_law_was_not_looked_at(app: Flask, country: str, says: bool) -> None:
    lender = a_lender(country)
    (loan, _), thing = a_held_thing(lender)

    with unit_of_work() as work:
        quote = quote_own(work, loan.borrower_id, row_of(thing).id, None, now=START)
    own = own_thing(session(), vault(), loan.borrower_id, row_of(thing).id, now=START)

    assert ("Reinstatement was not looked at" in (quote.not_looked_at or "")) is says
    assert own.not_looked_at == quote.not_looked_at
    kept = session().scalars(select(RedemptionQuoteRow)).one().parts
    assert kept["not_looked_at"] == quote.not_looked_at, "what was told stands with the quote that is kept"
    tell(loan, thing, "released", TODAY, now=START)
    assert own_thing(session(), vault(), loan.borrower_id, row_of(thing).id, now=START).not_looked_at is None
