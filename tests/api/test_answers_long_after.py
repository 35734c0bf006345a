"""What the desk writes into a thread that is long over is no answer: it is held to what every contact that we begin is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from app import clock
from app.persistence.db import session
from app.persistence.ids import new_id
from app.persistence.models.conversations import ConversationRow, ReplyCopyRow
from app.persistence.models.holds import HoldRow
from app.persistence.unit_of_work import unit_of_work
from app.services import rule_parts
from app.services.conversations import Word, add_word
from tests.builders.access import fresh_client
from tests.builders.book import Built, build_loan
from tests.builders.desk import a_seat

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DUN = "Your payment is overdue. Please pay what is open."


@pytest.fixture(autouse=True)
def _channels(sqlite_book: Flask) -> Iterator[None]:
    rule_parts.use_channels(["sms"])
    yield
    rule_parts.use_channels([])
    clock.use(clock.system_now)


def a_thread(*, resolved: bool, answered: bool = True) -> tuple[Built, str]:
    """A thread that the borrower began by text on Monday."""
    built = build_loan(
        now=MONDAY, due=[MONDAY.date() - timedelta(days=1)], country="GB", zone="Europe/London", phone="+447700900123",
        locale="en",
    )  # fmt: skip
    with unit_of_work() as work:
        said = Word(f"in/{new_id()}", "sms", "Thank you.", at=MONDAY)
        conversation_id = add_word(work, built.borrower_id, said, now=MONDAY).conversation_id
        row = work.session.get_one(ConversationRow, conversation_id)
        if answered:
            row.waiting_since = None
        if resolved:
            row.status, row.resolved_at = "resolved", MONDAY
    return built, conversation_id


def hold(built: Built, kind: str) -> None:
    with unit_of_work() as work:
        work.session.add(
            HoldRow(id=new_id(), borrower_id=built.borrower_id, kind=kind, from_at=MONDAY, form="written", by="test",
                    recorded_at=MONDAY)
        )  # fmt: skip


def answer(app: Flask, built: Built, conversation_id: str, text: str, *, after: timedelta) -> int:
    at = MONDAY + after
    clock.use(lambda: at)
    seat = a_seat(app, built.lender_id, now=at)
    body = {"message_id": new_id(), "text": text}
    path = f"/v1/desk/conversations/{conversation_id}/messages"
    return fresh_client(app).post(path, json=body, headers=seat.headers).status_code


def copies() -> list[tuple[str, str | None, str | None]]:
    session().rollback()
    return [(row.state, row.reason, row.rule) for row in session().query(ReplyCopyRow).order_by(ReplyCopyRow.word_id)]


@pytest.mark.parametrize(
    ("resolved", "answered", "days", "state"),
    [
        (True, True, 1, "queued"),
        (True, True, 30, "refused"),
        (False, True, 30, "queued"),
        (False, True, 61, "refused"),
        (False, False, 61, "queued"),
    ],
)
def test_a_copy_goes_out_while_the_borrower_keeps_the_thread_open(
    sqlite_book: Flask, resolved: bool, answered: bool, days: int, state: str
) -> None:
    built, conversation_id = a_thread(resolved=resolved, answered=answered)

    assert answer(sqlite_book, built, conversation_id, "We have your papers.", after=timedelta(days=days)) == 201

    ((found, reason, rule),) = copies()
    assert found == state
    if state == "refused":
        assert (reason, rule) == ("EXPIRED_WINDOW", "conversation.answered_within")


def test_what_asks_for_money_in_a_thread_that_is_over_is_held_to_what_stops_demands(sqlite_book: Flask) -> None:
    built, conversation_id = a_thread(resolved=True)
    hold(built, "dispute")

    assert answer(sqlite_book, built, conversation_id, DUN, after=timedelta(days=90)) in (403, 409, 451)
    assert copies() == []
