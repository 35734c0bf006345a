"""The engine and the providers' stand-in over real HTTP: withdrawn in time, and handed on from one provider to the other."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app import metrics
from app.channels.base import Channel
from app.channels.push import FcmPush
from app.channels.push_credentials import ServiceAccount
from app.channels.registry import build_channels
from app.channels.transports import make_transport
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.outgoing import Surroundings
from app.engine.surroundings import status_urls
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.unit_of_work import reading
from app.sandbox.stand_in.client import StandInClient
from app.services.policies import ensure_default_policy
from tests.builders.book import Built, build_loan, give_phone, pay
from tests.builders.messages import NOW, queue_message, queue_messages, state_of
from tests.builders.patience import PATIENT, patience_for
from tests.channels.telephony import a_twilio_entry
from tests.fakes.stand_in import SMS_KEY, fcm_credentials_file, stand_in, stand_in_process

__all__ = ["fcm_credentials_file", "stand_in", "stand_in_process"]
pytestmark = pytest.mark.both
DUE = date(2026, 3, 10)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
SetClock = Callable[[datetime], None]


@pytest.fixture
def push(stand_in: StandInClient, fcm_credentials_file: Path) -> Iterator[FcmPush]:
    channel = FcmPush(ServiceAccount(fcm_credentials_file), make_transport(stand_in.url, threads=4))
    yield channel
    channel.close()


@pytest.fixture
def reminded(app: Flask, push: FcmPush, set_clock: SetClock) -> tuple[Built, Engine]:
    ensure_default_policy(now=STEP - timedelta(days=7))
    built = build_loan(now=STEP - timedelta(days=7), due=[DUE])
    give_phone(built, now=STEP - timedelta(days=7), token="phone")
    engine = Engine(Dispatcher({"push": push}, owner="tester"))
    set_clock(STEP)
    engine.drain()
    return built, engine


def pushes(stand_in: StandInClient) -> list[dict[str, Any]]:
    return [item["content"] for item in stand_in.received()]


def test_a_paid_reminder_leaves_the_screen_within_one_pass_of_the_engine(
    reminded: tuple[Built, Engine], stand_in: StandInClient, set_clock: SetClock
) -> None:
    built, engine = reminded
    (shown,) = pushes(stand_in)
    before = metrics.WITHDRAWAL_SECONDS._sum.get()

    pay(built, 10_000, now=STEP)
    engine.dispatch("withdrawal")

    _, withdrawal = pushes(stand_in)
    key = shown["android"]["collapse_key"]
    assert withdrawal["android"]["collapse_key"] == key == withdrawal["data"]["withdraws"] == shown["data"]["message_id"]
    assert "notification" not in withdrawal
    assert "notification" not in withdrawal["android"]
    assert metrics.WITHDRAWAL_SECONDS._sum.get() == before  # the book's clock stood still


def test_a_browser_shows_in_its_place_that_there_is_nothing_to_do(
    app: Flask, push: FcmPush, stand_in: StandInClient, set_clock: SetClock
) -> None:
    ensure_default_policy(now=STEP - timedelta(days=7))
    built = build_loan(now=STEP - timedelta(days=7), due=[DUE])
    give_phone(built, now=STEP - timedelta(days=7), platform="web")
    set_clock(STEP)
    engine = Engine(Dispatcher({"push": push}, owner="tester"))
    engine.drain()

    pay(built, 10_000, now=STEP)
    engine.dispatch("withdrawal")

    shown, withdrawal = pushes(stand_in)
    assert withdrawal["notification"]["title"] == "Nothing to do"
    assert withdrawal["webpush"]["notification"]["tag"] == shown["webpush"]["notification"]["tag"]
    assert withdrawal["webpush"]["headers"]["Topic"] == shown["webpush"]["headers"]["Topic"]


def test_nothing_but_withdrawals_comes_to_the_wire_after_the_payment(
    app: Flask, push: FcmPush, stand_in: StandInClient, set_clock: SetClock
) -> None:
    ensure_default_policy(now=STEP - timedelta(days=7))
    early = STEP - timedelta(days=7)
    book = [build_loan(now=early, due=[DUE]) for _ in range(20)]
    for built in book:
        give_phone(built, now=early)
    set_clock(STEP)
    engine = Engine(Dispatcher({"push": push}, owner="tester", claim_batch=4))
    engine.sweep_all()
    paid: dict[str, int] = {}

    for built in book:
        pay(built, 10_000, now=STEP)
        paid[built.borrower_id] = len(pushes(stand_in))
        engine.dispatcher.run_once(now=STEP)
    engine.drain()

    with reading() as session:
        owners = {row.id: row.borrower_id for row in session.execute(select(MessageRow.id, MessageRow.borrower_id))}
    late = [
        content["data"]["message_id"]
        for place, content in enumerate(pushes(stand_in))
        if "withdraws" not in content["data"] and place >= paid[owners[content["data"]["message_id"]]]
    ]
    shown = [content["data"]["message_id"] for content in pushes(stand_in) if "withdraws" not in content["data"]]
    taken_off = [content["data"]["withdraws"] for content in pushes(stand_in) if "withdraws" in content["data"]]
    assert late == []
    assert sorted(taken_off) == sorted(shown)
    assert shown


@pytest.fixture
def ann(app: Flask) -> Built:
    return build_loan(now=NOW, due=[DUE], phone="+447400123456")


@pytest.fixture
def patience() -> float:
    return PATIENT


@pytest.fixture
def two(stand_in: StandInClient, patience: float) -> Iterator[dict[str, Channel]]:
    """Twilio, and the gateway where Twilio does not take it."""
    channels = build_channels(
        fcm_base_url=stand_in.url,
        providers={"sms": [a_twilio_entry(stand_in, total_seconds=patience)]},
        sms_url=f"{stand_in.url}/sms",
        sms_key=SMS_KEY,
    )
    yield channels
    for channel in channels.values():
        channel.close()


def sent(channels: dict[str, Channel]) -> None:
    surroundings = Surroundings(status_url=status_urls("https://api.lender.example"))
    Engine(Dispatcher(channels, owner="tester", surroundings=surroundings)).dispatch_all()


def providers_of(message_id: str) -> list[tuple[str, str]]:
    with reading() as session:
        rows = session.execute(
            select(DeliveryAttemptRow.provider, DeliveryAttemptRow.outcome).where(
                DeliveryAttemptRow.message_id == message_id
            )
        )
        return [tuple(row) for row in rows]


FAULTS: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "slow": ({"act": "delay", "delay_ms": 1}, {("twilio", "accepted")}),
    "quota": ({"act": "answer", "status": 429, "body": {"code": 20429}}, {("gateway", "accepted")}),
    "reset while we write": ({"act": "reset_before"}, {("gateway", "accepted"), ("twilio", "uncertain")}),
    "no answer": ({"act": "drop"}, {("twilio", "uncertain")}),
    "taken, no answer": ({"act": "accept_then_reset"}, {("twilio", "uncertain")}),
}


@pytest.mark.parametrize(
    ("fault", "patience"), [(name, patience_for(program["act"])) for name, (program, _) in FAULTS.items()], ids=FAULTS
)
def test_what_twilio_surely_did_not_take_goes_to_the_gateway_and_nothing_else_does(
    ann: Built, two: dict[str, Channel], stand_in: StandInClient, fault: str
) -> None:
    message_id = queue_message(ann.borrower_id, "sms")
    program, expected = FAULTS[fault]
    stand_in.program({**program, "on": "twilio_messages"})

    sent(two)

    assert set(providers_of(message_id)) <= expected
    copies = [item for item in stand_in.received() if item["message_id"] == message_id]
    assert len(copies) == (1 if state_of(message_id)[0] == "sent" or fault.startswith("taken") else 0)


def test_a_provider_that_is_down_is_left_aside_after_its_first_failures(
    ann: Built, two: dict[str, Channel], stand_in: StandInClient
) -> None:
    queue_messages(ann.borrower_id, "sms", 100)
    stand_in.program({"on": "twilio_messages", "act": "answer", "status": 429, "body": {"code": 20429}})

    sent(two)

    asked = stand_in.counts()["requests"].get("twilio_messages:429", 0)
    assert asked <= 50
    assert stand_in.counts()["sms"] == 100
