"""The lane that the outbox writes in SQL is the one that `lane_of` says, and one that is not is found."""

from datetime import UTC, datetime

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.domain.lanes import LANES, lane_of
from app.persistence.models.messages import MessageRow
from app.persistence.queries import outbox
from app.persistence.queries.invariants import count_invariants
from app.persistence.queries.outbox import Settlement
from app.persistence.unit_of_work import reading, unit_of_work
from tests.builders.book import build_loan
from tests.builders.messages import queue_messages

NOW = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
STATES = ("queued", "sent", "delivered", "uncertain", "failed", "expired", "cancelled")


def queued(lane: str, borrower_id: str) -> str:
    channel = {"security": "sms", "withdrawal": "letter"}.get(lane, lane)
    message_class = lane if lane != channel else "reminder"
    [message_id] = queue_messages(borrower_id, channel, 1, now=NOW, message_class=message_class)
    return message_id


def lanes() -> dict[str, tuple[str | None, str | None]]:
    """Message id -> the lane it has, and the one it is to have."""
    with reading() as session:
        rows = session.execute(
            select(MessageRow.id, MessageRow.lane, MessageRow.state, MessageRow.message_class, MessageRow.channel)
        )
        return {row.id: (row.lane, lane_of(row.state, message_class=row.message_class, channel=row.channel)) for row in rows}


@pytest.mark.parametrize("lane", LANES)
def test_what_was_claimed_ends_in_the_lane_of_its_state(app: Flask, lane: str) -> None:
    built = build_loan(now=NOW, due=[NOW.date()])
    ended = {queued(lane, built.borrower_id): state for state in STATES}
    settled = {queued(lane, built.borrower_id): state for state in STATES}
    assert {each[0] for each in lanes().values()} == {lane}

    with unit_of_work() as work:
        outbox.mark_ended(work.session, {key: (state, "") for key, state in ended.items()})
        outbox.mark_sending(work.session, list(settled), owner="t", leased_until=NOW)
    with unit_of_work() as work:
        outbox.mark_outcomes(work.session, [Settlement(key, 1, state, None, NOW, NOW) for key, state in settled.items()])

    assert {key: found for key, found in lanes().items() if found[0] != found[1]} == {}


def test_a_message_that_stands_in_no_lane_though_it_waits_is_found(app: Flask) -> None:
    message_id = queued("push", build_loan(now=NOW, due=[NOW.date()]).borrower_id)
    with unit_of_work() as work:
        work.session.execute(update(MessageRow).where(MessageRow.id == message_id).values(lane=None))

    with reading() as session:
        assert count_invariants(session, until=NOW, contacts_per_day=1)["messages_in_the_wrong_lane"] == 1
