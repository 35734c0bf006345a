"""Every outcome of the table in docs/sandbox.md is sent on every channel that has it, and ends as the table says."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from app import clock
from app.channels.registry import build_channels
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.engine.surroundings import surroundings_of
from app.factory import create_app
from app.persistence.db import db
from app.persistence.queries.clocks import freeze, stored_source
from app.persistence.unit_of_work import close_session, reading, unit_of_work
from app.sandbox import sample_book, samples
from app.sandbox.deliveries import deliveries, stopped_channels
from app.sandbox.magic_addresses import give_address
from app.sandbox.provider_accounts import SandboxAccounts
from app.sandbox.running import LETTERHEADS
from app.sandbox.sample_addresses import OWN, addresses_of, open_wechat
from app.sandbox.samples import send_sample
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.stand_in.magic import ON_CHANNEL, OUTCOMES
from app.sandbox.virtual_phone import get_borrower_id, get_demo
from app.services.devices import DeviceValues, put_device
from app.services.policies import adopt_content, ensure_default_policy
from app.services.rule_parts import use_channels
from config import ROOT
from tests.builders.patience import FAIR, PATIENT
from tests.conftest import START, make_settings
from tests.fakes.stand_in import CALLBACK_BASE, CALLBACK_SECRET, MAIL_KEY

CHANNELS = ("push", "sms", "voice", "wechat", "email", "letter")
_ROW = re.compile(r"\| (\d\d) \| `(\w+)` \|")
BORROWER = "DEMO-GB"


def documented() -> dict[str, dict[str, tuple[str, ...]]]:
    """Outcome -> channel -> (state of the message, what is held against the address), as the page has it."""
    found = {}
    for line in (ROOT / "docs" / "sandbox.md").read_text().splitlines():
        row = _ROW.match(line)
        if row:
            cells = [cell.strip() for cell in line.strip("|").split("|")][3:]
            found[row[2]] = {
                channel: tuple(cell.split(", ")) for channel, cell in zip(CHANNELS, cells, strict=True) if cell != "-"
            }
            assert OUTCOMES[row[1]] == row[2]
    return found


class Sandbox:
    """The sample book, the real engine and the real callback door; only the clock is held."""

    def __init__(self, app: Flask, stand_in: StandInClient) -> None:
        self.app, self.stand_in = app, stand_in
        self.patient, self.hasty = self._engine(PATIENT), self._engine(FAIR)
        self.now = START

    def _engine(self, seconds: float) -> Engine:
        """One that waits so long for providers; push, of which none is silent for ever, as long as in production."""
        settings = self.app.config["SETTINGS"]
        channels = build_channels(
            fcm_base_url=settings.fcm_base_url,
            fcm_credentials_file=settings.fcm_credentials_file,
            providers={
                channel: tuple({**each, "total_seconds": seconds} for each in entries)
                for channel, entries in settings.providers.items()
            },
        )
        return Engine(Dispatcher(channels, owner="tester", surroundings=surroundings_of(settings)))

    def retire(self) -> None:
        for engine in (self.patient, self.hasty):
            engine.retire()

    def send(self, channel: str, outcome: str) -> tuple[str, ...]:
        """Give the borrower the address, send a sample, hear what the provider says; return how it ended."""
        engine = self.hasty if outcome == "timeout" else self.patient
        give_address(BORROWER, channel, outcome, now=self.now)
        heard = len(self.stand_in.callbacks())
        send_sample(BORROWER, channel, now=self.now)
        (sample,) = (each["message_id"] for each in self.listed()[:1])
        engine.dispatch(channel)
        if self.look(channel, sample)[0] == "queued":
            self.wait(timedelta(minutes=2))
            engine.dispatch(channel)
        self.hear(heard)
        return self.look(channel, sample)

    def hear(self, since: int) -> None:
        """Post to the door what the stand-in would have posted, in its order."""
        client = self.app.test_client()
        for post in self.stand_in.callbacks(since=since):
            parts = urlsplit(post["url"])
            answer = client.post(
                f"{parts.path}?{parts.query}" if parts.query else parts.path, data=post["body"], headers=post["headers"]
            )
            assert answer.status_code < 300, answer.text

    def listed(self) -> list[dict[str, Any]]:
        with reading() as session:
            return deliveries(session, get_borrower_id(session, BORROWER))

    def look(self, channel: str, message_id: str) -> tuple[str, ...]:
        (state,) = (each["state"] for each in self.listed() if each["message_id"] == message_id)
        with reading() as session:
            against = stopped_channels(session, get_borrower_id(session, BORROWER)).get(channel)
        return (state, against) if against else (state,)

    def wait(self, length: timedelta) -> None:
        self.now += length
        with unit_of_work() as work:
            freeze(work.session, self.now)


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, stand_in_process: StandInClient, fcm_credentials_file: Path
) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("magic")
    accounts = SandboxAccounts(stand_in_process.url, stand_in_process.smtp_port(), CALLBACK_BASE, CALLBACK_SECRET, MAIL_KEY)
    document = accounts.document()
    document.pop("callbacks")
    settings = make_settings(
        f"sqlite:///{folder / 'magic.db'}",
        folder,
        mode="sandbox",
        stand_in_url=stand_in_process.url,
        fcm_base_url=stand_in_process.url,
        fcm_credentials_file=fcm_credentials_file,
        providers={channel: tuple(entries) for channel, entries in document.items() if channel != "payment"},
        public_url=CALLBACK_BASE,
        callback_secret=CALLBACK_SECRET,
        letterheads=LETTERHEADS,
    )
    app = create_app(settings)
    with app.app_context():
        with unit_of_work() as work:
            freeze(work.session, START)
        sample_book.fill(now=START)
        open_wechat(now=START)
        ensure_default_policy(now=START)
        adopt_content(now=START)
        own = addresses_of(get_demo(BORROWER)).push_token
        with reading() as session:
            borrower_id = get_borrower_id(session, BORROWER)
        put_device(borrower_id, DeviceValues(own, "android", "token", own, zone="Europe/London"), now=START)
        close_session()
        sandbox = Sandbox(app, stand_in_process)
        yield sandbox
        sandbox.retire()
        close_session()
        db.engine.dispose()
    clock.use(clock.system_now)
    use_channels(())


@pytest.fixture
def sandbox(made: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setattr(samples, "_LEAVES_WITHIN_SECONDS", 0.0)  # nobody sweeps here: what is to be decided anew waits on
    clock.use(stored_source(db.engine))
    made.wait(timedelta(hours=1))
    yield made
    for channel in CHANNELS:
        give_address(BORROWER, channel, OWN, now=made.now)
    close_session()


def test_every_outcome_is_on_the_page_with_every_channel_that_has_it() -> None:
    page = documented()

    assert set(page) == set(OUTCOMES.values())
    assert {outcome: set(cells) for outcome, cells in page.items()} == {
        outcome: {channel for channel, known in ON_CHANNEL.items() if outcome in known} for outcome in OUTCOMES.values()
    }


@pytest.mark.parametrize("outcome", OUTCOMES.values())
def test_a_message_to_a_magic_address_ends_as_the_page_says(sandbox: Sandbox, outcome: str) -> None:
    expected = documented()[outcome]

    assert {channel: sandbox.send(channel, outcome) for channel in expected} == expected


def test_a_reply_opens_a_conversation(sandbox: Sandbox) -> None:
    from sqlalchemy import func, select

    from app.persistence.models.conversations import ConversationMessageRow

    count = select(func.count()).select_from(ConversationMessageRow)
    with reading() as session:
        before = session.scalar(count)

    sandbox.send("sms", "reply")

    with reading() as session:
        assert session.scalar(count) == before + 1


def test_a_sample_waits_for_the_one_before_it(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be taken back: its step is in no policy, and the second sample is a change of the case."""
    send_sample(BORROWER, "push", now=sandbox.now)
    (first,) = (each["message_id"] for each in sandbox.listed()[:1])
    monkeypatch.setattr(samples, "_LEAVES_WITHIN_SECONDS", 60.0)
    monkeypatch.setattr(samples, "_pause", lambda: sandbox.patient.dispatch("push"))

    send_sample(BORROWER, "sms", now=sandbox.now)

    assert sandbox.look("push", first)[0] == "sent"
