"""The worklist of calls: its order, who takes a task, dialling, and what a dial counts for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.domain.errors import (
    ConflictError,
    ContactCapReachedError,
    ContactRefusedError,
    LawRefusedError,
    NotFoundError,
    QuietHoursError,
)
from app.engine.follow_ups import follow_up_due
from app.persistence.db import db
from app.persistence.models.calls import CallRankRow, CallRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.call_cards import open_task_card
from app.services.call_ranking import rank_due
from app.services.call_tasks import claim, claim_next, release
from app.services.reminders import sweep
from tests.builders.book import pay
from tests.builders.calls import a_call_task, a_late_loan, a_lender, dial, listed, tell, worklist
from tests.builders.parallel import meet

NOON = datetime(2026, 3, 17, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
SetClock = Callable[[datetime], None]
pytestmark = pytest.mark.both


def take(task_id: str, lender_id: str, by: str, *, now: datetime = NOON) -> str | None:
    with unit_of_work() as work:
        return claim(work, task_id, lender_id=lender_id, by=by, now=now).claimed_by


def task(task_id: str) -> TaskRow:
    with reading() as session:
        row = session.get_one(TaskRow, task_id)
        session.expunge(row)
        return row


def calls() -> list[tuple[str, str | None]]:
    with reading() as session:
        return [(row.outcome, row.result) for row in session.scalars(select(CallRow).order_by(CallRow.called_at))]


# -- the order -------------------------------------------------------------------------------------------------------------


def test_the_list_goes_by_what_a_call_changes_with_wishes_and_days_of_law_first(app: Flask) -> None:
    lender = a_lender(now=NOON)
    small = a_call_task(a_late_loan(lender, now=NOON, amount_minor=5_000), now=NOON)
    large = a_call_task(a_late_loan(lender, now=NOON, amount_minor=60_000), now=NOON)
    of_law = a_call_task(a_late_loan(lender, now=NOON, amount_minor=100), now=NOON, due_on=date(2026, 3, 18))
    asked = a_call_task(a_late_loan(lender, now=NOON, amount_minor=100), now=NOON, kind="call_back")

    assert listed(lender, now=NOON) == [of_law, asked, large, small]
    rank_due(now=NOON)
    assert listed(lender, now=NOON) == [of_law, asked, large, small]


def test_what_is_not_for_now_comes_after_what_is_and_says_when(app: Flask) -> None:
    lender = a_lender(now=NOON)
    later = a_call_task(a_late_loan(lender, now=NOON, amount_minor=90_000), now=NOON, not_before=NOON + timedelta(hours=2))
    now = a_call_task(a_late_loan(lender, now=NOON, amount_minor=5_000), now=NOON)
    rank_due(now=NOON)

    found = worklist(lender, now=NOON)

    assert [(item.task.id, item.is_open) for item in found.items] == [(now, True), (later, False)]
    assert found.items[1].rank.opens_at == NOON + timedelta(hours=2)
    assert (found.open_count, found.waiting_count) == (1, 1)
    assert listed(lender, now=NOON + timedelta(hours=3)) == [later, now]


def test_at_night_nothing_may_be_dialled_and_in_the_morning_it_may(app: Flask) -> None:
    lender = a_lender(now=NOON)
    night = datetime(2026, 3, 16, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai
    a_call_task(a_late_loan(lender, now=NOON), now=night, not_after=night + timedelta(hours=20))
    rank_due(now=night)

    (item,) = worklist(lender, now=night).items

    assert not item.is_open
    assert item.rank.opens_at is not None
    assert item.rank.opens_at.astimezone(UTC).hour in range(24)
    assert worklist(lender, now=item.rank.opens_at).items[0].is_open


def test_a_place_says_what_it_is_made_of(app: Flask) -> None:
    lender = a_lender(now=NOON)
    a_call_task(a_late_loan(lender, now=NOON, amount_minor=50_000, days=8), now=NOON)

    (item,) = worklist(lender, now=NOON).items

    parts = {part.name: part for part in item.rank.parts}
    assert parts["amount"].facts == {"overdue_minor": 50_000, "cap_minor": 100_000, "currency": "USD"}
    assert parts["anyway"].facts["days_past_due"] == 8
    assert set(parts) == {"amount", "anyway", "reach", "lift"}


def test_another_lender_sees_and_takes_nothing_of_it(app: Flask) -> None:
    lender, other = a_lender(now=NOON), a_lender(now=NOON, code="rival")
    task_id = a_call_task(a_late_loan(lender, now=NOON), now=NOON)
    rank_due(now=NOON)

    assert listed(other, now=NOON) == []
    with pytest.raises(NotFoundError):
        take(task_id, other, "staff:Eve")


def test_ranks_of_closed_tasks_are_forgotten(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    rank_due(now=NOON)
    tell(built, "answered", now=NOON, at=NOON, task_id=task_id)

    rank_due(now=NOON)

    with reading() as session:
        assert session.scalars(select(CallRankRow)).all() == []


# -- taking ----------------------------------------------------------------------------------------------------------------


def test_of_many_who_take_a_task_at_once_one_gets_it(app: Flask) -> None:
    lender = a_lender(now=NOON)
    task_id = a_call_task(a_late_loan(lender, now=NOON), now=NOON)

    def one(number: int) -> str:
        try:
            return take(task_id, lender, f"staff:{number}") or "nobody"
        except ConflictError:
            return "refused"

    found = meet(app, 6, one)

    assert found.count("refused") == 5
    assert task(task_id).claimed_by in found


def test_of_many_who_take_the_next_each_gets_another(app: Flask) -> None:
    lender = a_lender(now=NOON)
    made = {a_call_task(a_late_loan(lender, now=NOON), now=NOON) for _ in range(4)}
    rank_due(now=NOON)

    def one(number: int) -> str | None:
        for _ in range(5):
            try:
                with unit_of_work() as work:
                    row = claim_next(work, lender_id=lender, by=f"staff:{number}", now=NOON)
                    return None if row is None else row.id
            except ConflictError:
                continue
        return None

    assert set(meet(app, 4, one)) == made


def test_a_claim_runs_out_and_can_be_given_back(app: Flask) -> None:
    lender = a_lender(now=NOON)
    task_id = a_call_task(a_late_loan(lender, now=NOON), now=NOON)
    take(task_id, lender, "staff:Eve")

    with pytest.raises(ConflictError):
        take(task_id, lender, "staff:Bob", now=NOON + timedelta(minutes=14))
    assert take(task_id, lender, "staff:Bob", now=NOON + timedelta(minutes=16)) == "staff:Bob"
    with unit_of_work() as work, pytest.raises(ConflictError):
        release(work, task_id, lender_id=lender, by="staff:Eve", role="agent", now=NOON)
    with unit_of_work() as work:
        release(work, task_id, lender_id=lender, by="staff:Sue", role="supervisor", now=NOON)
    assert task(task_id).claimed_by is None


def test_one_borrower_is_called_by_one_person_at_a_time(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    first = a_call_task(built, now=NOON)
    second = a_call_task(built, now=NOON, kind="call_back")
    take(first, lender, "staff:Eve")

    with pytest.raises(ConflictError):
        take(second, lender, "staff:Bob")
    assert take(second, lender, "staff:Eve") == "staff:Eve"


def test_the_next_call_is_none_of_a_borrower_whom_somebody_else_is_about_to_ring(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built, other = a_late_loan(lender, now=NOON, amount_minor=90_000), a_late_loan(lender, now=NOON, amount_minor=100)
    first, _ = a_call_task(built, now=NOON), a_call_task(built, now=NOON, kind="call_back")
    last = a_call_task(other, now=NOON)
    take(first, lender, "staff:Eve")

    with unit_of_work() as work:
        row = claim_next(work, lender_id=lender, by="staff:Bob", now=NOON)

    assert row is not None
    assert row.id == last


# -- dialling --------------------------------------------------------------------------------------------------------------


def test_a_dial_gives_the_number_counts_at_once_and_tells_the_lender(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)

    dialled = dial(task_id, lender, now=NOON)

    assert dialled.tel.startswith("tel:+86139")
    assert calls() == [("dialled", None)]
    assert task(task_id).claimed_by == "staff:Eve"
    with reading() as session:
        (event,) = session.scalars(select(WebhookEventRow).where(WebhookEventRow.type == "call.dial_requested.v1"))
        assert event.data["borrower_no"] == built.borrower_no
        assert "+86" not in str(event.data)
        assert session.scalars(select(MessageRow)).one().channel == "voice"


def test_a_policy_s_cap_may_be_set_aside_with_a_reason_and_the_law_s_may_not(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    for number in range(2):
        at = NOON + timedelta(minutes=10 * number)
        if number:
            with pytest.raises(ContactCapReachedError):
                dial(a_call_task(built, now=NOON), lender, now=at)
        dial(a_call_task(built, now=NOON), lender, now=at, role="supervisor", override_reason="asked for by the borrower")
        tell(built, "no_answer", now=at)

    at = NOON + timedelta(hours=1)
    with pytest.raises(LawRefusedError) as refused:
        dial(a_call_task(built, now=NOON), lender, now=at, role="supervisor", override_reason="asked for by the borrower")

    assert refused.value.facts["reason"] == "LEGAL_DAILY_CAP"
    assert refused.value.facts["until"]
    assert len(calls()) == 2


@pytest.mark.parametrize("proven", [True, False])
def test_a_call_back_that_nobody_proved_to_be_asked_for_is_a_call_as_any_other(app: Flask, proven: bool) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    dial(a_call_task(built, now=NOON), lender, now=NOON)
    tell(built, "no_answer", now=NOON)
    asked = a_call_task(built, now=NOON, kind="call_back", facts={"proven": proven})
    at = NOON + timedelta(minutes=30)

    if proven:
        assert dial(asked, lender, now=at).call_id
    else:
        with pytest.raises(ContactCapReachedError):
            dial(asked, lender, now=at)


def test_of_many_dials_at_once_the_cap_lets_one_through(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    tasks = [a_call_task(built, now=NOON) for _ in range(4)]

    def one(number: int) -> bool:
        try:
            dial(tasks[number], lender, now=NOON, by=f"staff:{number}")
            return True
        except (ConflictError, LawRefusedError):
            return False

    assert sum(meet(app, 4, one)) == 1
    assert calls() == [("dialled", None)]


def test_quiet_hours_hold_in_every_zone_the_borrower_may_be_in(app: Flask) -> None:
    lender = a_lender("US", now=NOON, role="third_party_collector")
    built = a_late_loan(lender, "US", now=NOON, zone="America/Los_Angeles")  # the phone is of New York
    early = datetime(2026, 3, 17, 13, 30, tzinfo=UTC)  # 09:30 in New York, 06:30 in Los Angeles
    task_id = a_call_task(built, now=early)

    with pytest.raises((LawRefusedError, QuietHoursError)):
        dial(task_id, lender, now=early)

    assert calls() == []
    assert dial(task_id, lender, now=datetime(2026, 3, 17, 16, 0, tzinfo=UTC)).tel.startswith("tel:+1212")


def test_what_was_paid_meanwhile_is_not_dialled(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    take(task_id, lender, "staff:Eve")
    pay(built, 10_000, now=NOON)
    sweep(now=NOON)

    with pytest.raises((ConflictError, ContactRefusedError)):
        dial(task_id, lender, now=NOON)

    assert calls() == []
    assert [item.rank.blocked_by for item in worklist(lender, now=NOON).items] == ["PAID"]


def test_a_second_dial_waits_for_the_outcome_of_the_first(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    dial(task_id, lender, now=NOON)

    with pytest.raises(ConflictError) as refused:
        dial(task_id, lender, now=NOON + timedelta(minutes=1))

    assert "call_id" in refused.value.facts
    assert [each.task_id for each in worklist(lender, now=NOON).dials] == [task_id]


def test_a_dial_of_which_nobody_told_counts_as_not_answered_after_a_day(app: Flask, set_clock: SetClock) -> None:
    lender = a_lender(now=NOON)
    task_id = a_call_task(a_late_loan(lender, now=NOON), now=NOON)
    dial(task_id, lender, now=NOON)

    follow_up_due(now=NOON + timedelta(hours=23))
    assert calls() == [("dialled", None)]
    follow_up_due(now=NOON + timedelta(hours=25))

    assert calls() == [("no_answer", None)]
    assert task(task_id).claimed_by is None


# -- what the caller sees -------------------------------------------------------------------------------------------------


def test_the_card_shows_hours_room_and_facts_but_not_the_number(app: Flask) -> None:
    lender = a_lender("US", now=NOON, role="third_party_collector")
    built = a_late_loan(lender, "US", now=NOON, amount_minor=12_345)
    at = datetime(2026, 3, 17, 16, 0, tzinfo=UTC)
    task_id = a_call_task(built, now=at)

    with unit_of_work() as work:
        card = open_task_card(work, task_id, lender_id=lender, by="staff:Eve", now=at)

    assert card.number_masked is not None
    assert card.number_masked.startswith("•••• ")
    assert [(each.zone, each.at.hour) for each in card.local_times] == [("America/New_York", 12)]
    assert card.answer.may_happen
    assert any(room.cap == "US-REGF-7IN7" and room.left == 7 for room in card.answer.room)
    assert [(loan.loan_no, loan.overdue_minor, loan.days_past_due) for loan in card.loans] == [(built.loan_no, 12_345, 8)]
    assert {"us_identity", "us_mini_miranda", "amount"} <= {point.key for point in card.points}
    assert "123.45" in next(point.words for point in card.points if point.key == "amount")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements that are sent meanwhile."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        found.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_a_page_costs_as_many_statements_for_thirty_tasks_as_for_three(app: Flask) -> None:
    lender = a_lender(now=NOON)
    costs = []
    for more in (3, 27):
        for _ in range(more):
            a_call_task(a_late_loan(lender, now=NOON), now=NOON)
        rank_due(now=NOON)
        with counted() as found:
            worklist(lender, now=NOON, limit=50)
        costs.append(len(found))

    assert costs[0] == costs[1] <= 10
