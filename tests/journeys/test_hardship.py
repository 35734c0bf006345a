"""Money is short, or somebody wants to be left alone: from the first tap to the end, on one clock."""

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.policies import activate_document, ensure_default_policy
from tests.builders.journey import Journey
from tests.builders.policies import a_document
from tests.conftest import START

DUE = [date(2026, 3, 5), date(2026, 4, 5), date(2026, 5, 5)]


def at(month: int, day: int, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def begun(app: Flask, **lender: Any) -> tuple[Journey, str]:
    ensure_default_policy(now=START)
    journey = Journey(app, **lender)
    journey.put_borrower()
    return journey, journey.put_loan("L1", DUE)


def contacts(since: datetime) -> list[tuple[date, str, str]]:
    """(day, class, state) of every message about instalments that was made since, in the app."""
    with reading() as session:
        statement = select(MessageRow).where(
            MessageRow.channel == "in_app", MessageRow.message_class != "servicing", MessageRow.created_at > since
        )
        rows = session.scalars(statement.order_by(MessageRow.id))
        return [(row.created_at.date(), row.message_class, row.state) for row in rows]


def test_a_borrower_asks_for_help_and_gets_it(app: Flask) -> None:
    journey, _ = begun(app)
    journey.until(at(3, 7))

    asked = journey.me("POST", "/hardship-requests", {
        "change": "income_lost", "lasts": "3_to_12_months", "monthly": journey.money(2_000), "wants_advice": True,
        "words": "I lost my job."})  # fmt: skip

    assert (asked["state"], asked["review_due_on"], asked["answers"]["monthly"]) == (
        "open", "2026-03-21", journey.money(2_000)
    )  # fmt: skip
    assert asked["advice"]["rule"] == "UK-FORBEAR"
    assert [each["phone"] for each in asked["advice"]["services"]] == ["0800 138 1111"]
    task = journey.desk("GET", "/tasks?queue=hardship")["items"][0]
    assert (task["kind"], task["due_on"], task["facts"]["wants_advice"]) == ("review_hardship", "2026-03-21", True)
    second = journey.me("POST", "/hardship-requests", {"change": "other"}, good=False)
    assert (journey.answer.status_code, asked["id"] in second["detail"]) == (409, True)
    journey.until(at(3, 19, 15))
    assert contacts(since=at(3, 7)) == [], "the hold stands"
    assert not journey.desk("GET", "/tasks?queue=hardship")["items"][0]["facts"]["urgent"]
    journey.until(at(3, 20))
    assert journey.desk("GET", "/tasks?queue=hardship")["items"][0]["facts"]["urgent"]

    assert journey.desk("POST", f"/hardship-requests/{asked['id']}/take")["taken_by"] == "staff:Wang Fang"
    agreed = journey.desk("POST", f"/hardship-requests/{asked['id']}/decide", {
        "outcome": "agreed", "words": "Half for three months.", "arrangement": "PLAN-1"},
        staff="Ann", role="agent")  # fmt: skip
    assert (agreed["state"], agreed["arrangement"], agreed["late"]) == ("agreed", "PLAN-1", False)
    own = journey.me("GET", f"/hardship-requests/{asked['id']}")
    assert (own["outcome_words"], own["answers"]["words"]) == ("Half for three months.", "I lost my job.")
    assert [hold["stands"] for hold in journey.desk("GET", "/borrowers/B1/holds")["items"]] == [False]
    assert journey.desk("GET", "/tasks?queue=hardship")["items"] == []
    assert journey.events() == ["hardship.received.v1", "hardship.agreed.v1"]
    assert "lost my job" not in str(journey.desk("GET", "/tasks?queue=hardship&state=done"))


def test_a_request_that_nobody_decided_in_time_is_a_breach_and_may_be_declined_or_taken_back(app: Flask) -> None:
    journey, loan_id = begun(app)
    journey.until(at(3, 7))
    asked = journey.me("POST", "/hardship-requests", {"change": "costs_higher", "loan_id": loan_id})

    journey.until(at(3, 22, 1))

    assert journey.me("GET", f"/hardship-requests/{asked['id']}")["late"]
    assert journey.desk("GET", "/tasks?queue=hardship")["items"][0]["breach"]
    assert [each["id"] for each in journey.desk("GET", "/hardship-requests?overdue=true")["items"]] == [asked["id"]]
    declined = journey.desk("POST", f"/hardship-requests/{asked['id']}/decide", {
        "outcome": "declined", "words": "Tell us more, please."})  # fmt: skip
    assert (declined["state"], declined["late"]) == ("declined", True)
    assert journey.events() == ["hardship.received.v1", "hardship.review_missed.v1", "hardship.declined.v1"]
    another = journey.me("POST", "/hardship-requests", {"change": "other"})
    for _ in range(2):
        assert journey.me("POST", f"/hardship-requests/{another['id']}/withdraw")["state"] == "withdrawn"
    journey.until(at(3, 30))
    assert contacts(since=at(3, 22)) == [(date(2026, 3, 29), "reminder", "delivered")], "the next instalment's own, no more"


def test_after_a_request_to_be_left_alone_only_what_a_law_demands_is_sent(app: Flask) -> None:
    steps = [
        {"key": "d+1", "offset_days": 1, "template": "overdue_early", "ladder": [{"channel": "in_app"}]},
        {"key": "d+7", "offset_days": 7, "template": "overdue_early", "ladder": [{"channel": "in_app"}]},
        {"key": "d+14", "offset_days": 14, "template": "statutory_arrears_notice", "class": "statutory",
         "notice": "notice_of_sums_in_arrears", "ladder": [{"channel": "in_app"}]},
        {"key": "d+15", "offset_days": 15, "template": "overdue_help", "ladder": [{"channel": "in_app"}]},
    ]  # fmt: skip
    with unit_of_work() as work:
        activate_document(work, a_document(steps=steps), author="test", now=START)
    journey = Journey(app)
    journey.put_borrower()
    journey.put_loan("L1", DUE)
    journey.until(at(3, 7))
    assert len(contacts(since=START)) == 1

    asked = journey.me("POST", "/contact-requests", {"kind": "cease"})

    assert journey.me("POST", "/contact-requests", {"kind": "cease"}) == asked, "to ask twice is to ask once"
    hold = journey.desk("GET", "/borrowers/B1/holds")["items"][0]
    assert (hold["kind"], hold["form"], hold["by"], hold["from"]) == (
        "cease_contact", "electronic", "borrower", asked["recorded_at"]
    )  # fmt: skip
    journey.until(at(3, 25))
    assert {each[1] for each in contacts(since=at(3, 7))} <= {"statutory"}
    assert [each[0] for each in contacts(since=at(3, 7))] == [date(2026, 3, 19)]
    journey.desk("POST", f"/borrowers/B1/holds/{hold['id']}/release", {"reason": "x"}, staff="Ann", role="agent", good=False)
    assert journey.answer.status_code == 403, "what protects by law is lifted by seniors"

    ended = journey.me("POST", f"/contact-requests/{asked['id']}/withdraw")
    assert ended["ended_at"] is not None
    assert not journey.desk("GET", "/borrowers/B1/holds")["items"][0]["stands"]
    assert journey.events() == ["contact_request.recorded.v1", "contact_request.withdrawn.v1"]


def test_somebody_else_is_asked_instead_and_a_place_and_a_channel_are_kept(app: Flask) -> None:
    journey, _ = begun(app)
    who = {"name": "Chen Jing", "organisation": "Jing Law", "contact": "chen@jinglaw.example"}

    asked = journey.me("POST", "/contact-requests", {"kind": "representative", "representative": who})
    journey.me("POST", "/contact-requests", {"kind": "avoid_place", "place": "workplace"})
    first = journey.me("POST", "/contact-requests", {"kind": "only_channel", "channel": "email"})
    journey.me("POST", "/contact-requests", {"kind": "only_channel", "channel": "letter"})

    assert asked["representative"] == who
    task = journey.desk("GET", "/tasks?queue=representatives")["items"][0]
    assert (task["kind"], task["due_on"]) == ("confirm_representative", "2026-03-07")
    assert "Chen" not in str(task)
    seen = journey.desk("GET", "/borrowers/B1/contact-requests")["items"]
    assert [each["kind"] for each in seen] == ["only_channel", "only_channel", "avoid_place", "representative"]
    assert [each["ended_at"] is None for each in seen] == [True, False, True, True], "the newer one stands alone"
    assert seen[1]["id"] == first["id"]
    assert seen[3]["representative"] == who
    journey.until(at(3, 9))
    assert contacts(since=START) == [], "represented"
    for body, pointer in (
        ({"kind": "representative"}, "/representative"),
        ({"kind": "avoid_place"}, "/place"),
        ({"kind": "cease", "channel": "sms"}, "/channel"),
    ):
        refused = journey.me("POST", "/contact-requests", body, good=False)
        assert (journey.answer.status_code, refused["errors"][0]["pointer"]) == (422, pointer)
