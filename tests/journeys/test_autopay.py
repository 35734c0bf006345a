"""While instalments are drawn nobody is reminded; the day a drawing fails they are, from where the ladder stands."""

from datetime import UTC, date, datetime, timedelta

from flask import Flask

from app.persistence.unit_of_work import unit_of_work
from app.services.policies import activate_document
from app.services.policy_documents import CONTENT
from app.services.policy_files import read_document
from tests.builders.journey import Journey

DUE = date(2026, 3, 10)
TOLD_AT = datetime(2026, 3, 10, 0, 30, tzinfo=UTC)
"""08:30 where the borrower is, an hour before that day's reminder."""


def a_drawn_journey(app: Flask) -> tuple[Journey, str]:
    journey = Journey(app)
    with unit_of_work() as work:
        document = read_document((CONTENT / "consumer-uk.yaml").read_text(encoding="utf-8"))
        activate_document(work, document, author="ops", now=journey.now)
    journey.put_borrower()
    loan_id = journey.put_loan("L1", [DUE, date(2026, 4, 10)])
    journey.core("PUT", "/loans/L1/mandate", {"reference": "M1", "state": "active"})
    return journey, loan_id


def draw(journey: Journey, reference: str, outcome: str, **values: str) -> None:
    body = {"reference": reference, "drawn_on": journey.now.date().isoformat(), "outcome": outcome, **values}
    journey.core("POST", "/loans/L1/mandate/draws", body)


def reminders(journey: Journey) -> list[str]:
    """Templates of the reminders in the inbox, oldest first."""
    found = [each["title"] for each in journey.inbox() if "due" in each["title"].lower() or "not reached" in each["title"]]
    return found[::-1]


def test_a_mandate_silences_reminders_until_a_drawing_fails_and_again_once_it_is_drawn(app: Flask) -> None:
    journey, loan_id = a_drawn_journey(app)
    journey.until(TOLD_AT)
    before = reminders(journey)

    draw(journey, "D1", "failed", code="insufficient_funds", retry_on="2026-03-12")
    journey.until(TOLD_AT + timedelta(hours=6))

    assert before == ["An instalment is due on Mar 10, 2026"]  # a week ahead, for everyone
    assert reminders(journey) == [*before, "Due today"]
    assert journey.me("GET", f"/loans/{loan_id}/mandate")["mandate"]["state"] == "failing"

    journey.until(TOLD_AT + timedelta(days=2))
    assert reminders(journey)[2:] == ["A payment has not reached us yet"]
    draw(journey, "D2", "succeeded")
    journey.pay("L1", 10_000)
    for day in (2, 5, 8, 9):  # the core is heard from: of one that is silent for days nobody is reminded either
        journey.until(datetime(2026, 4, day, 20, 0, tzinfo=UTC))
        journey.pay("L1", 1)

    assert journey.me("GET", f"/loans/{loan_id}/mandate")["autopay"] is True
    later = reminders(journey)[3:]
    assert later == ["An instalment is due on Apr 10, 2026"]  # a week ahead; three days and one day ahead are silent
    assert [each for each in journey.events() if each.startswith("mandate")] == [
        "mandate.active.v1", "mandate.failing.v1", "mandate.active.v1",
    ]  # fmt: skip


def test_a_borrower_who_takes_the_mandate_back_is_reminded_from_then_on(app: Flask) -> None:
    journey, loan_id = a_drawn_journey(app)
    journey.until(datetime(2026, 3, 8, 12, 0, tzinfo=UTC))
    silent = reminders(journey)

    journey.me("POST", f"/loans/{loan_id}/mandate/revoke")
    journey.until(TOLD_AT + timedelta(hours=6))

    assert len(silent) == 1
    assert reminders(journey) == [*silent, "An instalment is due on Mar 10, 2026", "Due today"]
