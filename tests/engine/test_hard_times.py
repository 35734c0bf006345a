"""Outages, new rules while messages wait: nothing in a burst, nothing too late, nothing by rules that are gone."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.channels.base import DeliveryResult, Outcome
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.invariants import check_invariants
from app.services.policies import activate_document
from tests.builders.book import build_lender, build_loan, give_phone
from tests.builders.policies import a_document
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)


def _in_force(*, version: int = 1, now: datetime = START, expires: str = "PT10H", **changes: Any) -> None:
    steps = [
        {"key": key, "offset_days": offset, "at": "10:00", "template": template, "expires_after": expires,
         "ladder": [{"channel": "in_app"}, {"channel": "push"}]}
        for key, offset, template in (("d-3", -3, "due_soon"), ("d-1", -1, "due_soon"), ("d+0", 0, "due_today"),
                                      ("d+1", 1, "overdue_early"), ("d+7", 7, "overdue_early"))
    ]  # fmt: skip
    with unit_of_work() as work:
        document = a_document(**{"version": version, "steps": steps, **changes})
        activate_document(work, document, author="ops", now=now)


def _outcomes() -> Counter[tuple[str, str, str]]:
    with reading() as session:
        rows = session.execute(select(DecisionRow.step_key, DecisionRow.outcome, DecisionRow.reason))
        return Counter((row.step_key, row.outcome, row.reason) for row in rows)


def _work(engine: Engine, at: datetime) -> None:
    clock.use(lambda: at)
    engine.drain()


def test_after_three_days_the_highest_step_still_alive_speaks_for_all(app: Flask) -> None:
    _in_force(expires="P4D")
    lender_id = build_lender(now=START)
    for number in (1, 2):
        one = build_loan(now=START, due=[DUE], borrower_no="B1", lender_id=lender_id, loan_no=f"L{number}")
    give_phone(one, now=START)
    channel = FakeChannel()
    engine = Engine(Dispatcher({"push": channel}, owner="tester"))

    _work(engine, datetime(2026, 3, 11, 10, 30, tzinfo=UTC))

    assert _outcomes() == {
        ("d-3", "EXPIRED", "EXPIRED_WINDOW"): 2,
        ("d-1", "SUPPRESSED", "STEP_SUPERSEDED"): 2,
        ("d+0", "SUPPRESSED", "STEP_SUPERSEDED"): 2,
        ("d+1", "SENT", "ON_SCHEDULE"): 1,
        ("d+1", "CONSOLIDATED", "CONSOLIDATED_INTO"): 1,
    }
    assert len(channel.sent) == 1


@pytest.mark.parametrize("days", [3, 40])
def test_after_an_outage_nobody_is_contacted_twice_on_a_day(app: Flask, days: int) -> None:
    _in_force(expires="P2D")
    lender_id = build_lender(now=START)
    zones = ("UTC", "Asia/Shanghai", "America/New_York")
    for number in range(9):
        for loan in range(3):
            due = [DUE + timedelta(days=number + 5 * loan + 14 * row) for row in range(3)]
            one = build_loan(
                now=START, due=due, borrower_no=f"B{number}", lender_id=lender_id, loan_no=f"L{number}-{loan}",
                zone=zones[number % 3],
            )  # fmt: skip
        give_phone(one, now=START)
    channel = FakeChannel()
    engine = Engine(Dispatcher({"push": channel}, owner="tester"))
    _work(engine, START)

    back = START + timedelta(days=6 + days)
    for hour in range(72):
        _work(engine, back + timedelta(hours=hour))

    with reading() as session:
        contacts = Counter(
            session.execute(
                select(ContactRow.borrower_id, ContactRow.local_date).where(ContactRow.slot_no.is_not(None))
            ).all()
        )
        late = session.scalars(
            select(DecisionRow.step_key).where(
                DecisionRow.outcome.in_(("SENT", "CONSOLIDATED")), DecisionRow.occurs_at < back - timedelta(days=2)
            )
        ).all()
        counts = check_invariants(session, until=back + timedelta(hours=70))
    reasons = Counter(reason for _, _, reason in _outcomes().elements())
    assert contacts
    assert max(contacts.values()) == 1
    assert len(channel.sent) == sum(contacts.values())
    assert late == []
    assert reasons["EXPIRED_WINDOW"] > 0
    assert reasons["STEP_SUPERSEDED"] > 0
    assert not any(counts.values()), counts


class _Down(FakeChannel):
    """A provider that cannot be reached until it is mended."""

    is_down = True

    def send(self, batch: Any, *, now: datetime) -> list[DeliveryResult]:
        if self.is_down:
            return [DeliveryResult(Outcome.RETRY, error_code="UNAVAILABLE") for _ in batch]
        return super().send(batch, now=now)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": [{"key": "d+7", "offset_days": 7, "template": "overdue_early", "ladder": [{"channel": "push"}]}]},
        {"quiet_hours": {"start": "10:30", "end": "09:00"}},
        {"tolerance": {"USD": "500.00"}},
    ],
    ids=["without-its-step", "narrower-hours", "tolerance"],
)
@pytest.mark.parametrize("engines", [1, 2])
def test_what_waits_when_new_rules_come_into_force_leaves_by_them_or_not_at_all(
    app: Flask, changes: dict[str, Any], engines: int
) -> None:
    _in_force()
    one = build_loan(now=START, due=[DUE])
    give_phone(one, now=START)
    channel = _Down()
    running = [Engine(Dispatcher({"push": channel}, owner=f"engine-{number}")) for number in range(engines)]
    step = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
    _work(running[0], step)
    with reading() as session:
        assert session.scalar(select(MessageRow.state).where(MessageRow.channel == "push")) == "queued"

    _in_force(version=2, now=step + timedelta(minutes=40), **changes)
    channel.is_down = False
    for minute in range(41, 41 + 240, 10):
        for engine in running:
            _work(engine, step + timedelta(minutes=minute))

    assert channel.sent == []
    with reading() as session:
        assert session.scalar(select(MessageRow.state).where(MessageRow.channel == "push")) == "cancelled"


def test_what_waits_and_may_still_be_said_leaves_under_the_new_rules(app: Flask) -> None:
    _in_force()
    one = build_loan(now=START, due=[DUE])
    give_phone(one, now=START)
    channel = _Down()
    engine = Engine(Dispatcher({"push": channel}, owner="engine"))
    step = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
    _work(engine, step)

    _in_force(version=2, now=step + timedelta(minutes=40), not_after_margin="PT20M")
    channel.is_down = False
    for minute in range(41, 41 + 240, 10):
        _work(engine, step + timedelta(minutes=minute))

    assert len(channel.sent) == 1
