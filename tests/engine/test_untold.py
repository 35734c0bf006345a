"""Providers are asked what became of messages they do not tell of: seldom, in time, and never twice what is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.channels.base import NOT_TAKEN, Asked, DeliveryResult, Outgoing
from app.domain.deliveries import DeliveryReport, Told
from app.engine.untold import ask_about_untold
from app.metrics import NEVER_TOLD, OLDEST_UNCERTAIN, RECEIPTS_MISSING
from app.persistence.ids import new_id
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.untold import first_asked_at
from tests.builders.access import a_borrower
from tests.builders.sent import a_sent, message
from tests.conftest import START
from tests.fakes.callbacks import NAME

pytestmark = pytest.mark.both
PHONE = "+8613987654777"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass
class AskedProvider:
    """A channel whose provider can be asked; `knows` is message id -> what it tells."""

    name: str = "sms"
    provider: str = NAME
    knows: dict[str, Told] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        raise AssertionError("nothing is sent here")

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        self.asked += asked
        return [
            DeliveryReport("theirs", self.knows[one.message_id], "a reference") if one.message_id in self.knows else None
            for one in asked
        ]

    def close(self) -> None:
        pass


@pytest.fixture
def provider() -> AskedProvider:
    return AskedProvider()


def ask(provider: Any, after: timedelta) -> int:
    return ask_about_untold({"sms": provider}, now=START + after)


def test_what_is_uncertain_is_asked_for_and_cleared_up(app: Flask, provider: AskedProvider) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, state="uncertain", state_reason="NO_RECEIPT")
    provider.knows[sent] = Told.DELIVERED

    assert ask(provider, 4 * MINUTE) == 0
    assert ask(provider, 6 * MINUTE) == 1
    assert ask(provider, 60 * HOUR) == 0

    (asked,) = provider.asked
    assert (asked.message_id, asked.target.address, asked.sent_at) == (sent, PHONE, START)
    assert (message(sent).state, message(sent).state_reason) == ("delivered", None)
    with reading() as session:
        (receipt,) = session.scalars(select(DeliveryReceiptRow))
        assert (receipt.event_key, receipt.outcome) == (f"query:{sent}:delivered", "applied")


def test_a_receipt_that_got_lost_is_asked_for_later(app: Flask, provider: AskedProvider) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START)
    provider.knows[sent] = Told.FAILED

    assert ask(provider, 14 * MINUTE) == 0
    assert RECEIPTS_MISSING._value.get() == 0
    assert ask(provider, 16 * MINUTE) == 1

    assert message(sent).state == "failed"


def test_what_nobody_knows_is_asked_for_ever_less_often_and_given_up_after_three_days(
    app: Flask, provider: AskedProvider
) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, state="uncertain")
    before = NEVER_TOLD.labels("sms", "uncertain")._value.get()

    times = []
    for minutes in range(0, 80 * 60, 5):
        ask(provider, minutes * MINUTE)
        if len(provider.asked) > len(times):
            times.append(minutes)

    assert times[0] == 5
    assert 15 < len(times) < 40
    assert 72 * 60 <= times[-1] < 79 * 60
    assert max(later - earlier for earlier, later in pairwise(times)) <= 7 * 60
    assert (message(sent).state, message(sent).state_reason) == ("uncertain", "NO_RECEIPT")
    assert NEVER_TOLD.labels("sms", "uncertain")._value.get() == before + 1


def test_what_is_still_on_its_way_at_the_provider_after_three_days_is_asked_about_no_more(
    app: Flask, provider: AskedProvider
) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START)
    provider.knows[sent] = Told.ACCEPTED

    ask(provider, 73 * HOUR)
    ask(provider, 74 * HOUR)

    assert len(provider.asked) == 1


def test_a_batch_is_bounded_and_the_rest_comes_next(app: Flask, provider: AskedProvider) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    for _ in range(60):
        a_sent(borrower_id, now=START, state="uncertain")

    ask(provider, 6 * MINUTE)
    assert len(provider.asked) == 50
    ask(provider, 6 * MINUTE)

    assert len({one.message_id for one in provider.asked}) == len(provider.asked) == 60


def test_who_cannot_be_asked_or_was_not_the_one_is_left_alone(app: Flask, provider: AskedProvider) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    other = a_sent(borrower_id, now=START, state="uncertain", provider="another")
    push = a_sent(borrower_id, now=START, state="uncertain", channel="push")
    mail = a_sent(borrower_id, now=START, channel="email")
    provider.knows |= dict.fromkeys([other, push, mail], Told.DELIVERED)

    assert ask(provider, HOUR) == 0
    assert ask_about_untold({}, now=START + 2 * HOUR) == 0

    assert provider.asked == []


def test_of_a_channel_with_several_providers_the_right_one_is_asked(app: Flask, provider: AskedProvider) -> None:
    routed = AskedProvider(provider="first")
    routed.providers = {NAME: provider, "first": routed}  # type: ignore[attr-defined]
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, state="uncertain")
    provider.knows[sent] = Told.SENT

    assert ask(routed, HOUR) == 1

    assert message(sent).state == "sent"


def test_a_phone_that_is_gone_is_not_asked_about(app: Flask, provider: AskedProvider) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    a_sent(borrower_id, now=START, state="uncertain", endpoint_id="01981e6a-7c1e-7000-8000-3f1c2a5b9d10")

    assert ask(provider, HOUR) == 0

    assert provider.asked == []


def test_the_oldest_uncertain_message_and_missing_receipts_are_measured(app: Flask, provider: AskedProvider) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    a_sent(borrower_id, now=START, state="uncertain")
    a_sent(borrower_id, now=START)
    a_sent(borrower_id, now=START + 55 * MINUTE)

    ask_about_untold({}, now=START + HOUR)
    assert OLDEST_UNCERTAIN._value.get() == 3600
    with unit_of_work() as work:
        work.session.execute(update(MessageRow).values(state="delivered"))
    ask_about_untold({}, now=START + HOUR)

    assert (OLDEST_UNCERTAIN._value.get(), RECEIPTS_MISSING._value.get()) == (0, 0)


def test_an_uncertain_letter_is_asked_for_and_cleared_up_and_a_sent_one_is_left_to_the_post(app: Flask) -> None:
    printer = AskedProvider(name="letter", provider="lob")
    borrower_id, _ = a_borrower(address_lines=("1 High Street", "Leeds", "LS1 1AA"))
    lost = a_sent(borrower_id, now=START, state="uncertain", channel="letter", provider="lob")
    sent = a_sent(borrower_id, now=START, channel="letter", provider="lob", reference="ltr_1")
    printer.knows |= {lost: Told.ACCEPTED, sent: Told.SENT}

    told = ask_about_untold({"letter": printer}, now=START + 6 * MINUTE)
    ask_about_untold({"letter": printer}, now=START + 20 * MINUTE)

    assert (told, [one.message_id for one in printer.asked]) == (1, [lost])
    assert message(lost).state == "sent"
    assert RECEIPTS_MISSING._value.get() == 0


def test_a_letter_is_asked_about_for_two_weeks_and_the_taking_back_of_one_never(app: Flask) -> None:
    printer = AskedProvider(name="letter", provider="lob")
    borrower_id, _ = a_borrower(address_lines=("1 High Street", "Leeds", "LS1 1AA"))
    lost = a_sent(borrower_id, now=START, state="uncertain", channel="letter", provider="lob")
    a_sent(borrower_id, now=START, state="uncertain", channel="letter", provider="lob", withdraws_id=lost)

    for hours in range(1, 16 * 24, 6):
        ask_about_untold({"letter": printer}, now=START + hours * HOUR)

    assert {one.message_id for one in printer.asked} == {lost}
    assert 20 < len(printer.asked) < 60


def a_posted_letter(*, told: str = "handed_over", told_at: datetime = START, **changes: Any) -> str:
    """A letter that a printer took at START and of which it told last at `told_at`."""
    borrower_id, _ = a_borrower(address_lines=("1 High Street", "Leeds", "LS1 1AA"))
    given = {"reference": "ltr_1", "next_attempt_at": first_asked_at("letter", START), **changes}
    sent = a_sent(borrower_id, now=START, channel="letter", provider="lob", **given)
    with unit_of_work() as work:
        work.session.add(
            LetterRow(
                id=new_id(), borrower_id=borrower_id, message_id=sent, jurisdiction="GB", template="letter_arrears",
                locale="en", pages=2, sha256="0" * 64, pdf_sealed=b"", state=told, created_at=START, changed_at=told_at,
            )
        )  # fmt: skip
    return sent


def days_asked(printer: AskedProvider, *, until: int = 40) -> list[int]:
    """The days after START on which the printer was asked, looked at every six hours."""
    days = []
    for hours in range(0, until * 24, 6):
        before = len(printer.asked)
        ask_about_untold({"letter": printer}, now=START + hours * HOUR)
        days += [hours // 24] * (len(printer.asked) - before)
    return days


def letter_of(message_id: str) -> LetterRow:
    with reading() as session:
        row = session.scalars(select(LetterRow).where(LetterRow.message_id == message_id)).one()
        session.expunge(row)
        return row


def test_a_sent_letter_is_asked_about_after_a_week_then_every_three_days_and_given_up_after_thirty(app: Flask) -> None:
    printer = AskedProvider(name="letter", provider="lob")
    sent = a_posted_letter()
    before = NEVER_TOLD.labels("letter", "sent")._value.get()

    assert days_asked(printer) == [7, 10, 13, 16, 19, 22, 25, 28, 30]

    assert {(one.message_id, one.provider_reference) for one in printer.asked} == {(sent, "ltr_1")}
    assert message(sent).state == "sent"
    assert NEVER_TOLD.labels("letter", "sent")._value.get() == before + 1


def test_a_letter_of_which_something_was_told_is_asked_about_a_week_after_that(app: Flask) -> None:
    printer = AskedProvider(name="letter", provider="lob")
    a_posted_letter(told="in_transit", told_at=START + timedelta(days=5))
    before = NEVER_TOLD.labels("letter", "sent")._value.get()

    assert days_asked(printer) == [12, 15, 18, 21, 24, 27, 30]
    assert NEVER_TOLD.labels("letter", "sent")._value.get() == before


def test_a_letter_that_was_sent_otherwise_than_by_the_engine_waits_its_week_too(app: Flask) -> None:
    """E.g. uncertain at first, until its printer told that it has it."""
    printer = AskedProvider(name="letter", provider="lob")
    a_posted_letter(next_attempt_at=START + 5 * MINUTE)

    assert days_asked(printer, until=9) == [7]


def test_a_letter_that_came_back_while_nobody_told_is_learnt_of_by_asking(app: Flask) -> None:
    sent = a_posted_letter()

    class Returned(AskedProvider):
        def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
            self.asked += asked
            return [
                DeliveryReport("theirs", Told.FAILED, raw_code="letter.returned_to_sender", verdict="invalid")
                for _ in asked
            ]  # fmt: skip

    printer = Returned(name="letter", provider="lob")

    assert days_asked(printer) == [7]

    assert (message(sent).state, letter_of(sent).state) == ("failed", "returned")
    with reading() as session:
        assert session.scalars(select(EndpointRow.state)).all() == ["invalid"]
        assert session.scalars(select(DeliveryReceiptRow.event_key)).all() == [f"query:{sent}:failed"]


def test_a_letter_that_arrived_is_asked_about_no_more_and_one_that_was_taken_back_never(app: Flask) -> None:
    printer = AskedProvider(name="letter", provider="lob")
    arrived = a_posted_letter()
    a_posted_letter(told="cancelled", reference="ltr_2")
    printer.knows[arrived] = Told.DELIVERED
    before = NEVER_TOLD.labels("letter", "sent")._value.get()

    assert days_asked(printer) == [7]

    assert (message(arrived).state, letter_of(arrived).state) == ("delivered", "delivered")
    assert NEVER_TOLD.labels("letter", "sent")._value.get() == before


def test_that_a_letter_is_not_known_is_not_believed_of_one_that_its_printer_took(app: Flask) -> None:
    printer = KnowsNothing(name="letter", provider="lob")
    sent = a_posted_letter()

    ask_about_untold({"letter": printer}, now=START + timedelta(days=8))

    assert (len(printer.asked), message(sent).state) == (1, "sent")


def test_many_sent_letters_do_not_stand_before_a_text_that_may_not_have_left(app: Flask, provider: AskedProvider) -> None:
    printer = AskedProvider(name="letter", provider="lob")
    for number in range(60):
        a_posted_letter(reference=f"ltr_{number}")
    borrower_id, _ = a_borrower(phone=PHONE)
    day = START + timedelta(days=8)
    lost = a_sent(borrower_id, now=day, state="uncertain")

    ask_about_untold({"sms": provider, "letter": printer}, now=day + 6 * MINUTE)
    assert ([one.message_id for one in provider.asked], len(printer.asked)) == ([lost], 25)
    for _ in range(2):
        ask_about_untold({"letter": printer}, now=day + 6 * MINUTE)

    assert len({one.message_id for one in printer.asked}) == len(printer.asked) == 60


@dataclass
class KnowsNothing(AskedProvider):
    """A provider that says of every message that it was never taken."""

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        self.asked += asked
        return [DeliveryReport("none", Told.FAILED, error_code=NOT_TAKEN) for _ in asked]


def test_that_one_of_several_never_took_it_is_not_believed_while_nobody_knows_who_was_asked(
    app: Flask, provider: AskedProvider
) -> None:
    first = KnowsNothing(provider="first")
    first.providers = {"first": first, NAME: provider}  # type: ignore[attr-defined]
    borrower_id, _ = a_borrower(phone=PHONE)
    theirs = a_sent(borrower_id, now=START, state="uncertain", provider="first")
    nobodys = a_sent(borrower_id, now=START, state="uncertain", provider="first")
    recorded = a_sent(borrower_id, now=START, state="uncertain", provider="first", reference="a reference")
    provider.knows[theirs] = Told.DELIVERED

    assert ask(first, HOUR) == 2

    assert [message(each).state for each in (theirs, nobodys, recorded)] == ["delivered", "uncertain", "failed"]
    assert recorded not in {one.message_id for one in provider.asked}


def test_of_a_channel_with_one_provider_it_is_believed(app: Flask) -> None:
    only = KnowsNothing()
    borrower_id, _ = a_borrower(phone=PHONE)
    lost = a_sent(borrower_id, now=START, state="uncertain")

    assert ask(only, HOUR) == 1

    assert message(lost).state == "failed"
