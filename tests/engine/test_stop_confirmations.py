"""The confirmation of a STOP leaves although its channel is closed, and counts for nothing."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.deliveries import Callback, InboundMessage
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow
from app.persistence.unit_of_work import reading
from app.services.callback_posts import take_callback
from app.services.consents import consents_of
from tests.builders.access import a_borrower
from tests.conftest import START
from tests.fakes.channels import FakeChannel

pytestmark = pytest.mark.both
PHONE = "+12025550123"


def stop() -> None:
    inbound = InboundMessage("stop-1", "sms", "phone", PHONE, "STOP", at=START)
    take_callback(Callback("paper", inbound=[inbound], is_signed=True), b"post", now=START)


def test_it_leaves_after_every_change_of_the_case_and_is_no_contact(
    app: Flask, set_clock: Callable[[datetime], None]
) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    channel = FakeChannel("sms")
    engine = Engine(Dispatcher({"sms": channel}, owner="tester"))
    stop()

    set_clock(START)
    engine.drain()

    assert [each.kind for each in channel.sent] == ["stop_confirmed"]
    with reading() as session:
        assert not consents_of(session, borrower_id)["contact", "sms"].given
        assert session.scalar(select(MessageRow.state)) == "sent"
        assert session.scalar(select(func.count()).select_from(ContactRow)) == 0
