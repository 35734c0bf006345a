"""Overpaid money goes back once: asked for or taken up, approved by whom it takes, never more than is there."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentResult, PaymentValues
from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.engine.follow_ups import follow_up_due
from app.persistence.db import session
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.refunds import RefundRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.positions import find_snapshot
from app.persistence.unit_of_work import unit_of_work
from app.services.payments import record_payment, record_payments
from app.services.refund_rules import read_rules, refund_rules
from app.services.refunds import Staff, cancel_refund, request_by_staff, request_refund
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.parallel import meet
from tests.builders.refunds import ANN, BOB, an_intent, an_overpaid_loan, approve, ask
from tests.conftest import START


def refund(refund_id: str) -> RefundRow:
    session().rollback()
    row = session().get(RefundRow, refund_id)
    assert row is not None
    return row


def unapplied(loan: Built) -> int:
    session().rollback()
    found = find_snapshot(session(), loan.borrower_id, loan.loan_id)
    return found[0].unapplied_minor if found else 0


def events() -> list[str]:
    session().rollback()
    of_refunds = select(WebhookEventRow.type).where(WebhookEventRow.type.startswith("refund"))
    return list(session().scalars(of_refunds.order_by(WebhookEventRow.id)))


def tasks() -> list[tuple[str, str]]:
    session().rollback()
    return [tuple(row) for row in session().execute(select(TaskRow.kind, TaskRow.state).order_by(TaskRow.id))]


def confirm(loan: Built, refund_id: str, amount_minor: int, *, reference: str | None = None) -> PaymentResult:
    """Have the core book the refund."""
    values = PaymentValues(
        reference or f"refund-{refund_id}", loan.loan_no, amount_minor, "USD", START.date(), EntryKind.REFUND
    )
    with unit_of_work() as work:
        return record_payment(work, loan.lender_id, values, now=START, origin="ingest")


def test_a_small_sum_is_approved_by_rule_and_the_core_is_told(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(700)

    row = refund(ask(loan))

    assert (row.state, row.amount_minor, row.method, row.approved_by) == ("approved", 700, "core", "rule")
    assert (events(), tasks()) == (["refund.approved.v1"], [])


def test_the_core_ends_it_by_booking_it_under_its_reference_once(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(700)
    refund_id = ask(loan)

    results = [confirm(loan, refund_id, 700).status for _ in range(2)]

    row = refund(refund_id)
    assert (results, row.state, row.closed_at) == (["recorded", "duplicate"], "done", START)
    assert session().scalars(select(LedgerEntryRow.id).where(LedgerEntryRow.kind == "refund")).one() == row.entry_id
    assert unapplied(loan) == 0
    assert events() == ["refund.approved.v1", "refund.done.v1"]
    with pytest.raises(ConflictError):
        ask(loan)


@pytest.mark.parametrize("wrong", ["amount", "loan", "cancelled"])
def test_an_entry_under_its_reference_that_is_not_it_is_refused(sqlite_book: Flask, wrong: str) -> None:
    loan = an_overpaid_loan(7_000)
    refund_id = ask(loan)
    other = build_loan(now=START, due=[date(2026, 3, 1)], lender_id=loan.lender_id)
    pay(other, 20_000, now=START)
    if wrong == "cancelled":
        with unit_of_work() as work:
            cancel_refund(work, loan.lender_id, refund_id, staff=ANN, now=START, reason="wrong")

    refused = ConflictError if wrong == "cancelled" else ValidationError
    with pytest.raises(refused):
        confirm(other if wrong == "loan" else loan, refund_id, 6_999 if wrong == "amount" else 7_000)

    assert unapplied(loan) == 7_000


def test_more_waits_for_a_person_who_need_not_be_another_below_the_threshold(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(60_000)
    with unit_of_work() as work:
        staff = Staff("staff:Eve", "agent")
        refund_id = request_by_staff(work, loan.lender_id, loan.loan_no, None, staff=staff, now=START, reason="asked").id
    assert (refund(refund_id).state, tasks()) == ("requested", [("refund", "open")])

    approve(loan, refund_id, staff=staff)

    assert (refund(refund_id).state, tasks()) == ("approved", [("refund", "done")])
    assert events() == ["refund.requested.v1", "refund.approved.v1"]


def test_a_large_sum_takes_four_eyes(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(150_000)
    refund_id = ask(loan, by="staff:Ann")

    with pytest.raises(ForbiddenError, match="somebody else"):
        approve(loan, refund_id, staff=ANN)
    with pytest.raises(ForbiddenError, match="supervisor"):
        approve(loan, refund_id, staff=Staff("staff:Eve", "agent"))
    approve(loan, refund_id, staff=BOB)
    approve(loan, refund_id, staff=BOB)

    assert (refund(refund_id).approved_by, events()) == ("staff:Bob", ["refund.requested.v1", "refund.approved.v1"])


def test_never_more_than_is_there(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(700)

    with pytest.raises(ValidationError):
        ask(loan, 701)
    ask(loan, 300)
    with pytest.raises(ValidationError):
        ask(loan, 401)
    assert refund(ask(loan)).amount_minor == 400
    with pytest.raises(ConflictError):
        ask(loan, 1)
    with pytest.raises(ValidationError), unit_of_work() as work:
        request_refund(work, loan.borrower_id, loan.loan_id, Money(1, "EUR"), by="borrower", now=START)


def test_what_is_paid_ahead_is_no_overpayment(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=[date(2026, 3, 1), date(2026, 9, 1)])
    pay(loan, 15_000, now=START)

    with pytest.raises(ConflictError):
        ask(loan)


def test_money_that_bounced_meanwhile_is_not_approved(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(0)
    extra = pay(loan, 60_000, now=START, reference="EXTRA")
    refund_id = ask(loan)
    reversal = PaymentValues(
        "R1", loan.loan_no, 60_000, "USD", START.date(), EntryKind.REVERSAL, reverses_reference="EXTRA"
    )  # fmt: skip
    assert extra.status == "recorded"
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, reversal, now=START, origin="test")

    with pytest.raises(ConflictError, match="Nothing"):
        approve(loan, refund_id)


def test_a_cancelled_one_frees_the_money_and_closes_its_task(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(60_000)
    refund_id = ask(loan)

    for _ in range(2):
        with unit_of_work() as work:
            cancel_refund(work, loan.lender_id, refund_id, staff=ANN, now=START, reason="pays another loan")

    assert (refund(refund_id).state, tasks()) == ("cancelled", [("refund", "cancelled")])
    assert refund(ask(loan)).amount_minor == 60_000
    with pytest.raises(ConflictError):
        approve(loan, refund_id)


def test_no_card_number_is_kept_or_told_with_a_reason(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(60_000)
    refund_id = ask(loan)

    with unit_of_work() as work:
        cancel_refund(work, loan.lender_id, refund_id, staff=ANN, now=START, reason="to 4111 1111 1111 1111")

    assert refund(refund_id).reason == "to [card number]"


def test_an_overpayment_that_stands_a_day_is_taken_up_once(sqlite_book: Flask) -> None:
    small, large = an_overpaid_loan(700), build_loan(now=START, due=[date(2026, 3, 1)], borrower_no="large")
    pay(large, 70_000, now=START)

    looks = [follow_up_due(now=START + timedelta(days=days)) for days in (0.9, 1, 2)]

    assert looks == [0, 2, 0]
    rows = session().execute(select(RefundRow.loan_id, RefundRow.state, RefundRow.requested_by)).all()
    assert {tuple(row) for row in rows} == {
        (small.loan_id, "approved", "system"), (large.loan_id, "requested", "system"),
    }  # fmt: skip
    assert tasks() == [("refund", "open")]


def test_less_than_the_least_and_what_was_asked_for_are_not_taken_up(sqlite_book: Flask) -> None:
    an_overpaid_loan(99)
    asked = build_loan(now=START, due=[date(2026, 3, 1)], borrower_no="asked")
    pay(asked, 10_700, now=START)
    ask(asked)

    follow_up_due(now=START + timedelta(days=1))

    assert len(session().scalars(select(RefundRow.id)).all()) == 1


def test_the_overpayment_of_a_book_that_is_brought_in_is_history(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=[date(2026, 1, 1)])
    values = PaymentValues("P-OLD", loan.loan_no, 10_700, "USD", date(2026, 1, 2))
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=START, origin="import:tape")

    follow_up_due(now=START + timedelta(days=1))

    assert session().scalars(select(RefundRow.id)).all() == []


def test_money_that_came_through_a_provider_goes_back_through_it(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(700, by_intent=True)

    row = refund(ask(loan, 500))
    rest = refund(ask(loan, 200))

    assert (row.method, row.next_look_at, rest.method) == ("provider", START, "provider")
    assert row.intent_id == rest.intent_id is not None


def test_no_payment_gives_back_more_than_it_brought(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(0)
    an_intent(loan, 400)
    pay(loan, 700, now=START)

    assert [refund(ask(loan, minor)).method for minor in (300, 101, 100)] == ["provider", "core", "provider"]


def test_a_payment_that_was_taken_back_gives_nothing_back_again(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=[date(2026, 3, 1)])
    intent_id = an_intent(loan, 10_000)
    with unit_of_work() as work:
        work.session.get_one(PaymentIntentRow, intent_id).entry_reference = "pi:fake:1"
    pay(loan, 10_000, now=START, reference="pi:fake:1", origin="provider:fake")
    undo = PaymentValues(
        "back", loan.loan_no, 10_000, "USD", START.date(), EntryKind.REVERSAL, reverses_reference="pi:fake:1"
    )
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, undo, now=START, origin="ingest")
    pay(loan, 10_700, now=START)

    row = refund(ask(loan))

    assert (row.amount_minor, row.method, row.intent_id) == (700, "core", None)


def test_what_is_another_lenders_or_borrowers_is_not_found(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(60_000)
    refund_id = ask(loan)
    other = build_lender(now=START, code="other")

    with pytest.raises(NotFoundError), unit_of_work() as work:
        cancel_refund(work, other, refund_id, staff=ANN, now=START, reason="x")
    with pytest.raises(NotFoundError), unit_of_work() as work:
        request_refund(work, "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", loan.loan_id, None, by="borrower", now=START)


def test_the_rules_say_what_a_lender_does_and_refuse_what_they_do_not_know() -> None:
    rules = refund_rules("acme")

    assert (rules.automatic_up_to_minor["USD"], rules.four_eyes_above_minor["USD"]) == (5_000, 100_000)
    for wrong in ({"automatic": {}}, {"least": {"USD": -1}}, {"least": {"USD": "1"}}, {"least": {"DOLLAR": 1}}):
        with pytest.raises(ValidationError):
            read_rules(wrong)


def test_a_hundred_requests_at_once_lay_claim_once(app: Flask) -> None:
    loan = an_overpaid_loan(700)

    def one(_: int) -> str | None:
        try:
            return ask(loan)
        except ConflictError:
            return None

    results = meet(app, 20, one)

    assert sum(each is not None for each in results) == 1
    assert events() == ["refund.approved.v1"]


def test_confirmed_many_times_at_once_it_is_booked_once(app: Flask) -> None:
    loan = an_overpaid_loan(700)
    refund_id = ask(loan)

    results = meet(app, 10, lambda _: confirm(loan, refund_id, 700).status)

    assert sorted(results) == ["duplicate"] * 9 + ["recorded"]
    assert (unapplied(loan), events()) == (0, ["refund.approved.v1", "refund.done.v1"])


def test_one_that_nobody_approved_is_not_booked_and_holds_up_no_other(sqlite_book: Flask) -> None:
    loan = an_overpaid_loan(60_000)
    refund_id = ask(loan)
    other = build_loan(now=START, due=[date(2026, 3, 1)], lender_id=loan.lender_id)
    batch = [
        PaymentValues(f"refund-{refund_id}", loan.loan_no, 60_000, "USD", START.date(), EntryKind.REFUND),
        PaymentValues("P-other", other.loan_no, 100, "USD", START.date()),
    ]

    with unit_of_work() as work:
        lender = get_lender(work.session, loan.lender_id)
        refused, booked = record_payments(work, lender, batch, now=START, origin="ingest")

    assert isinstance(refused, ConflictError)
    assert isinstance(booked, PaymentResult)
    assert (booked.status, refund(refund_id).state, unapplied(loan)) == ("recorded", "requested", 60_000)
