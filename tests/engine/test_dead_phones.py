"""A phone that takes no texts is not tried again until there is another one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.channels.base import DeliveryResult, EndpointVerdict, Outcome, Outgoing
from app.domain.book import BorrowerValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.reminders import DecisionRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.borrowers import put_borrower
from app.services.policies import activate_document
from tests.builders.book import build_lender, build_loan
from tests.builders.cases import default_document
from tests.fakes.channels import ACCEPTED, FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
DEAD, NEW = "+442071838750", "+442071838751"
SetClock = Callable[[datetime], None]
pytestmark = pytest.mark.both


def answer(message: Outgoing) -> DeliveryResult:
    """An SMS provider that knows one phone to be dead."""
    if message.target.address == DEAD:
        return DeliveryResult(Outcome.REFUSED, verdict=EndpointVerdict.INVALID, error_code="ENDPOINT_INVALID")
    return ACCEPTED


def decided() -> list[tuple[str, str, str]]:
    with reading() as session:
        rows = session.execute(
            select(DecisionRow.step_key, DecisionRow.outcome, DecisionRow.reason).order_by(DecisionRow.occurs_at)
        )
        return [tuple(row) for row in rows]


def test_a_dead_phone_is_not_tried_again_until_it_changes(app: Flask, set_clock: SetClock) -> None:
    document = default_document() | {"version": 2}
    document["defaults"] = {**document["defaults"], "ladder": [{"channel": "sms"}]}
    for step in document["steps"]:
        step["template"] = "due_soon"
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    person = BorrowerValues("B1", phone=DEAD, country="GB", zone="Europe/London")
    build_loan(now=START, due=[DUE], lender_id=lender, borrower_no="B1", phone=DEAD, country="GB", zone="Europe/London")
    sms = FakeChannel(answer=answer)
    engine = Engine(Dispatcher({"sms": sms}, owner="tester"))

    def reach(day: int) -> int:
        set_clock(datetime(2026, 3, day, 10, 0, tzinfo=UTC))
        engine.drain()
        return len(sms.sent)

    assert reach(3) == 1
    assert reach(7) == 1
    assert decided() == [("d-7", "SENT", "ON_SCHEDULE"), ("d-3", "UNREACHABLE", "ENDPOINT_INVALID")]

    with unit_of_work() as work:
        put_borrower(work, replace(person, phone=NEW), now=START + timedelta(days=6), origin="test")

    assert reach(9) == 2
    assert sms.sent[-1].target.address == NEW
