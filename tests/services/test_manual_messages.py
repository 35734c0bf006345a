"""Messages that staff send: asked about first, counted, asked about again when facts change, never after the money is in."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import BorrowerValues
from app.domain.errors import (
    ContactCapReachedError,
    ContactRefusedError,
    ForbiddenError,
    LawRefusedError,
    ValidationError,
)
from app.domain.hold_terms import HoldValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.manual_contacts import ManualContactRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import agenda, rule_parts
from app.services.borrowers import put_borrower
from app.services.dials import Caller, dial_borrower
from app.services.explanations import explain
from app.services.holds import Teller, put_hold
from app.services.manual_message_words import NewMessage
from app.services.manual_messages import SentByHand, check_message, page_messages, send_message
from app.services.policies import activate_document
from tests.builders.book import Built, build_lender, build_loan, give_phone, pay
from tests.builders.cases import default_document
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 17, 12, 0, tzinfo=UTC)
SOON = NOON + timedelta(minutes=1)
DUE = date(2026, 3, 10)
WHY = "They asked to be told today"
SetClock = Callable[[datetime], None]
pytestmark = pytest.mark.both


def book(**changes: Any) -> Built:
    """A loan a week late, in a policy without steps that could speak of it meanwhile."""
    document = default_document() | {"version": 2}
    document["steps"] = [step for step in document["steps"] if step["offset_days"] < 0]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London")
    given = {"country": "GB", "zone": "Europe/London", "phone": "+447700900123", "email": "a@example.test"}
    built = build_loan(now=START, due=[DUE], lender_id=lender, **{**given, **changes})
    give_phone(built, now=START, zone="Europe/London")
    return built


def send(built: Built, now: datetime = NOON, *, role: str = "agent", **new: Any) -> SentByHand:
    with unit_of_work() as work:
        return send_message(
            work, built.borrower_id, NewMessage(**{"channel": "push", "template": "overdue_help", **new}), by="staff:Eve",
            role=role, lender_id=built.lender_id, now=now,
        )  # fmt: skip


def messages() -> list[MessageRow]:
    with reading() as session:
        found = list(session.scalars(select(MessageRow).where(MessageRow.contact_id.is_not(None)).order_by(MessageRow.id)))
        session.expunge_all()
        return found


def records() -> list[ManualContactRow]:
    with reading() as session:
        found = list(session.scalars(select(ManualContactRow).order_by(ManualContactRow.made_at)))
        session.expunge_all()
        return found


def drain(at: datetime, set_clock: SetClock) -> list[str]:
    """Let the engine do all it can; return the titles that went to the wire."""
    set_clock(at)
    push = FakeChannel()
    Engine(Dispatcher({"push": push}, owner="tester")).drain()
    return [each.body for each in push.sent]


def test_a_message_by_hand_is_a_contact_that_takes_its_place_and_leaves(app: Flask, set_clock: SetClock) -> None:
    built = book()

    sent = send(built)

    assert (sent.outcome, sent.state, sent.takes_place, sent.message_class) == ("SENT", "queued", True, "collection")
    with reading() as session:
        contact = session.scalars(select(ContactRow).where(ContactRow.origin == "manual")).one()
        assert (contact.slot_no, contact.local_date) == (1, NOON.date())
    assert len(drain(SOON, set_clock)) == 1
    assert messages()[-1].state in ("sent", "delivered")


def test_a_second_one_that_day_is_above_the_cap_unless_somebody_says_why(app: Flask) -> None:
    built = book()
    send(built)

    with pytest.raises(ContactCapReachedError):
        send(built, SOON)
    with pytest.raises(ForbiddenError):
        send(built, SOON, override_reason=WHY)
    again = send(built, SOON, role="supervisor", override_reason=WHY)

    assert (again.override_reason, [each["reason"] for each in again.overridden]) == (WHY, ["CAP_PERSON"])
    assert len(records()) == 2
    assert WHY not in str(records()[1].override_reason_sealed)


def test_the_law_is_overridden_by_nobody(app: Flask) -> None:
    built = book()

    for role in ("agent", "admin"):
        with pytest.raises(LawRefusedError):
            send(built, NOON.replace(hour=23), role=role, override_reason=WHY)
    assert messages() == []


def test_after_the_money_is_in_nothing_leaves(app: Flask, set_clock: SetClock) -> None:
    built = book()
    send(built)

    pay(built, 10_000, now=SOON)

    assert [(each.state, each.state_reason) for each in messages()] == [("cancelled", "PAID")]
    assert [(each.outcome, each.reason, each.rule) for each in records()] == [("SUPPRESSED", "PAID", "loan.position")]
    assert drain(SOON, set_clock) == []
    with pytest.raises(ContactRefusedError):
        send(built, SOON)


def test_what_the_app_shows_of_paid_money_is_settled(app: Flask) -> None:
    built = book()
    send(built, channel="in_app")

    pay(built, 10_000, now=SOON)

    shown = messages()[0]
    assert (shown.state, shown.settled_at) == ("delivered", SOON)
    assert records()[0].outcome == "SENT"


def test_a_hold_takes_back_what_waits_and_gives_its_place_back(app: Flask, set_clock: SetClock) -> None:
    built = book()
    send(built)

    with unit_of_work() as work:
        put_hold(work, built.borrower_id, HoldValues(kind="dispute"), now=SOON,
                 teller=Teller(by="staff:Eve", lender_id=built.lender_id))  # fmt: skip

    assert [(each.state, each.state_reason) for each in messages()] == [("cancelled", "HOLD_DISPUTE")]
    with reading() as session:
        assert session.scalars(select(ContactRow.slot_no).where(ContactRow.origin == "manual")).one() is None
    assert drain(SOON, set_clock) == []


def test_another_change_is_asked_about_again_and_lets_it_leave(app: Flask, set_clock: SetClock) -> None:
    built = book()
    send(built)
    with unit_of_work() as work:
        agenda.touch(work, [built.borrower_id], now=SOON)

    assert len(drain(SOON, set_clock)) == 1


def test_what_was_set_aside_stays_so_and_nothing_else(app: Flask, set_clock: SetClock) -> None:
    built = book()
    send(built)
    drain(SOON, set_clock)
    again = send(built, SOON, role="supervisor", override_reason=WHY)
    with unit_of_work() as work:
        agenda.touch(work, [built.borrower_id], now=SOON)

    assert len(drain(SOON + timedelta(seconds=5), set_clock)) == 1
    assert again.outcome == "SENT"


def test_a_later_one_does_not_take_an_earlier_one_back(app: Flask, set_clock: SetClock) -> None:
    built = book()
    send(built)
    send(built, SOON, role="supervisor", override_reason=WHY)

    assert [each.outcome for each in records()] == ["SENT", "SENT"]
    assert len(drain(SOON + timedelta(seconds=5), set_clock)) == 2


def test_what_has_not_left_by_the_end_of_its_hours_never_does(app: Flask, set_clock: SetClock) -> None:
    built = book()
    sent = send(built)

    assert sent.not_after is not None
    assert sent.not_after.astimezone(UTC).hour <= 21
    assert drain(sent.not_after, set_clock) == []
    assert messages()[0].state in ("expired", "cancelled")


def test_what_could_never_be_sent_says_where_it_is_wrong(app: Flask) -> None:
    built = book()
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("/channel", {"channel": "voice"}),
        ("/text", {"text": "Hello", "template": "overdue_help"}),
        ("/text", {"template": None}),
        ("/text", {"template": None, "text": "Hello there"}),
        ("/template", {"template": "promise_made"}),
        ("/template", {"template": "due_soon"}),
        ("/title", {"channel": "email", "template": None, "text": "Hello there"}),
        ("/text", {"channel": "in_app", "template": None, "text": "Your card 4111 1111 1111 1111 was declined"}),
        ("/loan_no", {"loan_no": "nowhere"}),
    ]

    for pointer, new in wrong:
        with pytest.raises(ValidationError) as refused:
            send(built, **new)
        assert [each.pointer for each in refused.value.errors] == [pointer], new


def test_free_text_is_checked_and_a_threat_is_not_sent(app: Flask) -> None:
    built = book()

    kind = send(
        built, channel="in_app", template=None, text="We have your papers now, thank you. Reply here with questions."
    )
    with pytest.raises((ContactRefusedError, LawRefusedError)):
        send(built, channel="in_app", template=None, text="Pay today or your employer will hear of it.")

    assert (kind.message_class, kind.takes_place, kind.body[:7]) == ("servicing", False, "We have")


def test_a_provider_that_wants_wordings_registered_is_given_no_free_text(app: Flask) -> None:
    built = book()
    rule_parts.use_channels(["sms"], {"sms": ("aliyun",)})
    try:
        with pytest.raises(ValidationError, match="registered"):
            send(built, channel="sms", template=None, text="We have your papers now, thank you.")
    finally:
        rule_parts.use_channels([])


def test_it_can_be_looked_at_before_and_is_listed_after(app: Flask) -> None:
    built = book()
    with reading() as session:
        seen = check_message(session, built.borrower_id, NewMessage("push", "overdue_help"), lender_id=built.lender_id,
                             now=NOON)  # fmt: skip
    sent = send(built)

    other = build_lender(now=START, code="other")
    with reading() as session:
        listed = page_messages(session.connection(), built.borrower_id, built.lender_id, before=None, limit=10)
        others = page_messages(session.connection(), built.borrower_id, other, before=None, limit=10)

    assert seen.answer.may_happen
    assert (seen.title, seen.body) == (sent.title, sent.body)
    assert [(each.id, each.by) for each in listed] == [(sent.id, "staff:Eve")]
    assert others == []


def test_it_speaks_the_borrower_s_language(app: Flask) -> None:
    built = book()
    with unit_of_work() as work:
        put_borrower(work, BorrowerValues(built.borrower_no, locale="zh-CN", country="GB", zone="Europe/London"),
                     now=START, origin="test")  # fmt: skip

    assert "未还" in send(built, channel="in_app").body


def test_why_tells_of_it_and_of_what_was_taken_back(app: Flask) -> None:
    built = book()
    send(built)
    with reading() as session:
        before = explain(session, built.borrower_id, NOON.date(), now=SOON, lender_id=built.lender_id)
    pay(built, 10_000, now=SOON)

    with reading() as session:
        after = explain(session, built.borrower_id, NOON.date(), now=SOON, lender_id=built.lender_id)
        others = explain(session, built.borrower_id, NOON.date(), now=SOON, lender_id=None)

    assert (before.was_contacted, [each.sentence for each in before.manual]) == (True, ["By hand, by Eve"])
    [gone] = after.manual
    assert (after.was_contacted, gone.outcome, gone.reason, gone.by) == (False, "SUPPRESSED", "PAID", "staff:Eve")
    assert gone.sentence is not None
    assert "taken back" in gone.sentence
    assert others.manual == after.manual


def test_a_call_has_been_made_and_is_neither_settled_nor_taken_back_when_the_money_comes(app: Flask) -> None:
    built = book()
    with unit_of_work() as work:
        caller = Caller("staff:Eve", "agent")
        dial_borrower(work, built.borrower_id, None, lender_id=built.lender_id, caller=caller, now=NOON)
    pay(built, 10_000, now=SOON)

    assert [(each.kind, each.outcome, each.changed_at) for each in records()] == [("call", "SENT", NOON)]
    with reading() as session:
        assert list(session.scalars(select(ContactRow.state))) == ["open"]
