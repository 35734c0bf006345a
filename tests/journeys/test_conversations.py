"""A conversation from end to end: texts, the app, the desk and the engine on one clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.domain.deliveries import Callback, InboundMessage
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading
from app.services.callback_posts import take_callback
from app.services.policies import ensure_default_policy
from tests.builders.desk import a_seat
from tests.builders.journey import Journey
from tests.conftest import START

PHONE = "+447700900123"
BRITAIN = {"jurisdiction": "GB", "zone": "Europe/London", "currency": "USD"}


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def begun(app: Flask) -> tuple[Journey, str]:
    """A borrower with one instalment far away, so that nobody is reminded of anything."""
    ensure_default_policy(now=START)
    journey = Journey(app, **BRITAIN)
    journey.put_borrower(phone=PHONE, country="GB", zone="Europe/London", locale="en")
    return journey, journey.put_loan("L1", [date(2026, 6, 30)])


def text(journey: Journey, words: str, key: str) -> None:
    """Have the borrower's phone send a text."""
    inbound = InboundMessage(event_key=key, channel="sms", address_kind="phone", address=PHONE, text=words, at=journey.now)
    take_callback(Callback("paper", inbound=[inbound], is_signed=True), b"post", now=journey.now)


def texts(journey: Journey) -> list[str]:
    return [each.body for each in journey.channels["sms"].sent]


def answer(journey: Journey, thread: dict[str, Any], words: str, **more: Any) -> Any:
    body = {"message_id": new_id(), "text": words, "version": thread["version"], **more}
    return journey.desk("POST", f"/conversations/{thread['id']}/messages", body)


def queue(journey: Journey, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = journey.desk("GET", f"/conversations{query}")["items"]
    return found


def test_a_text_at_night_is_answered_in_the_app_at_once_and_by_text_in_the_morning(app: Flask) -> None:
    journey, _ = begun(app)
    journey.until(at(2, 22, 30))
    text(journey, "Can I pay on Friday?", "one")

    (thread,) = queue(journey)
    assert (thread["channel"], thread["first_due_at"]) == ("sms", "2026-03-03T13:00:00Z"), "four hours of business"
    done = answer(journey, thread, "Friday is fine. Sleep well.", status="pending")
    journey.until(at(3, 7, 59))
    assert (done["copy"]["state"], texts(journey)) == ("waiting", [])
    (own,) = journey.me("GET", "/conversations")["items"]
    assert (own["status"], own["unread_count"], own["waiting_since"]) == ("pending", 1, None)
    assert journey.inbox()[0]["title"] == "We have answered you"

    journey.until(at(3, 8, 5))

    assert texts(journey) == ["Friday is fine. Sleep well."]
    copy = journey.desk("GET", f"/conversations/{thread['id']}")["items"][0]["copy"]
    assert copy["state"] in ("sent", "delivered")


def test_what_was_read_in_the_app_is_not_texted_and_a_stop_keeps_answers_in_the_app(app: Flask) -> None:
    journey, _ = begun(app)
    journey.until(at(2, 22, 30))
    text(journey, "Can I pay on Friday?", "one")
    (thread,) = queue(journey)
    word_id = answer(journey, thread, "Friday is fine.")["word_id"]
    assert journey.me("POST", f"/conversations/{thread['id']}/read", {"word_id": word_id}) == {"unread_count": 0}
    journey.until(at(3, 9))
    assert texts(journey) == []

    text(journey, "STOP", "two")
    journey.until(at(3, 9, 10))
    confirmed = len(texts(journey))
    text(journey, "And what about Monday?", "three")
    (thread,) = queue(journey)
    done = answer(journey, thread, "Monday too.")
    journey.until(at(4, 12))

    assert (done["copy"]["state"], done["copy"]["reason"]) == ("refused", "OPTED_OUT")
    assert len(texts(journey)) == confirmed
    assert journey.me("GET", f"/conversations/{thread['id']}/messages")["items"][0]["text"] == "Monday too."


def test_a_stop_between_the_answer_and_its_leaving_keeps_it_back(app: Flask) -> None:
    journey, _ = begun(app)
    journey.until(at(2, 12))
    text(journey, "Can I pay on Friday?", "one")
    (thread,) = queue(journey)
    assert answer(journey, thread, "Friday is fine.")["copy"]["state"] == "queued"

    text(journey, "STOP", "two")
    journey.until(at(2, 13))

    assert "Friday is fine." not in texts(journey)


def test_a_dispute_is_talked_about_in_its_thread_until_it_is_answered(app: Flask) -> None:
    journey, loan_id = begun(app)
    agent = a_seat(app, journey.lender_id, name="Ann", now=journey.now)
    added = journey.me("POST", "/conversations", {
        "message_id": new_id(), "text": "I have paid this already.", "kind": "dispute", "loan_id": loan_id,
        "dispute": {"ground": "already_paid"}})  # fmt: skip
    thread = journey.desk("GET", f"/conversations/{added['conversation_id']}")
    assert (thread["kind"], thread["assignee"], thread["loan_no"]) == ("dispute", f"staff:{agent.name}", "L1")

    answer(journey, thread, "Could you send us the receipt?", status="pending")
    journey.until(at(4, 10))
    journey.me("POST", f"/conversations/{thread['id']}/messages", {"message_id": new_id(), "text": "It is attached."})
    (again,) = queue(journey, "?kind=dispute")
    assert (again["status"], again["sla"]) == ("open", "running")
    journey.desk("POST", f"/conversations/{thread['id']}/notes", {"message_id": new_id(), "text": "Receipt looks right."})
    journey.desk("POST", f"/disputes/{thread['about_id']}/answer", {"outcome": "upheld", "words": "You are right."})

    (own,) = journey.me("GET", "/conversations")["items"]
    words = journey.me("GET", f"/conversations/{thread['id']}/messages")["items"]
    assert (own["status"], own["about_id"]) == ("resolved", thread["about_id"])
    assert [each["text"] for each in words] == [
        "You are right.", "It is attached.", "Could you send us the receipt?", "I have paid this already.",
    ]  # fmt: skip
    with reading() as session:
        acts = set(session.scalars(select(AuditRow.action).where(AuditRow.action.startswith("conversation."))))
    assert acts == {"conversation.assigned", "conversation.read", "conversation.replied", "conversation.noted"}


def test_nobody_answers_and_a_supervisor_is_told_once_for_each_target(app: Flask) -> None:
    journey, _ = begun(app)
    journey.until(at(2, 9))
    journey.me("POST", "/conversations", {"message_id": new_id(), "text": "Hello?"})
    journey.until(at(2, 9) + timedelta(days=14))

    (late,) = queue(journey, "?sla=breached")
    with reading() as session:
        tasks = list(session.scalars(select(TaskRow).where(TaskRow.kind == "overdue_conversation").order_by(TaskRow.id)))
        clocks = [(task.facts["clock"], task.due_at) for task in tasks]
    assert clocks == [("first", at(2, 13)), ("resolution", at(4, 18))]
    answer(journey, late, "We are sorry that you waited.", status="resolved")
    journey.until(at(2, 9) + timedelta(days=60))

    assert queue(journey, "?sla=breached&status=any") == []
    assert journey.desk("GET", "/tasks?queue=supervisors")["items"] == []
