"""A device whose app was not opened for a month is left in peace, until the app is opened."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.reminders import DecisionRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.devices import DeviceValues, put_device
from app.services.policies import activate_document
from tests.builders.book import Built, build_lender, build_loan, give_phone
from tests.builders.cases import default_document
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
SetClock = Callable[[datetime], None]
pytestmark = pytest.mark.both


def a_borrower() -> Built:
    document = default_document() | {"version": 2}
    document["defaults"] = {**document["defaults"], "ladder": [{"channel": "push"}]}
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    return build_loan(now=START, due=[DUE], lender_id=lender, borrower_no="B1", country="GB", zone="Europe/London")


def decided() -> list[tuple[str, str, str]]:
    with reading() as session:
        rows = session.execute(
            select(DecisionRow.step_key, DecisionRow.outcome, DecisionRow.reason).order_by(DecisionRow.occurs_at)
        )
        return [tuple(row) for row in rows]


def test_it_is_not_pushed_to_until_the_app_is_opened_again(app: Flask, set_clock: SetClock) -> None:
    built = a_borrower()
    token = give_phone(built, now=START, last_seen_at=datetime(2026, 2, 3, 12, 0, tzinfo=UTC))
    push = FakeChannel()
    engine = Engine(Dispatcher({"push": push}, owner="tester"))

    def reach(day: int) -> int:
        set_clock(datetime(2026, 3, day, 10, 0, tzinfo=UTC))
        engine.drain()
        return len(push.sent)

    assert reach(3) == 1
    assert reach(7) == 1
    assert decided() == [("d-7", "SENT", "ON_SCHEDULE"), ("d-3", "UNREACHABLE", "ENDPOINT_SUSPECT")]

    opened = DeviceValues(token, "android", target_kind="token", target=token)
    put_device(built.borrower_id, opened, now=datetime(2026, 3, 8, 9, 0, tzinfo=UTC))

    assert reach(9) == 2


def test_another_device_that_is_used_gets_it_alone(app: Flask, set_clock: SetClock) -> None:
    built, at = a_borrower(), datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
    give_phone(built, now=START, last_seen_at=at - timedelta(days=30, seconds=1))
    give_phone(built, now=START, token="used", last_seen_at=at - timedelta(days=30))
    push = FakeChannel()

    set_clock(at)
    Engine(Dispatcher({"push": push}, owner="tester")).drain()

    assert [outgoing.target.address for outgoing in push.sent] == ["used"]
