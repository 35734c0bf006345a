"""Why a borrower was or was not contacted, read from a real book on both databases."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.domain.errors import ValidationError
from app.engine.dispatch import Dispatcher
from app.engine.loop import Engine
from app.persistence.ids import new_id
from app.persistence.models.holds import HoldRow
from app.persistence.unit_of_work import reading_one_state, unit_of_work
from app.services.explained import Explanation, StepShown
from app.services.explanations import explain, page_touched
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.book import Built, build_loan, give_phone, pay, replan, set_status
from tests.fakes.channels import FakeChannel

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
EVE = date(2026, 3, 9)
STEP = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
LATER = datetime(2026, 4, 20, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.both
SetClock = Callable[[datetime], None]


@pytest.fixture
def rules(app: Flask) -> None:
    ensure_default_policy(now=START)


def why(built: Built, on: date, now: datetime, **changes: Any) -> Explanation:
    with reading_one_state() as session:
        return explain(session, built.borrower_id, on, now=now, **changes)


def steps(found: Explanation) -> dict[str, StepShown]:
    return {step.step: step for loan in found.loans for subject in loan.subjects for step in subject.steps}


def test_a_sent_reminder_is_told_with_its_messages_and_attempts(rules: None, set_clock: SetClock) -> None:
    built = build_loan(now=START, due=[DUE])
    give_phone(built, now=START)
    set_clock(STEP)
    Engine(Dispatcher({"push": FakeChannel()}, owner="tester")).drain()

    found = why(built, EVE, STEP)

    step = steps(found)["d-1"]
    assert found.was_contacted
    assert (step.status, step.code, step.policy) == ("decided", "SENT", "default v1")
    assert step.sentence == "Sent: the step's time had come and nothing stood in the way"
    assert [(message.channel, message.state) for message in step.messages] == [("in_app", "delivered"), ("push", "sent")]
    assert [attempt.outcome for attempt in step.messages[1].attempts] == ["accepted"]


def test_steps_before_and_after_the_day_are_told_too(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    sweep(now=STEP)

    found = steps(why(built, EVE, STEP))

    assert list(found) == ["d-3", "d-1", "d+0"]
    assert found["d+0"].status == "to_come"
    assert found["d+0"].sentence == "The step's time has not come; it comes Mar 10, 2026 10:00"
    assert found["d+0"].expected is not None
    assert found["d+0"].expected.outcome == "SENT"


def test_what_stands_in_the_way_of_a_step_to_come_is_told(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    sweep(now=STEP)
    until = datetime(2026, 3, 25, tzinfo=UTC)
    with unit_of_work() as work:
        work.session.add(
            HoldRow(id=new_id(), borrower_id=built.borrower_id, kind="dispute", from_at=STEP, until_at=until, by="borrower",
                    recorded_at=STEP)
        )  # fmt: skip

    expected = steps(why(built, EVE, STEP))["d+0"].expected

    assert expected is not None
    assert (expected.outcome, expected.reason) == ("SUPPRESSED", "HOLD_DISPUTE")
    assert expected.sentence == "Not sent: the borrower disputes it (hold until Mar 25, 2026 00:00)"
    assert expected.owner == "the borrower, or whoever records what the borrower says"


def test_one_who_had_paid_is_told_by_the_ledger(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    paid_at = datetime(2026, 3, 8, 12, 0, tzinfo=UTC)
    sweep(now=paid_at)
    pay(built, 10_000, now=paid_at)

    found = why(built, EVE, LATER)

    assert not found.was_contacted
    step = steps(found)["d-1"]
    assert (step.status, step.code, step.sentence) == ("none", "PAID_BEFORE", "Paid on Mar 8, 2026, before this step")
    assert steps(found)["d-3"].status == "decided"


def test_money_that_came_after_the_step_does_not_explain_it(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    pay(built, 10_000, now=STEP + timedelta(hours=2), recorded_at=STEP + timedelta(hours=2))

    step = steps(why(built, EVE, STEP + timedelta(hours=3)))["d-1"]

    assert step.code != "PAID_BEFORE"


def test_a_replaced_plan_explains_what_it_took_away(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    replan(built, [date(2026, 4, 10)], now=datetime(2026, 3, 9, 8, 0, tzinfo=UTC))

    found = steps(why(built, EVE, LATER))

    assert found["d-1"].code == "PLAN_REPLACED"
    assert found["d-1"].sentence == "A new plan had replaced this due date on Mar 9, 2026 08:00, before this step"


def test_a_loan_that_is_over_is_told(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    set_status(built, "written_off", now=datetime(2026, 3, 8, 12, 0, tzinfo=UTC))

    step = steps(why(built, EVE, LATER))["d-1"]

    assert step.sentence == "The loan was over on Mar 8, 2026 12:00, before this step (written_off)"


def test_a_loan_that_nobody_watched_yet_is_told(rules: None) -> None:
    built = build_loan(now=datetime(2026, 3, 9, 12, 0, tzinfo=UTC), due=[DUE])

    step = steps(why(built, EVE, LATER))["d-1"]

    assert (step.status, step.code) == ("none", "BORROWER_NOT_KNOWN")


def test_a_step_nobody_looked_at_is_told(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])

    assert steps(why(built, EVE, STEP + timedelta(minutes=1)))["d-1"].code == "NOT_LOOKED_AT"


def test_a_missing_decision_is_called_a_defect(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    sweep(now=STEP)
    with unit_of_work() as work:
        work.session.connection().exec_driver_sql("DELETE FROM decision_events")
        work.session.connection().exec_driver_sql("DELETE FROM messages")
        work.session.connection().exec_driver_sql("DELETE FROM decisions")

    assert steps(why(built, EVE, STEP))["d-1"].code == "UNEXPLAINED"


def test_without_a_policy_or_a_loan_there_is_an_answer_too(app: Flask) -> None:
    built = build_loan(now=START, due=[DUE])

    found = why(built, EVE, STEP)

    assert (found.code, found.sentence) == ("NO_POLICY", "No policy is active, so nobody is reminded")
    assert why(built, EVE, STEP, lender_id=new_id()).code == "NO_LOAN"


def test_a_day_far_from_every_step_names_the_nearest(rules: None) -> None:
    built = build_loan(now=START, due=[DUE, date(2026, 6, 10)])

    assert list(steps(why(built, date(2026, 4, 25), LATER))) == ["d+30"]
    far = why(built, date(2027, 4, 25), LATER)
    assert (far.loans[0].code, far.loans[0].sentence) == (
        "NOTHING_NEAR", "No step of the policy falls near this day for this loan",
    )  # fmt: skip


def test_it_is_told_in_chinese(rules: None) -> None:
    built = build_loan(now=START, due=[DUE])
    sweep(now=STEP)

    found = steps(why(built, EVE, STEP, locale="zh-CN"))

    assert found["d-1"].sentence == "已发送：到了提醒时间，且没有任何阻碍"
    assert found["d+0"].sentence == "尚未到提醒时间，将于2026年3月10日 10:00"


def test_everyone_a_reason_touched_comes_in_pages(rules: None) -> None:
    for _ in range(3):
        build_loan(now=START, due=[DUE])
    sweep(now=STEP)

    with reading_one_state() as session:
        first = page_touched(session, "ON_SCHEDULE", since=START, limit=2)
        rest = page_touched(session, "ON_SCHEDULE", since=START, before=(first[-1].at, first[-1].decision_id), limit=2)
        none = page_touched(session, "ON_SCHEDULE", since=STEP + timedelta(seconds=1), limit=2)

    assert len({each.borrower_no for each in first + rest}) == 3
    assert (len(first), len(rest), none) == (2, 1, [])


def test_a_reason_that_does_not_exist_is_refused(app: Flask) -> None:
    with reading_one_state() as session, pytest.raises(ValidationError):
        page_touched(session, "NO_SUCH", since=START)
