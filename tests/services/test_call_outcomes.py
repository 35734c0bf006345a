"""What follows when somebody tells how a call went."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.calls import TELLABLE
from app.domain.disputes import DisputeValues
from app.domain.errors import ConflictError, ValidationError
from app.domain.hardship import HardshipValues
from app.domain.money import Money
from app.persistence.models.calls import CallRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.disputes import DisputeRow
from app.persistence.models.hardship import HardshipRequestRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.messages import MessageRow
from app.persistence.models.promises import PromiseRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading
from tests.builders.calls import a_call_task, a_late_loan, a_lender, dial, tell, worklist

NOON = datetime(2026, 3, 17, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
pytestmark = pytest.mark.both
LATER: dict[str, dict[str, Any]] = {
    "promise": {"promise": (Money(10_000, "USD"), date(2026, 3, 20))},
    "callback": {"call_back_at": NOON + timedelta(days=1)},
    "dispute": {"dispute": DisputeValues("dispute", "amount_wrong", "The fee is wrong.")},
    "hardship": {"hardship": HardshipValues("income_lost")},
    "language_needed": {"language": "es"},
}
"""What is said beside an outcome that needs it."""


def rows(model: Any) -> list[Any]:
    with reading() as session:
        found = list(session.scalars(select(model)))
        session.expunge_all()
        return found


def open_tasks() -> list[str]:
    return sorted(row.kind for row in rows(TaskRow) if row.state == "open")


@pytest.mark.parametrize("outcome", TELLABLE)
def test_every_outcome_can_be_told_of_a_dial_once(app: Flask, outcome: str) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    dialled = dial(task_id, lender, now=NOON)

    followed = tell(built, outcome, now=NOON + timedelta(minutes=3), note="4111 1111 1111 1111", **LATER.get(outcome, {}))

    (call,) = rows(CallRow)
    assert (followed.call_id, call.id, call.result or call.outcome) == (dialled.call_id, dialled.call_id, outcome)
    assert len(rows(MessageRow)) >= 1
    with pytest.raises(ValidationError):
        tell(built, outcome, now=NOON + timedelta(minutes=4), **LATER.get(outcome, {}))


def test_a_promise_is_made_in_the_same_unit_and_none_where_it_cannot_be(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    dial(task_id, lender, now=NOON)

    with pytest.raises(ValidationError):
        tell(built, "promise", now=NOON, promise=(Money(10_000, "USD"), date(2020, 1, 1)))
    assert ([row.outcome for row in rows(CallRow)], rows(PromiseRow)) == (["dialled"], [])

    followed = tell(built, "promise", now=NOON, **LATER["promise"])

    (promise,) = rows(PromiseRow)
    assert (followed.promise_id, promise.amount_minor, promise.made_by) == (promise.id, 10_000, "staff:Eve")
    assert followed.task_state in ("done", "cancelled")


def test_a_wrong_number_stops_calls_and_texts_to_it_and_has_it_found(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    dial(a_call_task(built, now=NOON), lender, now=NOON)

    tell(built, "wrong_number", now=NOON)

    assert sorted((row.channel, row.state) for row in rows(EndpointRow)) == [("sms", "suspect"), ("voice", "suspect")]
    assert open_tasks() == ["find_number"]
    again = a_call_task(built, now=NOON)
    (item,) = [item for item in worklist(lender, now=NOON).items if item.task.id == again]
    assert (item.is_open, item.rank.opens_at) == (False, None)


@pytest.mark.parametrize(("outcome", "minutes"), [("busy", 15), ("no_answer", 120)])
def test_nobody_there_comes_up_again_until_it_was_tried_often_enough(app: Flask, outcome: str, minutes: int) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON, not_after=NOON + timedelta(hours=9))

    first = tell(built, outcome, now=NOON, at=NOON, task_id=task_id)
    second = tell(built, outcome, now=NOON, at=NOON - timedelta(minutes=1), task_id=task_id)
    third = tell(built, outcome, now=NOON, at=NOON - timedelta(minutes=2), task_id=task_id)

    assert (first.task_state, first.again_at) == ("open", NOON + timedelta(minutes=minutes))
    assert (second.task_state, third.task_state) == ("open", "done")


def test_it_does_not_come_up_again_after_its_time(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON, not_after=NOON + timedelta(hours=1))

    assert tell(built, "no_answer", now=NOON, at=NOON, task_id=task_id).task_state == "done"


def test_who_asks_to_be_called_back_is_on_top_at_that_time_and_not_before(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON, amount_minor=100)
    other = a_call_task(a_late_loan(lender, now=NOON, amount_minor=90_000), now=NOON, not_after=NOON + timedelta(days=2))
    at = NOON + timedelta(days=1)

    followed = tell(built, "callback", now=NOON, at=NOON, call_back_at=at)

    assert [item.task.id for item in worklist(lender, now=NOON).items if item.is_open] == [other]
    assert [item.task.id for item in worklist(lender, now=at).items] == [followed.task_id, other]


def test_a_dispute_and_hardship_are_opened_and_stop_the_calls(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built, other = a_late_loan(lender, now=NOON), a_late_loan(lender, now=NOON)

    tell(built, "dispute", now=NOON, at=NOON, **LATER["dispute"])
    tell(other, "hardship", now=NOON, at=NOON, **LATER["hardship"])

    assert (len(rows(DisputeRow)), len(rows(HardshipRequestRow))) == (1, 1)
    for each in (built, other):
        task_id = a_call_task(each, now=NOON)
        found = {item.task.id: item.is_open for item in worklist(lender, now=NOON).items}
        assert found[task_id] is False


@pytest.mark.parametrize("outcome", ["deceased", "represented"])
def test_who_died_or_is_represented_is_held_and_not_called_again(app: Flask, outcome: str) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)

    followed = tell(built, outcome, now=NOON, at=NOON)

    (hold,) = rows(HoldRow)
    assert (hold.id, hold.kind, hold.form) == (followed.hold_id, outcome, "oral")
    a_call_task(built, now=NOON)
    assert [item.is_open for item in worklist(lender, now=NOON).items] == [False]


def test_a_language_is_kept_with_the_task_for_somebody_who_speaks_it(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    task_id = a_call_task(built, now=NOON)
    dial(task_id, lender, now=NOON)

    followed = tell(built, "language_needed", now=NOON, language="es")

    (row,) = [row for row in rows(TaskRow) if row.id == task_id]
    assert (followed.task_state, row.facts["language"], row.claimed_by) == ("open", "es", None)


def test_what_does_not_fit_the_outcome_is_refused_by_field(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)

    for outcome, given, pointer in (
        ("promise", {}, "/promise"),
        ("answered", {"language": "es"}, "/language"),
        ("callback", {"call_back_at": NOON - timedelta(hours=1)}, "/call_back_at"),
    ):
        with pytest.raises(ValidationError) as refused:
            tell(built, outcome, now=NOON, at=NOON, **given)
        assert refused.value.errors[0].pointer == pointer
    assert rows(CallRow) == []


def test_only_who_dialled_or_a_senior_says_how_it_went(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)
    dial(a_call_task(built, now=NOON), lender, now=NOON)

    with pytest.raises(ConflictError):
        tell(built, "answered", now=NOON, by="staff:Bob")
    tell(built, "answered", now=NOON, by="staff:Sue", role="supervisor")

    assert [row.outcome for row in rows(CallRow)] == ["answered"]


def test_the_same_call_told_twice_is_one_and_makes_one_promise(app: Flask) -> None:
    lender = a_lender(now=NOON)
    built = a_late_loan(lender, now=NOON)

    first = tell(built, "promise", now=NOON, at=NOON, **LATER["promise"])
    second = tell(built, "promise", now=NOON, at=NOON, **LATER["promise"])

    assert (first.call_id, second.created) == (second.call_id, False)
    assert len(rows(PromiseRow)) == 1
