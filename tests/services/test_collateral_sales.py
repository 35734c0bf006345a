"""Sales: two people, the order of law, conserved to the cent in the ledger; the surplus a refund, the shortfall owed."""

import json
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from app.api.value_forms import plain
from app.domain.collateral_sales import OutsideClaim
from app.domain.errors import (
    ConflictError,
    CurrencyMismatchError,
    DomainError,
    ForbiddenError,
    LawRefusedError,
    ValidationError,
)
from app.domain.money import Money
from app.domain.splits import Split
from app.engine.follow_ups import follow_up_due
from app.persistence.db import session, vault
from app.persistence.models.collateral import CollateralEventRow, CollateralSaleRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.refunds import RefundRow
from app.persistence.models.tasks import TaskRow
from app.persistence.queries.collateral import page_things
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import unit_of_work
from app.services.collateral_own import own_things
from app.services.collateral_pages import listed_things
from app.services.collateral_sale_previews import SaleWished, preview_sale
from app.services.collateral_sales import approve_sale, decline_sale, request_sale, tell_sale
from app.services.collateral_values import AppraisalValues, put_appraisals
from app.services.quotes import payoff_on
from tests.builders.book import Built, build_lender
from tests.builders.collateral import a_pledge, tell
from tests.builders.collateral_sales import a_held_thing, book, row_of, sell, staff, take_back
from tests.conftest import START

TODAY = START.date()


@pytest.fixture
def lender(app: Flask) -> str:
    return build_lender(now=START, code="cn", jurisdiction="CN", zone="UTC")


def owed(loan: Built) -> int:
    return payoff_on(session(), get_loan(session(), loan.loan_id), TODAY).total_minor


def in_ledger(loan: Built) -> int:
    total = func.coalesce(func.sum(LedgerEntryRow.amount_minor), 0)
    of_loan = (LedgerEntryRow.loan_id == loan.loan_id, LedgerEntryRow.channel == "collateral_sale")
    return session().scalar(select(total).where(*of_loan)) or 0


@pytest.mark.both
def test_a_sale_pays_costs_then_the_loans_by_rank_and_what_is_over_is_a_refund_that_waits(lender: str) -> None:
    (first, second), thing = a_held_thing(lender)
    sale = book(lender, sell(lender, thing, 50_000, sale_costs_minor=1_000))

    assert sale.division["costs_minor"] == 3 * 500 + 1_000
    assert (in_ledger(first), owed(first), owed(second)) == (20_700, 0, 0)
    over = 50_000 - 2_500 - 20_700 - 20_000
    assert in_ledger(second) == 20_000 + over
    refund = session().get_one(RefundRow, sale.refund_id)
    assert (refund.amount_minor, refund.state, sale.surplus_minor) == (over, "requested", over)
    assert row_of(thing).state == "sold"
    assert {get_loan(session(), each.loan_id).status for each in (first, second)} == {"closed"}
    follow_up_due(now=START)
    templates = set(session().scalars(select(NoticeRow.template)))
    assert {"collateral_sold", "collateral_sale_surplus"} <= templates


@pytest.mark.both
def test_the_borrower_sees_the_money_of_a_sale_and_not_who_decided_it(lender: str) -> None:
    (loan, _), thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 50_000)
    book(lender, sale_id)

    (own,) = own_things(session(), vault(), loan.borrower_id, now=START)
    (listed,) = listed_things(session(), vault(), page_things(session(), lender, limit=2), now=START)

    told = json.dumps(plain(own))
    assert own.sale is not None
    assert own.sale.proceeds_minor == 50_000
    assert "staff:" not in told
    assert not {"requested_by", "decided_by", "reason", "refund_id"} & set(plain(own)["sale"])
    assert listed.place is None


def test_a_shortfall_stays_owed_and_the_borrower_is_told(lender: str) -> None:
    (first, second), thing = a_held_thing(lender)
    sale = book(lender, sell(lender, thing, 22_000))

    assert (sale.surplus_minor, sale.refund_id) == (0, None)
    assert (in_ledger(first), in_ledger(second)) == (20_500, 0)
    assert owed(first) + owed(second) == sale.shortfall_minor == 20_200
    assert sale.division["loans"][0]["paid"] == {"principal": 19_800, "interest": 0, "fees": 700, "penalties": 0}
    notice = session().scalars(select(NoticeRow).where(NoticeRow.template == "collateral_sale_shortfall")).one()
    assert notice.message_id is not None


def test_it_takes_two_people_and_a_role_and_one_sale_at_a_time(lender: str) -> None:
    (_, _), thing = a_held_thing(lender)
    sale_id = sell(lender, thing, 22_000)

    with pytest.raises(ForbiddenError, match="somebody else"):
        book(lender, sale_id, "Ann")
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        approve_sale(work, sale_id, staff=staff(lender, "Cid", "agent"), now=START)
    with pytest.raises(ConflictError, match="waits or is booked"):
        sell(lender, thing, 22_000)
    assert row_of(thing).state == "in_custody"
    with unit_of_work() as work:
        decline_sale(work, sale_id, staff=staff(lender, "Bob"), now=START, reason="too little")
    assert sell(lender, thing, 30_000)


def test_another_currency_is_refused_by_name_and_so_is_a_thing_that_is_not_in_custody(lender: str) -> None:
    (first, _), thing = a_held_thing(lender)

    wished = SaleWished(TODAY, Money(1, "EUR"))
    with pytest.raises(CurrencyMismatchError, match="USD, not in EUR"), unit_of_work() as work:
        request_sale(work, row_of(thing).id, wished, staff=staff(lender), now=START)
    with pytest.raises(ValidationError):
        sell(lender, thing, -1)
    other = a_pledge(first, now=START)
    with pytest.raises(ConflictError, match="cannot be sold from there"):
        sell(lender, other, 100)


def test_a_sale_of_ours_that_the_law_forbids_is_refused_and_one_told_of_is_booked(app: Flask) -> None:
    uk = build_lender(now=START, code="uk", jurisdiction="GB", zone="UTC")
    (_, _), thing = a_held_thing(uk)

    with pytest.raises(LawRefusedError):
        sell(uk, thing, 22_000)
    sale = book(uk, sell(uk, thing, 22_000, sold_by="other"))

    assert sale.state == "booked"
    assert session().scalar(select(func.count()).select_from(TaskRow).where(TaskRow.rule.like("UK-%")))


@pytest.mark.both
def test_a_sale_that_the_core_tells_of_has_happened_and_waits_to_be_divided(lender: str) -> None:
    (first, _), thing = a_held_thing(lender)
    for _ in range(2):
        with unit_of_work() as work:
            wished = SaleWished(TODAY, Money(22_000, "USD"), sold_by="other")
            sale_id, _ = tell_sale(work, row_of(thing), wished, reference="S1", by="core", origin="import:x", now=START)

    assert row_of(thing).state == "sold"
    assert in_ledger(first) == 0
    book(lender, sale_id)
    assert in_ledger(first) == 20_500
    assert session().scalar(select(func.count()).select_from(CollateralSaleRow)) == 1


@pytest.mark.both
def test_a_sale_booked_by_mistake_is_taken_back_whole(lender: str) -> None:
    (first, second), thing = a_held_thing(lender)
    before = (owed(first), owed(second))
    sale = book(lender, sell(lender, thing, 50_000, sale_costs_minor=1_000))
    take_back(lender, sale.id)

    assert (owed(first), owed(second)) == before
    session().expire_all()
    assert session().get_one(RefundRow, sale.refund_id).state == "cancelled"
    assert (row_of(thing).state, row_of(thing).in_custody_on) == ("in_custody", TODAY - timedelta(days=2))
    kinds = session().scalars(select(CollateralEventRow.kind)).all()
    assert kinds.count("reversal") == 3
    book(lender, sell(lender, thing, 22_000))
    assert owed(first) + owed(second) == 20_200


def test_where_a_limit_keeps_every_loan_open_a_person_is_asked_to_pay_the_surplus_out(lender: str) -> None:
    (first,), thing = a_held_thing(lender, loans=1)
    a_pledge(first, now=START, reference=thing, limit_minor=10_000)
    sale = book(lender, sell(lender, thing, 20_000))

    assert (sale.surplus_minor, sale.shortfall_minor, sale.refund_id) == (8_500, 10_700, None)
    task = session().scalars(select(TaskRow).where(TaskRow.kind == "collateral_surplus")).one()
    assert task.facts["amount_minor"] == 8_500


def test_any_sale_is_conserved_to_the_cent_in_the_ledger(lender: str) -> None:
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.integers(0, 90_000), st.integers(0, 9_000), st.integers(1, 3),
        st.lists(st.builds(OutsideClaim, st.integers(1, 4), st.integers(0, 20_000)), max_size=2),
    )  # fmt: skip
    def holds(proceeds: int, costs: int, loans: int, claims: list[OutsideClaim]) -> None:
        found, thing = a_held_thing(lender, loans)
        sale = book(lender, sell(lender, thing, proceeds, sale_costs_minor=costs, claims=tuple(claims)))
        booked = sum(in_ledger(loan) for loan in found)
        told = sale.division
        assert told["costs_minor"] + sum(told["claims_minor"]) + booked == proceeds
        assert sum(owed(loan) for loan in found) == sale.shortfall_minor
        if sale.surplus_minor:
            assert session().get_one(RefundRow, sale.refund_id).amount_minor == sale.surplus_minor

    holds()


def test_the_preview_is_what_is_booked(lender: str) -> None:
    (_, _), thing = a_held_thing(lender)
    wished = SaleWished(TODAY, Money(31_234, "USD"))
    preview = preview_sale(session(), row_of(thing), wished, now=START)
    sale = book(lender, sell(lender, thing, 31_234))

    paid = [Split(**each["paid"]) for each in sale.division["loans"]]
    assert paid == [share.paid for share in preview.division.loans]
    assert session().get_one(LoanRow, sale.division["loans"][0]["loan_id"])


def tell_of(lender: str, thing: str) -> str:
    wished = SaleWished(TODAY, Money(22_000, "USD"), "other", "other")
    with unit_of_work() as work:
        return tell_sale(work, row_of(thing), wished, reference="S1", by="core", origin="import:x", now=START)[0]


def state_of(sale_id: str) -> str:
    session().expire_all()
    return session().get_one(CollateralSaleRow, sale_id).state


def test_a_sale_that_its_teller_takes_back_is_not_booked_any_more(lender: str) -> None:
    (first,), thing = a_held_thing(lender, loans=1)
    sale_id = tell_of(lender, thing)
    tell(first, thing, "reversal", TODAY, now=START, reverses="S1")

    assert (row_of(thing).state, state_of(sale_id)) == ("in_custody", "declined")
    with pytest.raises(ConflictError):
        book(lender, sale_id)
    assert in_ledger(first) == 0


def test_a_sale_whose_money_is_booked_is_not_taken_back_by_its_event_alone(lender: str) -> None:
    (first,), thing = a_held_thing(lender, loans=1)
    sale_id = tell_of(lender, thing)
    book(lender, sale_id)

    with pytest.raises(ConflictError, match="reversed first"):
        tell(first, thing, "reversal", TODAY, now=START, reverses="S1")
    take_back(lender, sale_id)
    tell(first, thing, "reversal", TODAY, now=START, reverses="S1")

    assert (row_of(thing).state, state_of(sale_id)) == ("in_custody", "reversed")


def test_a_sale_that_was_declined_does_not_come_back_when_the_same_is_told_again(lender: str) -> None:
    _, thing = a_held_thing(lender, loans=1)
    sale_id = tell_of(lender, thing)
    with unit_of_work() as work:
        decline_sale(work, sale_id, staff=staff(lender, "Bob"), now=START, reason="not ours")

    assert tell_of(lender, thing) == sale_id
    assert state_of(sale_id) == "declined"


def value(lender: str, thing: str, days_ago: int) -> None:
    on = TODAY - timedelta(days=days_ago)
    with unit_of_work() as work:
        told = AppraisalValues(thing, f"A{days_ago}", 30_000, "USD", on, "appraiser")
        assert not isinstance(put_appraisals(work, lender, [told], by="x", now=START)[0], DomainError)


def test_we_sell_nothing_on_an_appraisal_that_is_too_old_and_what_others_sold_is_booked(lender: str) -> None:
    _, thing = a_held_thing(lender)
    value(lender, thing, 181)

    with pytest.raises(ConflictError, match="valued again"):
        preview_sale(session(), row_of(thing), SaleWished(TODAY, Money(22_000, "USD")), now=START)
    with pytest.raises(ConflictError, match="valued again"):
        sell(lender, thing, 22_000)
    assert preview_sale(session(), row_of(thing), SaleWished(TODAY, Money(1, "USD"), sold_by="other"), now=START)
    value(lender, thing, 180)
    assert sell(lender, thing, 22_000)
