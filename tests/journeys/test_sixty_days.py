"""Sixty days on every channel while five of a hundred requests to every provider go wrong."""

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.unit_of_work import reading
from app.sandbox.stand_in.client import StandInClient
from app.services.invariants import check_invariants
from app.services.rule_parts import use_channels
from app.wording.letter_texts import use_letterheads
from tests.conftest import make_settings
from tests.fakes.stand_in import CALLBACK_BASE, CALLBACK_SECRET, fcm_credentials_file, stand_in, stand_in_process
from tests.journeys.sixty_days import (
    NEVER_TWICE,
    OUTWARD,
    Stretch,
    bad_weather,
    channels_of,
    providers,
    received_ids,
    states_by_channel,
)

__all__ = ["fcm_credentials_file", "stand_in", "stand_in_process"]
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
LEFT = frozenset({"delivered", "sent", "failed", "uncertain"})
NOT_LEFT = frozenset({"expired", "cancelled"})


@pytest.fixture
def stretch(tmp_path: Path, stand_in: StandInClient, fcm_credentials_file: Path) -> Iterator[Stretch]:
    settings = make_settings(
        f"sqlite:///{tmp_path / 'sixty.db'}", tmp_path, providers=providers(stand_in), callback_secret=CALLBACK_SECRET,
        public_url=CALLBACK_BASE, fcm_base_url=stand_in.url, letterheads=tmp_path,
    )  # fmt: skip
    app: Flask = create_app(settings)
    with app.app_context():
        schema.upgrade(db.engine)
        channels = channels_of(settings, stand_in, fcm_credentials_file)
        yield Stretch(app, stand_in, channels, settings, START)
        for channel in channels.values():
            channel.close()
        db.session.remove()
        db.engine.dispose()
    use_channels(())
    use_letterheads(None)
    clock.use(clock.system_now)


@pytest.mark.parametrize("days", [12, pytest.param(60, marks=pytest.mark.nightly)])
def test_days_on_every_channel_with_five_percent_faults_on_every_provider(
    stretch: Stretch, stand_in: StandInClient, tmp_path: Path, days: int
) -> None:
    """Sixty days is `pytest -m nightly -s`; every run has twelve."""
    stretch.days = days
    stretch.prepare(tmp_path)
    use_letterheads(tmp_path)
    stand_in.program(*bad_weather(0.05))
    with reading() as session:  # letters that the sample book says were posted long ago, by nobody of this run
        brought = set(session.scalars(select(MessageRow.id)))

    stretch.run()

    states = states_by_channel()
    received = received_ids(stand_in.received())
    describe(stretch, states, received)

    # Each message has one final state, and the counts by state add up to the messages that were made.
    unfinished = {name: set(counts) - LEFT - NOT_LEFT for name, counts in states.items()}
    assert not any(unfinished.values()), unfinished
    assert set(OUTWARD) <= set(states)
    assert all(sum(states[name].values()) > days for name in OUTWARD), states

    # Nothing that cannot be taken back went out twice; push at most again under the same id, which replaces it.
    for channel in NEVER_TWICE:
        assert set(received[channel].values()) == {1}, [item for item in received[channel].items() if item[1] > 1]

    # What the book says and what the providers have is the same: what left was taken, what did not was not.
    with reading() as session:
        rows = session.execute(select(MessageRow.id, MessageRow.channel, MessageRow.state)).all()
        tried = Counter(session.scalars(select(DeliveryAttemptRow.message_id)))
    for row in rows:
        if row.channel not in OUTWARD or row.id in brought:
            continue
        was_taken = row.id in received.get(row.channel, ())
        if row.state in ("delivered", "sent"):
            assert was_taken, (row.channel, row.state)
            assert tried[row.id] >= 1
        if row.state in NOT_LEFT and row.channel != "push":
            assert not was_taken, (row.channel, row.state)

    # The law, the caps and the promise to decide about everybody held all the while.
    with reading() as session:
        wrong = check_invariants(session, until=stretch.end - timedelta(seconds=1))
    assert not any(wrong.values()), wrong
    assert stretch.answers[403] > 0
    assert not {status for status in stretch.answers if status >= 500}, stretch.answers


def describe(stretch: Stretch, states: dict[str, Counter[str]], received: dict[str, Counter[str]]) -> None:
    """Say what the days came to, for whoever runs this with -s."""
    lines = [f"{stretch.days} days, seed {stretch.seed}"]
    for channel, counts in sorted(states.items()):
        lines.append(
            f"{channel:11}{sum(counts.values()):6}  " + ", ".join(f"{n} {state}" for state, n in sorted(counts.items()))
        )
    for channel, ids in sorted(received.items()):
        lines.append(f"taken by the provider of {channel}: {sum(ids.values())}, of them {len(ids)} different messages")
    lines.append("posts answered: " + ", ".join(f"{count} x {status}" for status, count in sorted(stretch.answers.items())))
    sys.stdout.write("\n".join(["", *lines, ""]))
