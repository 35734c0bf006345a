"""A borrower pays more than is owed, sees it, and has it back: by asking, or without."""

from datetime import UTC, date, datetime, timedelta

from flask import Flask

from tests.builders.journey import Journey

DUE = date(2026, 3, 10)
PAID_AT = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)


def an_overpaid_journey(app: Flask, over_minor: int) -> tuple[Journey, str]:
    journey = Journey(app)
    journey.put_borrower()
    loan_id = journey.put_loan("L1", [DUE])
    journey.until(PAID_AT)
    journey.pay("L1", 10_000 + over_minor)
    return journey, loan_id


def confirm(journey: Journey, refund_id: str, amount_minor: int) -> None:
    journey.pay("L1", amount_minor, kind="refund", reference=f"refund-{refund_id}")


def of_refunds(journey: Journey) -> list[str]:
    return [each for each in journey.events() if each.startswith("refund")]


def test_overpaid_is_seen_asked_back_and_gone(app: Flask) -> None:
    journey, loan_id = an_overpaid_journey(app, 1_234)
    assert journey.me("GET", f"/loans/{loan_id}/balance")["unapplied"]["amount_minor"] == 1_234
    assert journey.me("GET", f"/loans/{loan_id}/refunds")["refundable"]["amount_minor"] == 1_234

    refund = journey.me("POST", f"/loans/{loan_id}/refunds", {})
    confirm(journey, refund["id"], 1_234)

    assert journey.me("GET", f"/loans/{loan_id}/balance")["unapplied"]["amount_minor"] == 0
    shown = journey.me("GET", f"/loans/{loan_id}/refunds")
    assert (shown["overpaid"]["amount_minor"], [each["state"] for each in shown["items"]]) == (0, ["done"])
    assert of_refunds(journey) == ["refund.approved.v1", "refund.done.v1"]
    journey.until(PAID_AT + timedelta(days=3))
    assert of_refunds(journey) == ["refund.approved.v1", "refund.done.v1"]


def test_nobody_asks_and_after_a_day_it_is_given_back_all_the_same(app: Flask) -> None:
    journey, loan_id = an_overpaid_journey(app, 1_234)
    journey.until(PAID_AT + timedelta(hours=23))
    before = journey.me("GET", f"/loans/{loan_id}/refunds")["items"]

    journey.until(PAID_AT + timedelta(days=1))

    (refund,) = journey.me("GET", f"/loans/{loan_id}/refunds")["items"]
    assert (before, refund["state"], refund["amount"]["amount_minor"]) == ([], "approved", 1_234)


def test_a_large_overpayment_waits_for_two_people(app: Flask) -> None:
    journey, loan_id = an_overpaid_journey(app, 150_000)
    journey.until(PAID_AT + timedelta(days=1))
    (task,) = journey.desk("GET", "/tasks?queue=refund")["items"]
    refund_id = task["facts"]["refund_id"]

    refused = journey.desk("POST", f"/refunds/{refund_id}/approve", {}, staff="Eve", role="agent", good=False)
    approved = journey.desk("POST", f"/refunds/{refund_id}/approve", {}, staff="Bob", role="supervisor")
    confirm(journey, refund_id, 150_000)

    assert (refused["code"], approved["state"]) == ("forbidden", "approved")
    assert journey.me("GET", f"/loans/{loan_id}/balance")["unapplied"]["amount_minor"] == 0
    assert journey.desk("GET", "/tasks?queue=refund")["items"] == []
    assert of_refunds(journey) == ["refund.requested.v1", "refund.approved.v1", "refund.done.v1"]
