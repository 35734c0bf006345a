"""A late borrower takes another plan, and keeps it or does not; all through the API, on one clock."""

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import reading
from app.services.invariants import check_invariants
from app.services.policies import ensure_default_policy
from tests.builders.journey import Journey
from tests.conftest import START

DUE = [date(2026, 2, 10), date(2026, 3, 10), date(2026, 4, 10), date(2026, 5, 10), date(2026, 6, 10)]


def a_late_borrower(app: Flask, **lender: Any) -> tuple[Journey, str]:
    """10,000 a month, the first of them 20 days late."""
    ensure_default_policy(now=START)
    journey = Journey(app, **lender)
    journey.put_borrower()
    loan_id = journey.put_loan("L1", DUE)
    journey.work()
    return journey, loan_id


def take(journey: Journey, loan_id: str, kind: str = "catch_up", terms: dict[str, Any] | None = None) -> Any:
    """Ask for a plan and accept what is offered; return the arrangement."""
    asked = journey.me("POST", f"/loans/{loan_id}/plan-requests", {"kind": kind, "terms": terms or {"rows": 2}})
    assert asked["state"] == "offered"
    accepting = {"document_sha256": asked["document_sha256"]}
    return journey.me("POST", f"/plan-requests/{asked['id']}/accept", accepting)


def amounts(journey: Journey, loan_id: str) -> list[tuple[str, int]]:
    rows = journey.me("GET", f"/loans/{loan_id}/schedule")["items"]
    return [(row["due_on"], row["open"]["total"]["amount_minor"]) for row in rows]


def told() -> list[str]:
    """Templates of all notices about plans, oldest first."""
    rows = db.session().query(MessageRow).filter(MessageRow.channel == "in_app").order_by(MessageRow.id)
    return [row.template for row in rows if row.template.startswith(("plan_request", "arrangement"))]


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_a_late_borrower_takes_a_plan_and_keeps_it(app: Flask) -> None:
    journey, loan_id = a_late_borrower(app)
    option = next(
        each for each in journey.me("GET", f"/loans/{loan_id}/plan-options")["offered"] if each["kind"] == "catch_up"
    )
    assert option["terms"] == {"rows": 2}

    arrangement = take(journey, loan_id)

    assert (arrangement["state"], arrangement["fall_back"]) == ("active", "returns")
    assert arrangement["rows_to_keep"] == [{"row_no": 2, "due_on": "2026-03-10"}, {"row_no": 3, "due_on": "2026-04-10"}]
    shown = [(row["due_on"], row["open"]["total"]["amount_minor"]) for row in option["rows"]]
    now = [(due_on, minor) for due_on, minor in amounts(journey, loan_id) if minor]
    assert now == shown == [("2026-03-10", 15_000), ("2026-04-10", 15_000), ("2026-05-10", 10_000), ("2026-06-10", 10_000)]
    balance = journey.me("GET", f"/loans/{loan_id}/balance")
    assert (balance["days_past_due"], balance["overdue"]["total"]["amount_minor"]) == (0, 0)

    journey.until(at(date(2026, 3, 9)))
    (reminder, *_) = [item for item in journey.inbox() if "due" in item["title"].lower()]
    assert "150.00" in reminder["body"]
    journey.pay("L1", 15_000)
    journey.until(at(date(2026, 4, 10)))
    journey.pay("L1", 15_000)
    journey.until(at(date(2026, 4, 16)))

    (kept,) = journey.me("GET", f"/loans/{loan_id}/arrangements")["items"]
    assert (kept["state"], kept["ended_reason"]) == ("kept", "all_paid")
    assert [name for name in journey.events() if name.startswith(("plan_request", "arrangement"))] == [
        "plan_request.requested.v1", "plan_request.offered.v1", "plan_request.accepted.v1", "arrangement.accepted.v1",
        "arrangement.kept.v1",
    ]  # fmt: skip
    assert told() == ["plan_request_offered", "arrangement_agreed", "arrangement_kept"]
    assert not any(check_invariants(db.session(), until=journey.now).values())


def test_a_plan_that_is_broken_falls_back_and_what_was_paid_counts(app: Flask) -> None:
    journey, loan_id = a_late_borrower(app)
    take(journey, loan_id)
    journey.until(at(date(2026, 3, 10)))
    journey.pay("L1", 15_000)

    journey.until(datetime(2026, 4, 15, 23, 59, tzinfo=UTC))
    (still,) = journey.me("GET", f"/loans/{loan_id}/arrangements")["items"]
    assert still["state"] == "active"
    journey.until(datetime(2026, 4, 16, 0, 0, tzinfo=UTC))

    (broken,) = journey.me("GET", f"/loans/{loan_id}/arrangements")["items"]
    assert (broken["state"], broken["ended_reason"]) == ("broken", "row_unpaid")
    assert amounts(journey, loan_id) == [
        ("2026-02-10", 0), ("2026-03-10", 5_000), ("2026-04-10", 10_000), ("2026-05-10", 10_000), ("2026-06-10", 10_000),
    ]  # fmt: skip
    balance = journey.me("GET", f"/loans/{loan_id}/balance")
    assert (balance["overdue"]["total"]["amount_minor"], balance["outstanding"]["amount_minor"]) == (15_000, 35_000)
    assert balance["days_past_due"] == (date(2026, 4, 16) - date(2026, 3, 10)).days
    assert journey.events()[-1] == "arrangement.broken.v1"
    assert told() == ["plan_request_offered", "arrangement_agreed", "arrangement_broken"]
    assert not any(check_invariants(db.session(), until=journey.now).values())

    refused = journey.me("GET", f"/loans/{loan_id}/plan-options")["not_offered"]
    assert next(each["code"] for each in refused if each["kind"] == "catch_up") == "cooling_off"


def test_two_people_agree_to_a_large_plan_before_it_is_offered(app: Flask) -> None:
    journey = Journey(app)
    ensure_default_policy(now=START)
    journey.put_borrower()
    loan_id = journey.put_loan("L1", [date(2026, 2, 10), *(date(2026, month, 10) for month in range(3, 12))],
                               amount_minor=4_000_000)  # fmt: skip
    asked = journey.me("POST", f"/loans/{loan_id}/plan-requests",
                       {"kind": "catch_up", "terms": {"rows": 6}, "why": "Hours cut, card 4111 1111 1111 1111"})  # fmt: skip
    path = f"/plan-requests/{asked['id']}"
    assert (asked["state"], asked["approvals_needed"]) == ("requested", 2)
    (task,) = journey.desk("GET", "/tasks?queue=plans")["items"]
    assert task["facts"]["request_id"] == asked["id"]
    assert journey.desk("GET", "/plan-requests?state=requested")["items"][0]["why"] == "Hours cut, card [card number]"

    assert journey.desk("POST", f"{path}/approve", {}, staff="Eve", role="agent", good=False)["status"] == 403
    assert journey.desk("POST", f"{path}/approve", {})["state"] == "requested"
    assert journey.desk("POST", f"{path}/approve", {}, good=False)["status"] == 409
    offered = journey.desk("POST", f"{path}/approve", {}, staff="Li Na", role="compliance")

    assert (offered["state"], [each["staff"] for each in offered["approvals"]]) == (
        "offered", ["staff:Wang Fang", "staff:Li Na"])  # fmt: skip
    assert journey.desk("GET", "/tasks?queue=plans")["items"] == []
    agreed = journey.me("POST", f"{path}/accept", {"document_sha256": offered["document_sha256"]})
    assert agreed["state"] == "active"
    assert told() == ["plan_request_received", "plan_request_offered", "arrangement_agreed"]


def test_a_hold_stands_while_an_offer_waits_and_one_that_nobody_takes_lapses(app: Flask) -> None:
    journey, loan_id = a_late_borrower(app)
    journey.me("POST", f"/loans/{loan_id}/plan-requests", {"kind": "catch_up", "terms": {"rows": 2}})
    (hold,) = journey.desk("GET", "/borrowers/B1/holds")["items"]
    assert (hold["kind"], hold["loan_no"], hold["stands"]) == ("plan_pending", "L1", True)

    journey.until(at(date(2026, 3, 11)))

    (lapsed,) = journey.me("GET", "/plan-requests")["items"]
    assert (lapsed["state"], lapsed["ended_reason"]) == ("expired", "not_accepted")
    (hold,) = journey.desk("GET", "/borrowers/B1/holds")["items"]
    assert hold["released_at"] is not None
    assert told() == ["plan_request_offered", "plan_request_expired"]


def test_money_that_came_meanwhile_makes_an_offer_lapse(app: Flask) -> None:
    journey, loan_id = a_late_borrower(app)
    asked = journey.me("POST", f"/loans/{loan_id}/plan-requests", {"kind": "catch_up", "terms": {"rows": 2}})
    accepting = {"document_sha256": asked["document_sha256"]}
    journey.pay("L1", 4_000)

    refused = journey.me("POST", f"/plan-requests/{asked['id']}/accept", accepting, good=False)

    assert (refused["code"], "look at the options again" in refused["detail"]) == ("conflict", True)
    lapsed = journey.me("GET", f"/plan-requests/{asked['id']}")
    assert (lapsed["state"], lapsed["ended_reason"]) == ("expired", "loan_changed")
    assert take(journey, loan_id)["rows_to_keep"][0] == {"row_no": 2, "due_on": "2026-03-10"}
    assert amounts(journey, loan_id)[1] == ("2026-03-10", 13_000)


def test_the_core_may_repeat_its_plan_and_ends_an_arrangement_by_another(app: Flask) -> None:
    journey, loan_id = a_late_borrower(app)
    take(journey, loan_id)
    agreed = amounts(journey, loan_id)

    journey.put_loan("L1", DUE)
    assert (amounts(journey, loan_id), journey.me("GET", f"/loans/{loan_id}/arrangements")["items"][0]["state"]) == (
        agreed, "active")  # fmt: skip
    journey.put_loan("L1", [date(2026, 3, 20), *DUE[1:]])

    (ended,) = journey.me("GET", f"/loans/{loan_id}/arrangements")["items"]
    assert (ended["state"], ended["ended_reason"]) == ("cancelled", "plan_replaced")
    assert told()[-1] == "arrangement_cancelled"
    assert not any(check_invariants(db.session(), until=journey.now).values())


def test_staff_ask_on_a_borrowers_behalf_and_may_cancel_what_was_agreed(app: Flask) -> None:
    journey, loan_id = a_late_borrower(app)
    asked = journey.desk("POST", "/loans/L1/plan-requests", {"kind": "catch_up", "terms": {"rows": 2}}, staff="Eve",
                         role="agent")  # fmt: skip
    assert (asked["state"], asked["asked_by"]) == ("offered", "staff:Eve")
    agreed = journey.me("POST", f"/plan-requests/{asked['id']}/accept", {"document_sha256": asked["document_sha256"]})

    path, why = f"/arrangements/{agreed['id']}/cancel", {"reason": "Refinanced."}
    assert journey.desk("POST", path, why, staff="Eve", role="agent", good=False)["status"] == 403
    cancelled = journey.desk("POST", path, why)

    assert (cancelled["state"], cancelled["ended_reason"]) == ("cancelled", "by_lender")
    assert journey.desk("POST", path, why)["state"] == "cancelled"
    assert amounts(journey, loan_id)[1] == ("2026-03-10", 15_000)


def test_what_the_inbox_said_of_a_day_that_the_new_plan_moves_is_settled_with_the_acceptance(app: Flask) -> None:
    ensure_default_policy(now=START)
    journey = Journey(app)
    journey.put_borrower()
    loan_id = journey.put_loan("L1", [date(2026, month, 5) for month in (3, 4, 5)])
    journey.until(datetime(2026, 3, 4, 12, tzinfo=UTC))
    before = {item["title"] for item in journey.inbox() if not item["settled"]}

    asked = journey.me("POST", f"/loans/{loan_id}/plan-requests", {"kind": "change_due_day", "terms": {"day": 20}})
    journey.until(datetime(2026, 3, 4, 12, 5, tzinfo=UTC))
    journey.me("POST", f"/plan-requests/{asked['id']}/accept", {"document_sha256": asked["document_sha256"]})

    assert before
    assert all(row["due_on"].endswith("-20") for row in journey.me("GET", f"/loans/{loan_id}/schedule")["items"])
    assert {item["title"] for item in journey.inbox() if not item["settled"]}.isdisjoint(before)


def test_no_event_holds_the_borrowers_session_or_what_staff_wrote(app: Flask) -> None:
    journey, loan_id = a_late_borrower(app)
    agreed = take(journey, loan_id)
    words = {"reason": "Her husband rang, pay by 4111 1111 1111 1111"}
    journey.desk("POST", f"/arrangements/{agreed['id']}/cancel", words)

    with reading() as session:
        of_arrangements = select(WebhookEventRow).where(WebhookEventRow.type.like("arrangement.%"))
        events = list(session.scalars(of_arrangements.order_by(WebhookEventRow.id)))
        trail = [row.facts for row in session.scalars(select(AuditRow).where(AuditRow.action.like("arrangement.%")))]
    assert [event.type for event in events] == ["arrangement.accepted.v1", "arrangement.cancelled.v1"]
    assert not [event.data for event in events if {"session_id", "said"} & event.data.keys()]
    assert "husband" not in str([event.data for event in events])
    assert [facts["said"] for facts in trail if "said" in facts] == ["Her husband rang, pay by [card number]"]
