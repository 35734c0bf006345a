"""What people write: whose it is, a STOP that counts at once, and the conversation it joins."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.deliveries import Callback, EndpointEvent, InboundMessage
from app.persistence.db import db
from app.persistence.models.conversations import ConversationMessageRow, ConversationRow
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import endpoint_events
from app.services.address_verdicts import address_of
from app.services.callback_posts import take_callback
from app.services.consents import consents_of
from app.services.conversation_states import move
from app.services.conversations import ANSWER, list_words
from tests.builders.access import a_borrower
from tests.builders.sent import a_contact, a_sent, message
from tests.conftest import START

pytestmark = pytest.mark.both
PHONE = "+8613912340001"
_keys = count(1)


def write(
    text: str, *, signed: bool = True, provider: str = "paper", said_at: datetime | None = None, **changes: Any
) -> str:
    """Have somebody write; return what became of it. `said_at`: the provider's instant, if it came later than that."""
    at = said_at or changes.get("at", START)
    given: dict[str, Any] = {"channel": "sms", "address_kind": "phone", "address": PHONE, "text": text}
    inbound = InboundMessage(**{"event_key": f"i{next(_keys)}", **given, **changes, "at": at})
    take_callback(Callback(provider, inbound=[inbound], is_signed=signed), b"post", now=changes.get("at", START))
    return outcomes()[-1]


def tell(kind: str, *, signed: bool = True, **changes: Any) -> str:
    given: dict[str, Any] = {"channel": "email", "address_kind": "email", "address": "ann@example.com"}
    event = EndpointEvent(event_key=f"v{next(_keys)}", kind=kind, **{**given, **changes})
    take_callback(Callback("paper", events=[event], is_signed=signed), b"post", now=START)
    return outcomes()[-1]


def outcomes() -> list[str]:
    with reading() as session:
        return list(session.scalars(select(DeliveryReceiptRow.outcome).order_by(DeliveryReceiptRow.id)))


def conversations() -> list[tuple[str, str, str]]:
    with reading() as session:
        rows = session.scalars(select(ConversationRow).order_by(ConversationRow.opened_at))
        return [(row.borrower_id, row.status, row.channel) for row in rows]


def words(borrower_id: str) -> list[str]:
    with db.engine.connect() as reads:
        row = reads.execute(select(ConversationRow.id).where(ConversationRow.borrower_id == borrower_id)).one_or_none()
        found = [] if row is None else list_words(reads, borrower_id, row.id, before=None, limit=100)
    return [each.text for each in reversed(found)]


def tasks() -> list[tuple[str, str]]:
    with reading() as session:
        return [tuple(row) for row in session.execute(select(TaskRow.kind, TaskRow.queue).order_by(TaskRow.id))]


def refuses(borrower_id: str, channel: str = "sms") -> bool:
    with reading() as session:
        consent = consents_of(session, borrower_id).get(("contact", channel))
    return consent is not None and not consent.given


def bind(borrower_id: str, address: str, *, channel: str = "wechat", state: str = "active") -> None:
    kind = "openid" if channel == "wechat" else "phone"
    with unit_of_work() as work:
        made = address_of(work, borrower_id, channel, kind, address)
        work.session.add(
            EndpointRow(
                id=made.new_id,
                borrower_id=borrower_id,
                channel=channel,
                address_kind=kind,
                address_sealed=made.sealed,
                address_digest=made.digests[0],
                state=state,
                changed_at=START,
            )
        )


def endpoint_states() -> Sequence[str]:
    with reading() as session:
        return list(session.scalars(select(EndpointRow.state)))


def confirmations() -> list[tuple[str, str, str, str]]:
    with reading() as session:
        found = select(MessageRow).where(MessageRow.template == "stop_confirmed").order_by(MessageRow.id)
        return [(row.borrower_id, row.channel, row.locale, row.state) for row in session.scalars(found)]


def test_a_text_opens_a_conversation_and_is_put_before_support(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)

    assert write("Can I pay on Friday?") == "applied"

    assert conversations() == [(borrower_id, "open", "sms")]
    assert words(borrower_id) == ["Can I pay on Friday?"]
    assert tasks() == [("answer_conversation", "support")]


def test_the_next_text_joins_it_and_makes_no_second_task(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE, email="ann@example.com")

    write("Can I pay on Friday?")
    write("Hello?", channel="email", address_kind="email", address=" Ann@Example.com", subject="Friday")

    assert conversations() == [(borrower_id, "open", "email")]
    assert words(borrower_id) == ["Can I pay on Friday?", "Friday\n\nHello?"]
    assert tasks() == [("answer_conversation", "support")]


def test_a_new_word_opens_a_resolved_conversation_again(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    write("Can I pay on Friday?")
    with unit_of_work() as work:
        row = work.session.scalars(select(ConversationRow)).one()
        move(work, row, "resolved", by="staff:Eve", now=START)

    write("And Saturday?", at=START + timedelta(hours=1))

    assert conversations() == [(borrower_id, "open", "sms")]
    assert len(tasks()) == 2


def test_the_same_text_told_twice_is_one_word(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)

    write("Hello", event_key="same")
    write("Hello", event_key="same")

    assert words(borrower_id) == ["Hello"]


def test_who_answers_a_message_has_seen_it(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    older = a_sent(borrower_id, now=START - timedelta(hours=3))
    newest = a_sent(borrower_id, now=START - timedelta(hours=1))
    code = a_sent(borrower_id, now=START, message_class="security")

    write("Got it")

    assert [message(each).replied_at for each in (older, newest, code)] == [None, START, None]
    assert message(newest).seen_at == START
    with reading() as session:
        assert session.scalars(select(ConversationMessageRow.in_reply_to)).one() == newest


def test_a_text_of_nobody_we_know_is_kept_and_ignored(app: Flask) -> None:
    assert write("Who is this?") == "ignored"

    assert (conversations(), tasks()) == ([], [])


def test_on_a_phone_of_two_it_is_the_words_of_who_was_written_to(app: Flask) -> None:
    one, _ = a_borrower(phone=PHONE)
    other, _ = a_borrower(phone=PHONE)
    a_sent(other, now=START - timedelta(hours=1))

    write("Hello")

    assert (words(one), words(other)) == ([], ["Hello"])


def test_on_a_phone_of_two_to_whom_nobody_wrote_a_person_finds_out_whose_words_they_are(app: Flask) -> None:
    one, _ = a_borrower(phone=PHONE)
    other, _ = a_borrower(phone=PHONE)

    assert write("Hello") == "applied"

    assert (words(one), words(other)) == ([], [])
    assert tasks() == [("answer_conversation", "support")]


def test_a_stop_counts_at_once_for_everyone_of_that_phone_and_needs_no_answer(app: Flask) -> None:
    one, _ = a_borrower(phone=PHONE)
    other, _ = a_borrower(phone=PHONE)

    assert write("退订") == "applied"

    assert (refuses(one), refuses(other)) == (True, True)
    assert (conversations(), tasks()) == ([], [])


@pytest.mark.parametrize(
    ("text", "outcome", "refused"),
    [("STOP", "applied", True), ("please stop texting me", "applied", False), ("START", "untrusted", False),
     ("Hello", "untrusted", False)],
)  # fmt: skip
def test_unsigned_only_a_stop_is_believed(app: Flask, text: str, outcome: str, refused: bool) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)

    assert write(text, signed=False) == outcome

    assert refuses(borrower_id) is refused
    assert conversations() == []
    assert tasks() == ([("review_by_person", "opt_outs")] if text.startswith("please") else [])


def test_an_unsigned_start_takes_back_no_stop(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    write("STOP", signed=False)

    write("START", signed=False)
    assert refuses(borrower_id)
    write("START")

    assert not refuses(borrower_id)


def test_a_signed_start_lets_the_address_be_used_again(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    bind(borrower_id, PHONE, channel="sms", state="opted_out")
    write("STOP")

    write("START")

    assert endpoint_states() == ["active"]


def test_the_key_for_a_person_makes_a_call_due_now(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    call = a_sent(borrower_id, now=START, channel="voice")

    write("1", channel="voice", in_reply_to=call)
    write("1", channel="voice", in_reply_to=call)

    with reading() as session:
        (task,) = session.scalars(select(TaskRow))
        assert (task.kind, task.due_at, task.facts) == ("call_back", START, {"message_id": call, "proven": True})
    assert conversations() == [(borrower_id, "open", "voice")]


def test_another_key_is_nobodys_word(app: Flask) -> None:
    a_borrower(phone=PHONE)

    assert write("5", channel="voice") == "no_change"

    assert conversations() == []


def test_card_numbers_are_taken_out_of_what_people_write(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)

    write("take it from 4111 1111 1111 1111")

    assert words(borrower_id) == ["take it from [card number]"]


def test_who_blocks_us_is_not_written_to_and_may_come_back(app: Flask) -> None:
    a_borrower(email="ann@example.com")

    assert (tell("blocked", signed=False), endpoint_states()) == ("untrusted", [])
    assert (tell("blocked"), endpoint_states()) == ("applied", ["blocked"])
    assert (tell("blocked"), endpoint_states()) == ("no_change", ["blocked"])
    assert (tell("unblocked"), endpoint_states()) == ("applied", ["active"])


def test_a_start_in_words_of_the_account_takes_back_the_stop(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    bind(borrower_id, PHONE, channel="sms", state="opted_out")
    address = {"channel": "sms", "address_kind": "phone", "address": PHONE}
    assert (tell("opted_out", **address), refuses(borrower_id)) == ("applied", True)

    assert (tell("subscribed", **address), refuses(borrower_id)) == ("applied", False)

    assert endpoint_states() == ["active"]


def test_a_complaint_may_hide_its_address_and_name_our_message(app: Flask) -> None:
    borrower_id, _ = a_borrower(email="ann@example.com")
    sent = a_sent(borrower_id, now=START, channel="email")

    assert tell("complained", address="", detail={"message_id": "not one"}) == "ignored"
    assert tell("complained", address="", detail={"message_id": sent}) == "applied"

    assert refuses(borrower_id, "email")


@pytest.mark.parametrize("kind", ["opted_out", "complained"])
def test_an_opt_out_told_by_the_provider_counts(app: Flask, kind: str) -> None:
    borrower_id, _ = a_borrower(email="ann@example.com")

    assert tell(kind, channel="email", address_kind="email", address="ann@example.com") == "applied"

    assert refuses(borrower_id, "email")


def test_an_event_of_nobody_or_of_a_kind_nobody_takes_is_ignored(app: Flask) -> None:
    a_borrower()

    assert tell("blocked", address="nobody@example.com") == "ignored"
    assert tell("letter_returned", channel="letter", address_kind="post", address="1 High Street") == "ignored"


def test_a_channels_own_service_takes_what_is_its_own(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def take(_work: object, event: EndpointEvent, *, now: object) -> str:
        taken.append((event.kind, event.detail, now))
        return "applied"

    monkeypatch.setattr(endpoint_events, "TAKERS", {"wechat": take})

    assert tell("consent_given", channel="wechat", detail={"template": "T1", "count": "1"}) == "applied"

    assert taken == [("consent_given", {"template": "T1", "count": "1"}, START)]


def test_a_sender_that_nobody_checked_takes_no_stop_back_and_says_nothing_for_the_borrower(app: Flask) -> None:
    borrower_id, _ = a_borrower(email="ann@example.com")
    mail = {"channel": "email", "address_kind": "email", "address": "ann@example.com", "is_sender_proven": False}
    stranger, _ = a_borrower(email="eve@example.com")
    to_eve = a_sent(stranger, now=START, channel="email")

    assert write("STOP", **mail) == "applied"
    write("START", **mail)
    write("START", **mail, in_reply_to=to_eve)
    write("I have moved.", **mail)

    assert refuses(borrower_id, "email")
    assert (words(borrower_id), words(stranger)) == ([], [])
    assert {kind for kind, _ in tasks()} == {ANSWER}


def test_who_answers_our_message_to_them_has_proven_who_they_are(app: Flask) -> None:
    borrower_id, _ = a_borrower(email="ann@example.com")
    mail = {"channel": "email", "address_kind": "email", "address": "ann@example.com", "is_sender_proven": False}
    sent = a_sent(borrower_id, now=START, channel="email")

    write("STOP", **mail)
    write("START", **mail, in_reply_to=sent)
    write("Can I pay on Friday?", **mail, in_reply_to=sent)

    assert not refuses(borrower_id, "email")
    assert words(borrower_id) == ["Can I pay on Friday?"]


def test_a_stop_is_confirmed_once_on_its_channel_and_in_the_borrowers_language(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE, email="ann@example.com", locale="zh-CN")

    write("退订", event_key="same")
    write("退订", event_key="same")
    write("STOP")
    write("Hello")
    write("STOP", channel="email", address_kind="email", address="ann@example.com")

    assert confirmations() == [(borrower_id, "sms", "zh-CN", "queued"), (borrower_id, "email", "zh-CN", "queued")]


def test_a_familys_phone_gets_one_confirmation(app: Flask) -> None:
    a_borrower(phone=PHONE)
    a_borrower(phone=PHONE)

    write("STOP")

    assert len(confirmations()) == 1


@pytest.mark.parametrize(
    "told",
    [
        {"text": "STOP", "signed": False},
        {"text": "STOP", "provider": "twilio"},
        {"text": "stop", "channel": "voice"},
        {"text": "STOP", "said_at": START - timedelta(minutes=5)},
        {"text": "please stop texting me"},
        {"text": "START"},
    ],
)
def test_what_is_not_confirmed(sqlite_book: Flask, told: dict[str, Any]) -> None:
    a_borrower(phone=PHONE)

    write(**told)

    assert confirmations() == []


def test_a_word_that_the_provider_does_not_know_is_confirmed_by_us(sqlite_book: Flask) -> None:
    a_borrower(phone=PHONE)

    write("退订", provider="twilio")

    assert len(confirmations()) == 1


def test_an_answer_by_text_shows_in_the_inbox_at_what_it_answers(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    contact_id = a_contact(borrower_id, now=START)
    in_app = {"channel": "in_app", "inbox_created": 1, "inbox_state": 1}
    shown = a_sent(borrower_id, now=START, contact_id=contact_id, **in_app)
    other = a_sent(borrower_id, now=START, contact_id=a_contact(borrower_id, now=START), **in_app)
    texted = a_sent(borrower_id, now=START, contact_id=contact_id)
    before = inbox_state(borrower_id)

    said_at = START + timedelta(minutes=3)
    write("I have paid.", in_reply_to=texted, at=said_at)
    write("Really.", in_reply_to=texted, at=said_at + timedelta(minutes=1))

    assert (message(texted).replied_at, message(shown).replied_at) == (said_at, said_at)
    assert (message(shown).inbox_state, inbox_state(borrower_id)) == (before + 1, before + 1)
    assert (message(other).replied_at, message(other).inbox_state) == (None, 1)


def test_an_answer_to_what_is_in_no_inbox_changes_none(app: Flask) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    texted = a_sent(borrower_id, now=START, contact_id=a_contact(borrower_id, now=START))
    before = inbox_state(borrower_id)

    write("I have paid.", in_reply_to=texted, at=START)

    assert (message(texted).replied_at, inbox_state(borrower_id)) == (START, before)


def inbox_state(borrower_id: str) -> int:
    with reading() as session:
        return session.scalar(select(AgendaRow.inbox_state).where(AgendaRow.borrower_id == borrower_id)) or 0
