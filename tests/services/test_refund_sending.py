"""A refund through a provider is paid once, whatever is lost on the way, and booked when the provider says so."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.engine.refunds import send_refunds
from app.persistence.db import session
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.unit_of_work import unit_of_work
from app.services.payments import record_payment
from app.services.refund_sending import look_again
from tests.builders.book import Built
from tests.builders.parallel import meet
from tests.builders.refunds import FakeRefunds, an_overpaid_loan, approve, ask
from tests.conftest import START
from tests.services.test_refunds import events, refund, tasks, unapplied

MINUTE = timedelta(minutes=1)


def send(provider: FakeRefunds, now: datetime = START) -> int:
    return send_refunds({"fake": provider}, now=now)  # type: ignore[dict-item]


def booked() -> list[tuple[str, int, str | None]]:
    session().rollback()
    statement = select(LedgerEntryRow.reference, LedgerEntryRow.amount_minor, LedgerEntryRow.bank_reference)
    return [tuple(row) for row in session().execute(statement.where(LedgerEntryRow.kind == "refund"))]


def a_refund(over_minor: int = 700) -> tuple[Built, str]:
    loan = an_overpaid_loan(over_minor, by_intent=True)
    return loan, ask(loan)


def test_what_is_done_at_once_is_booked_once(sqlite_book: Flask) -> None:
    loan, refund_id = a_refund()
    provider = FakeRefunds()

    assert [send(provider), send(provider, START + timedelta(days=9))] == [1, 0]

    row = refund(refund_id)
    assert (row.state, row.provider_reference, row.sent_at) == ("done", f"re_{refund_id[-8:]}", START)
    assert booked() == [(f"refund-{refund_id}", 700, row.provider_reference)]
    assert (unapplied(loan), provider.made) == (0, {refund_id: 700})
    assert events() == ["refund.approved.v1", "refund.done.v1"]


def test_what_takes_its_time_is_asked_about(sqlite_book: Flask) -> None:
    loan, refund_id = a_refund()
    provider = FakeRefunds(says="pending")
    send(provider)
    assert (refund(refund_id).state, send(provider, START + MINUTE / 2)) == ("sent", 0)
    send(provider, START + MINUTE)
    assert unapplied(loan) == 700

    provider.says, intent_id = "succeeded", refund(refund_id).intent_id or ""
    with unit_of_work() as work:
        assert look_again(work, intent_id, 700, now=START + 2 * MINUTE)
        assert not look_again(work, intent_id, 701, now=START + 2 * MINUTE)
    send(provider, START + 2 * MINUTE)

    assert (refund(refund_id).state, provider.calls) == ("done", ["refund", "look up", "look up"])


@pytest.mark.parametrize("does_first", [True, False])
def test_a_lost_answer_is_asked_about_and_never_paid_twice(sqlite_book: Flask, does_first: bool) -> None:
    loan, refund_id = a_refund()
    provider = FakeRefunds(down=1, does_first=does_first)

    send(provider)
    assert refund(refund_id).state == "sent"
    send(provider, START + MINUTE)

    assert (refund(refund_id).state, provider.made, len(booked())) == ("done", {refund_id: 700}, 1)
    assert provider.calls == ["refund", "look up", *([] if does_first else ["refund"])]
    assert unapplied(loan) == 0


def test_a_refusal_goes_to_a_person_who_finds_another_way(sqlite_book: Flask) -> None:
    loan, refund_id = a_refund()
    send(FakeRefunds(refuses="charge_already_refunded"))
    assert (refund(refund_id).state, refund(refund_id).reason) == ("failed", "charge_already_refunded")
    assert tasks() == [("refund", "open")]

    approve(loan, refund_id, method="bank")

    row = refund(refund_id)
    assert (row.state, row.method, row.next_look_at, tasks()) == ("approved", "bank", None, [("refund", "done")])
    assert events() == ["refund.approved.v1", "refund.failed.v1", "refund.approved.v1"]


def test_one_that_fails_later_is_failed(sqlite_book: Flask) -> None:
    _, refund_id = a_refund()
    provider = FakeRefunds(says="pending")
    send(provider)
    provider.says = "failed"

    send(provider, START + MINUTE)

    assert (refund(refund_id).state, refund(refund_id).reason, booked()) == ("failed", "declined", [])


def test_money_that_is_gone_before_it_is_sent_is_not_sent(sqlite_book: Flask) -> None:
    loan, refund_id = a_refund()
    own = PaymentValues("CORE-1", loan.loan_no, 700, "USD", START.date(), EntryKind.REFUND)
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, own, now=START, origin="ingest")
    provider = FakeRefunds()

    assert send(provider) == 0

    assert (refund(refund_id).state, refund(refund_id).reason, provider.made) == ("cancelled", "not_overpaid", {})
    assert events() == ["refund.approved.v1", "refund.cancelled.v1"]


def test_a_provider_that_is_not_set_up_leaves_it_waiting(sqlite_book: Flask) -> None:
    _, refund_id = a_refund()

    assert send_refunds({}, now=START) == 0

    assert (refund(refund_id).state, refund(refund_id).closed_at) == ("approved", None)


def test_engines_that_look_at_once_hand_it_over_once(app: Flask) -> None:
    loan, refund_id = a_refund()
    provider = FakeRefunds()

    calls = meet(app, 8, lambda _: send(provider))

    assert (sum(calls), provider.calls, refund(refund_id).state) == (1, ["refund"], "done")
    assert (len(booked()), unapplied(loan)) == (1, 0)
