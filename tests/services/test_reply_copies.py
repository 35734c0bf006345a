"""Copies of answers on WeChat: within the platform's window, by the gate, and refused by name outside of it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from flask import Flask
from sqlalchemy import select

from app.channels.base import DeliveryResult, Outcome
from app.engine.dispatch import Dispatcher
from app.engine.follow_ups import follow_up_due
from app.engine.loop import Engine
from app.persistence.models.conversations import ReplyCopyRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.conversations import Word, add_word
from app.services.desk_conversations import Actor
from app.services.desk_replies import NewReply, Replied, reply
from app.services.policies import activate_document
from app.services.rule_parts import use_channels
from tests.builders.book import Built, build_loan
from tests.builders.cases import default_document
from tests.builders.messages import bind_openid
from tests.builders.wechat import OPENID
from tests.fakes.channels import FakeChannel

pytestmark = pytest.mark.both
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CLOSED = "REPLY_WINDOW_CLOSED"
_keys = count(1)


@pytest.fixture(autouse=True)
def _with_wechat(app: Flask) -> Iterator[None]:
    use_channels(["wechat"])
    with unit_of_work() as work:
        activate_document(work, default_document() | {"version": 2}, author="test", now=MONDAY)
    yield
    use_channels(())


def book() -> Built:
    given = {"country": "GB", "zone": "Europe/London", "phone": "+447700900123", "locale": "en"}
    built = build_loan(now=MONDAY, due=[date(2026, 3, 20)], **given)
    bind_openid(built.borrower_id, OPENID)
    return built


def say(built: Built, *, now: datetime = MONDAY, channel: str = "wechat") -> str:
    with unit_of_work() as work:
        word = Word(f"test:{next(_keys)}", channel, "Can I pay on Friday?", at=now)
        return add_word(work, built.borrower_id, word, now=now).conversation_id


def answer(built: Built, conversation_id: str, text: str = "Friday is fine.", *, now: datetime = MONDAY) -> Replied:
    with unit_of_work() as work:
        return reply(
            work, Actor("staff:ann", built.lender_id, "agent"), conversation_id, NewReply(str(next(_keys)), text), now=now
        )


def copy_of(replied: Replied) -> tuple[str, str | None, str | None]:
    with reading() as session:
        row = session.get_one(ReplyCopyRow, replied.word_id)
        return row.state, row.reason, row.rule


def out() -> list[MessageRow]:
    with reading() as session:
        return list(session.scalars(select(MessageRow).where(MessageRow.channel == "wechat")))


def drained(channel: FakeChannel) -> None:
    Engine(Dispatcher({"wechat": channel}, owner="tester")).dispatch_all()


def test_an_answer_goes_out_by_wechat_as_it_was_written_until_the_window_closes(app: Flask) -> None:
    built = book()

    done = answer(built, say(built))

    assert copy_of(done) == ("queued", None, None)
    (message,) = out()
    assert (message.message_class, message.template_version) == ("support", 0)
    assert message.not_after <= MONDAY + timedelta(hours=48)


def test_after_two_days_the_copy_is_refused_by_name_and_the_answer_stands_in_the_app(app: Flask) -> None:
    built = book()
    conversation_id = say(built)

    done = answer(built, conversation_id, now=MONDAY + timedelta(hours=48))

    assert copy_of(done) == ("refused", CLOSED, "reply_window.wechat.time")
    assert done.created
    assert out() == []


def test_five_answers_to_one_word_and_a_new_word_opens_it_again_whichever_thread_they_are_in(app: Flask) -> None:
    built = book()
    conversation_id = say(built)

    states = [copy_of(answer(built, conversation_id, now=MONDAY + timedelta(minutes=n))) for n in range(1, 7)]
    later = MONDAY + timedelta(minutes=10)
    say(built, now=later)

    assert [state for state, _, _ in states] == ["queued"] * 5 + ["refused"]
    assert states[5] == ("refused", CLOSED, "reply_window.wechat.count")
    assert copy_of(answer(built, conversation_id, now=later))[0] == "queued"


def test_hours_that_open_after_the_window_has_closed_are_not_waited_for(app: Flask) -> None:
    built = book()
    conversation_id = say(built, now=MONDAY.replace(day=4, hour=7))
    evening = MONDAY.replace(day=5, hour=23)

    soon = answer(built, conversation_id, now=evening)
    say(built, now=MONDAY.replace(day=6, hour=0))
    waits = answer(built, conversation_id, now=MONDAY.replace(day=6, hour=1))

    assert copy_of(soon) == ("refused", CLOSED, "reply_window.wechat.time")
    assert copy_of(waits)[0] == "waiting"
    follow_up_due(now=MONDAY.replace(day=6, hour=9))
    assert copy_of(waits)[0] == "queued"


def test_what_does_not_fit_only_says_that_there_is_an_answer(app: Flask) -> None:
    built = book()
    conversation_id = say(built)

    long = answer(built, conversation_id, "Please read this.\n" * 150)
    amount = answer(built, conversation_id, "Your next instalment is 100.00 USD.")
    lines = answer(built, conversation_id, "Friday is fine.\nWe have noted it for you, and will look at the rest then.")

    assert [copy_of(each)[:2] for each in (long, amount, lines)] == [
        ("queued", "CONTENT_LINT"), ("queued", "CONTENT_LINT"), ("queued", None),
    ]  # fmt: skip


def test_without_a_bound_account_nothing_goes_out(app: Flask) -> None:
    built = build_loan(now=MONDAY, due=[date(2026, 3, 20)], country="GB", zone="Europe/London")

    assert copy_of(answer(built, say(built)))[:2] == ("refused", "NO_ENDPOINT")


def test_it_leaves_as_an_answer_and_not_by_a_template(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import clock

    built = book()
    answer(built, say(built))
    channel = FakeChannel(name="wechat", provider="wechat", answer=lambda _message: DeliveryResult(Outcome.ACCEPTED))
    clock.use(lambda: MONDAY + timedelta(minutes=1))

    drained(channel)
    clock.use(clock.system_now)

    (sent,) = channel.sent
    assert (sent.is_answer, sent.body, sent.provider_templates) == (True, "Friday is fine.", {})
    assert [each.state for each in out()] == ["sent"]
