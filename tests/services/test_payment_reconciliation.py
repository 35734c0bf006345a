"""A day's money at a provider is the money in the ledger, or the payment that is not is named."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import update

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.payment_intents import PaymentEvent, Told
from app.domain.payment_reconciliation import Reconciliation
from app.engine.refunds import send_refunds
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.queries.invariants import count_invariants
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.payment_events import take_event
from app.services.payment_reconciliation import reconcile_day, reconcile_report
from app.services.payments import record_payment
from tests.builders.access import a_desk_key
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.refunds import FakeRefunds, an_intent, ask
from tests.conftest import START
from tests.fakes.payments import FakePayments

DAY = START.date()


@pytest.fixture
def loan(sqlite_book: Flask) -> Built:
    return build_loan(now=START, due=[date(2026, 3, 1)])


def paid(loan: Built, amount_minor: int) -> str:
    """Have the provider say that a payment has come; return the intent's id."""
    intent_id = an_intent(loan, amount_minor, state="pending")
    event = PaymentEvent(f"e-{intent_id}", "paid", Told.SUCCEEDED, intent_id, amount_minor=amount_minor, currency="USD")
    assert take_event(FakePayments(), event, b"", now=START, machine_now=START) == "applied"
    return intent_id


def day(on: date = DAY, lender_id: str | None = None) -> Reconciliation:
    with reading() as session:
        return reconcile_day(session, on, lender_id=lender_id)


def faults(found: Reconciliation) -> list[tuple[str, int | None, int | None]]:
    return [(each.fault.value, each.theirs_minor, each.ours_minor) for each in found.differences]


def broken() -> dict[str, int]:
    with reading() as session:
        counts = count_invariants(session, until=START, contacts_per_day=1)
    return {name: count for name, count in counts.items() if count}


def test_what_came_and_went_back_is_equal_to_the_cent(loan: Built) -> None:
    paid(loan, 4_000)
    paid(loan, 6_500)
    ask(loan)
    send_refunds({"fake": FakeRefunds()}, now=START)  # type: ignore[dict-item]

    found = day()

    assert found.is_equal, found.differences
    (total,) = found.totals
    assert (total.provider, total.theirs_minor, total.ours_minor, total.theirs_count) == ("fake", 10_000, 10_000, 3)
    assert (day(DAY + timedelta(days=1)).totals, broken()) == ([], {})


def test_money_that_is_not_in_the_ledger_is_named(loan: Built) -> None:
    intent_id = an_intent(loan, 4_000)
    with unit_of_work() as work:
        work.session.execute(update(PaymentIntentRow).where(PaymentIntentRow.id == intent_id).values(paid_at=START))

    assert faults(day()) == [("missing_in_ledger", 4_000, None)]
    assert broken() == {"payments_not_booked_once_of_their_amount": 1}


def test_money_in_the_ledger_that_the_provider_never_had_is_named(loan: Built) -> None:
    values = PaymentValues("pi:fake:gone", loan.loan_no, 4_000, "USD", DAY)
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=START, origin="provider:fake")

    assert faults(day()) == [("missing_at_provider", None, 4_000)]


def test_another_amount_in_the_ledger_is_named(loan: Built) -> None:
    paid(loan, 4_000)
    with unit_of_work() as work:
        work.session.execute(update(LedgerEntryRow).values(amount_minor=3_999))

    assert faults(day()) == [("other_amount", 4_000, 3_999)]
    assert broken()["payments_not_booked_once_of_their_amount"] == 1


def test_a_payment_that_was_reversed_does_not_stand(loan: Built) -> None:
    intent_id = paid(loan, 4_000)
    reversal = PaymentValues(
        "R1", loan.loan_no, 4_000, "USD", DAY, EntryKind.REVERSAL, reverses_reference=f"pi:fake:{intent_id}"
    )
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, reversal, now=START, origin="ingest")

    assert faults(day()) == [("missing_in_ledger", 4_000, None)]


def test_a_lender_sees_its_own_money_alone(loan: Built) -> None:
    paid(loan, 4_000)
    other = build_lender(now=START, code="other")

    assert (day(lender_id=loan.lender_id).totals[0].theirs_minor, day(lender_id=other).totals) == (4_000, [])


def report(*rows: str) -> str:
    return "\n".join(["reference,kind,amount,currency,paid_on", *rows, ""])


def test_a_payout_report_is_held_against_what_the_provider_told(loan: Built) -> None:
    first, second = paid(loan, 4_000), paid(loan, 6_000)
    on = DAY.isoformat()
    right = report(f"pi_{first[-8:]},payment,40.00,USD,{on}", f"cs_{second[-8:]},payment,60.00,USD,{on}")
    wrong = report(f"pi_{first[-8:]},payment,40.01,USD,{on}", f"pi_nobody,payment,1.00,USD,{on}")

    with reading() as session:
        assert reconcile_report(session, right, "fake").is_equal
        assert faults(reconcile_report(session, wrong, "fake")) == [
            ("missing_in_report", None, 6_000), ("other_amount", 4_001, 4_000), ("missing_here", 100, None),
        ]  # fmt: skip
        assert reconcile_report(session, right.replace(on, "2026-03-03"), "fake").is_equal  # their clock is a day ahead


def test_the_command_says_equal_or_lists_and_exits_1(loan: Built, sqlite_book: Flask, tmp_path: Path) -> None:
    intent_id = paid(loan, 4_000)
    file = tmp_path / "payout.csv"
    file.write_text(report(f"pi_{intent_id[-8:]},payment,39.99,USD,{DAY}"))
    run = sqlite_book.test_cli_runner().invoke

    equal = run(args=["payments", "reconcile", "--on", DAY.isoformat(), "--lender", "acme"])
    differs = run(args=["payments", "reconcile", "--report", str(file), "--provider", "fake"])

    assert (equal.exit_code, equal.output.splitlines()) == (
        0, ["fake\tUSD\t4000\t4000\t1 there, 1 here", "2026-03-02: equal."],
    )  # fmt: skip
    assert (differs.exit_code, "other_amount" in differs.output) == (1, True)
    assert run(args=["payments", "reconcile", "--report", str(file)]).exit_code == 2


def test_staff_see_the_day(loan: Built, sqlite_book: Flask) -> None:
    paid(loan, 4_000)
    staff = a_desk_key(loan.lender_id, staff="Ann", role="agent")

    answer = sqlite_book.test_client().get(f"/v1/desk/payment-reconciliation?on={DAY}", headers=staff)

    assert (answer.status_code, answer.json["equal"], answer.json["differences"]) == (200, True, [])
    assert answer.json["totals"][0]["in_ledger"] == {"amount_minor": 4_000, "currency": "USD"}
