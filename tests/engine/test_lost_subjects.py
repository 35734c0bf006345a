"""Two loans in one contact, one of them paid before all of it was said: nothing names what is paid, and the rest is said."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from flask import Flask
from sqlalchemy import select

from app.channels.base import DeliveryResult, Outcome
from app.domain.hold_terms import HoldValues
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.db import vault
from app.persistence.models.messages import MessageRow
from app.persistence.models.reminders import ContactRow, DecisionRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.holds import Teller, put_hold
from app.services.inbox_marks import mark
from app.services.invariants import check_invariants
from app.services.policies import activate_document
from app.services.reminders import sweep
from tests.builders.book import Built, build_loan, give_phone, pay
from tests.fakes.channels import ACCEPTED, FakeChannel

pytestmark = pytest.mark.both
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
PAID_AT = STEP + timedelta(minutes=1)
SetClock = Callable[[datetime], None]
POLICY: dict[str, Any] = {
    "policy": "two-loans", "version": 1, "jurisdictions": ["UK"],
    "caps": [{"per": "borrower", "window": "P1D", "max": 1}],
    "quiet_hours": {"start": "21:00", "end": "08:00"},
    "stages": [{"key": "upcoming", "from": -7, "to": 0}],
    "steps": [{"key": "d-1", "offset_days": -1, "at": "10:00", "template": "due_soon", "expires_after": "PT12H",
               "ladder": [{"channel": "in_app"}, {"channel": "push", "give_up": {"unless": "seen", "after": "PT4H"}},
                          {"channel": "sms"}]}],
}  # fmt: skip


@pytest.fixture
def channels(app: Flask) -> dict[str, FakeChannel]:
    with unit_of_work() as work:
        activate_document(work, POLICY, author="test", now=START)
    return {"push": FakeChannel("push"), "sms": FakeChannel("sms")}


@pytest.fixture
def engine(channels: dict[str, FakeChannel]) -> Engine:
    return Engine(Dispatcher(dict(channels), owner="tester"))


@pytest.fixture
def loans(engine: Engine) -> tuple[Built, Built]:
    """The first leads: its amount is 100.00, the other's 70.00."""
    first = build_loan(now=START, due=[DUE], phone="+447911123456")
    second = build_loan(
        now=START, due=[DUE], amount_minor=7_000, borrower_no=first.borrower_no, lender_id=first.lender_id,
        phone="+447911123456",
    )  # fmt: skip
    give_phone(first, now=START)
    return first, second


def shown() -> list[tuple[str, list[str]]]:
    """(text, loans) of what stands in the inbox, oldest first."""
    with reading() as session:
        rows = session.scalars(
            select(MessageRow)
            .where(MessageRow.channel == "in_app", MessageRow.withdrawn_at.is_(None))
            .order_by(MessageRow.created_at, MessageRow.id)
        )
        texts = [orjson.loads(vault().open(row.text_sealed, place=f"messages.text:{row.id}") or "{}") for row in rows]
    return [(text["body"], [loan_id for loan_id, _ in text["about"]]) for text in texts]


def outcomes() -> dict[str, tuple[str, str]]:
    with reading() as session:
        rows = session.execute(select(DecisionRow.loan_id, DecisionRow.outcome, DecisionRow.reason))
        return {row.loan_id: (row.outcome, row.reason) for row in rows}


def all_is_well(until: datetime) -> bool:
    with reading() as session:
        return not any(check_invariants(session, until=until).values())


@pytest.mark.parametrize("number", [0, 1], ids=["what leads", "what is carried along"])
def test_what_is_paid_between_decision_and_claim_is_named_by_nothing_that_leaves(
    number: int, loans: tuple[Built, Built], engine: Engine, channels: dict[str, FakeChannel], set_clock: SetClock
) -> None:
    lost, rest = loans[number], loans[1 - number]
    set_clock(STEP)
    sweep(now=STEP)
    set_clock(PAID_AT)
    pay(lost, 10_000 if number == 0 else 7_000, now=PAID_AT)

    engine.drain()
    set_clock(STEP + timedelta(hours=5))
    engine.drain()

    assert outcomes() == {lost.loan_id: ("SUPPRESSED", "PAID"), rest.loan_id: ("SENT", "ON_SCHEDULE")}
    (sent,) = channels["push"].sent
    with reading() as session:
        pushed = session.get_one(MessageRow, sent.message_id)
        told = session.scalars(select(DecisionRow.loan_id).where(DecisionRow.contact_id == pushed.contact_id)).all()
        assert list(told) == [rest.loan_id]
        assert session.scalars(select(ContactRow.state).order_by(ContactRow.created_at)).all() == ["settled", "open"]
    assert len(channels["sms"].sent) == 1
    ((body, about),) = shown()
    assert about == [rest.loan_id]
    assert rest.loan_no in body
    assert lost.loan_no not in body
    assert all_is_well(STEP + timedelta(hours=6))


def test_what_is_disputed_while_it_waits_is_named_by_nothing_that_leaves(
    loans: tuple[Built, Built], engine: Engine, channels: dict[str, FakeChannel], set_clock: SetClock
) -> None:
    set_clock(STEP)
    sweep(now=STEP)
    set_clock(PAID_AT)
    with unit_of_work() as work:
        values = HoldValues("dispute", loan_no=loans[1].loan_no)
        teller = Teller("staff:Eve", loans[1].lender_id, "agent")
        put_hold(work, loans[1].borrower_id, values, teller=teller, now=PAID_AT)

    engine.drain()

    assert outcomes() == {loans[0].loan_id: ("SENT", "ON_SCHEDULE"), loans[1].loan_id: ("SUPPRESSED", "HOLD_DISPUTE")}
    assert [about for _, about in shown()] == [[loans[0].loan_id]]
    assert len(channels["push"].sent) == 1
    assert all_is_well(STEP + timedelta(hours=1))


def test_once_the_push_is_out_the_app_shows_the_rest_and_the_text_is_about_it(
    loans: tuple[Built, Built], engine: Engine, channels: dict[str, FakeChannel], set_clock: SetClock
) -> None:
    set_clock(STEP)
    engine.drain()
    set_clock(PAID_AT)
    pay(loans[0], 10_000, now=PAID_AT)

    ((body, about),) = shown()
    set_clock(STEP + timedelta(hours=4))
    engine.drain()

    assert about == [loans[1].loan_id]
    assert "70" in body
    assert "170" not in body
    (text,) = channels["sms"].sent
    with reading() as session:
        assert session.get_one(MessageRow, text.message_id).about == [f"{loans[1].loan_id}/1"]
        assert len(list(session.scalars(select(ContactRow.id)))) == 1
    assert [message.purpose for message in channels["push"].handed] == ["notify"]
    assert all_is_well(STEP + timedelta(hours=5))


def test_for_the_borrower_the_message_has_changed_and_nothing_new_has_come(
    loans: tuple[Built, Built], engine: Engine, set_clock: SetClock
) -> None:
    set_clock(STEP)
    engine.drain()
    with reading() as session:
        before = session.scalars(select(MessageRow.id).where(MessageRow.channel == "in_app")).one()
    mark(loans[0].borrower_id, before, "read", now=STEP)
    mark(loans[0].borrower_id, before, "archive", now=STEP)

    pay(loans[0], 10_000, now=PAID_AT)
    pay(loans[1], 1_000, now=PAID_AT + timedelta(minutes=1))

    with reading() as session:
        old, new = session.scalars(select(MessageRow).where(MessageRow.channel == "in_app").order_by(MessageRow.created_at))
        assert (old.withdrawn_at, new.withdrawn_at) == (PAID_AT, None)
        assert (new.read_at, new.archived_at) == (STEP, STEP)
        assert new.inbox_state == old.inbox_state == new.inbox_created
        assert new.settled_at is None


def test_all_paid_it_is_settled(loans: tuple[Built, Built], engine: Engine, set_clock: SetClock) -> None:
    set_clock(STEP)
    engine.drain()

    pay(loans[0], 10_000, now=PAID_AT)
    pay(loans[1], 7_000, now=PAID_AT + timedelta(minutes=1))

    with reading() as session:
        rows = session.scalars(select(MessageRow.settled_at).where(MessageRow.channel == "in_app")).all()
    assert set(rows) == {PAID_AT + timedelta(minutes=1)}
    assert len(shown()) == 1


def test_a_push_that_waits_for_its_provider_is_made_anew_about_the_rest(
    loans: tuple[Built, Built], engine: Engine, channels: dict[str, FakeChannel], set_clock: SetClock
) -> None:
    push = channels["push"]
    push.answer = lambda _message: DeliveryResult(Outcome.RETRY, error_code="UNAVAILABLE", retry_after_seconds=600)
    set_clock(STEP)
    engine.drain()
    push.answer = lambda _message: ACCEPTED
    pay(loans[0], 10_000, now=PAID_AT)

    set_clock(STEP + timedelta(minutes=30))
    engine.drain()

    first, second = push.sent
    with reading() as session:
        assert session.get_one(MessageRow, first.message_id).state == "cancelled"
        made = session.get_one(MessageRow, second.message_id)
        assert (made.state, made.about) == ("sent", [f"{loans[1].loan_id}/1"])
        assert len(list(session.scalars(select(ContactRow.id)))) == 1
    assert [about for _, about in shown()] == [[loans[1].loan_id]]
    assert all_is_well(STEP + timedelta(hours=1))
