"""One-time codes do not wait for reminders: they have connections of their own, and pauses of their own."""

from datetime import date

from flask import Flask

from app.channels.base import DeliveryResult, Outcome
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.services.sign_in import Caller, request_code
from tests.builders.book import build_loan
from tests.builders.messages import NOW, queue_message, state_of
from tests.fakes.channels import FakeChannel

PHONE = "+447400123456"


def test_a_provider_that_rests_from_reminders_and_is_slow_with_them_still_gets_codes(sqlite_book: Flask) -> None:
    built = build_loan(now=NOW, due=[date(2026, 3, 10)], borrower_no="B1", phone=PHONE)
    reminders, codes = FakeChannel(name="sms"), FakeChannel(name="sms")
    reminders.answer = lambda _message: DeliveryResult(Outcome.RETRY, error_code="quota", pause_provider_seconds=600)
    dispatcher = Dispatcher({"sms": reminders}, codes={"sms": codes}, owner="tester")
    engine = Engine(dispatcher)
    reminder = queue_message(built.borrower_id, "sms")
    engine.dispatch_all()

    request_code(PHONE, Caller("installation-1", "192.0.2.1", "en"), now=NOW)
    engine.dispatch_security()

    assert [message.target.address for message in codes.sent] == [PHONE]
    assert [message.message_id for message in reminders.sent] == [reminder]
    assert state_of(reminder)[0] == "queued"
