"""A call that waits for a person is taken back when there is nothing to ring about any more."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.consents import ConsentValues
from app.domain.hold_terms import HoldValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.consents import record_own_consents
from app.services.holds import Teller, put_hold
from app.services.policies import activate_document
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.cases import default_document

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
CALL_AT = datetime(2026, 3, 17, 10, 0, tzinfo=UTC)
PHONE = "+442071838750"
SetClock = Callable[[datetime], None]
pytestmark = pytest.mark.both


@pytest.fixture
def built(app: Flask, set_clock: SetClock) -> Built:
    """A loan seven days late, and the call about it in the queue."""
    document = default_document() | {"version": 2}
    action = {"task": "call", "queue": "early", "sla": "PT8H"}
    document["steps"] = [{"key": "d+7-call", "offset_days": 7, "action": action}]
    with unit_of_work() as work:
        activate_document(work, document, author="test", now=START)
    lender = build_lender(now=START, jurisdiction="GB", zone="Europe/London", role="first_party", role_reason="test")
    made = build_loan(now=START, due=[DUE], lender_id=lender, phone=PHONE, country="GB", zone="Europe/London")
    set_clock(CALL_AT)
    Engine(Dispatcher({}, owner="tester")).drain()
    return made


def tasks() -> list[tuple[str, str | None]]:
    with reading() as session:
        return [tuple(row) for row in session.execute(select(TaskRow.state, TaskRow.state_reason).order_by(TaskRow.id))]


def _pay(built: Built, at: datetime) -> None:
    pay(built, 10_000, now=at)


def _dispute(built: Built, at: datetime) -> None:
    with unit_of_work() as work:
        put_hold(work, built.borrower_id, HoldValues("dispute"), teller=Teller("staff:Eve", None, "agent"), now=at)


def _refuse_calls(built: Built, at: datetime) -> None:
    with unit_of_work() as work:
        record_own_consents(work, built.borrower_id, [ConsentValues("contact", "voice", False)], now=at)


@pytest.mark.parametrize(
    ("act", "reason"),
    [(_pay, "PAID"), (_dispute, "HOLD_DISPUTE"), (_refuse_calls, "OPTED_OUT")],
    ids=["paid", "disputed", "refused"],
)
def test_a_call_is_taken_back(built: Built, act: Any, reason: str) -> None:
    assert tasks() == [("open", None)]

    act(built, CALL_AT + timedelta(minutes=5))

    assert tasks() == [("cancelled", reason)]


def test_a_part_payment_leaves_the_call(built: Built) -> None:
    pay(built, 100, now=CALL_AT + timedelta(minutes=5))

    assert tasks() == [("open", None)]
