"""Why a step has no decision: the first thing that was true at its instant."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.domain.explanations import Absence, Known, LoanHistory, RowHistory, near, nearest, why_none

AT = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
BEFORE, AFTER = AT - timedelta(hours=1), AT + timedelta(hours=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ROW = RowHistory("L1", 1, 1, date(2026, 3, 10), LONG_AGO)


def known(**changes: Any) -> Known:
    given: dict[str, Any] = {
        "now": AFTER, "borrower_from": LONG_AGO, "loan": LoanHistory(LONG_AGO), "paid_on": lambda at: None,
        "decided_until": AFTER,
    }  # fmt: skip
    return Known(**{**given, **changes})


@pytest.mark.parametrize(
    ("row", "what", "code"),
    [
        (ROW, known(borrower_from=AFTER), Absence.BORROWER_NOT_KNOWN),
        (ROW, known(loan=LoanHistory(AFTER)), Absence.LOAN_NOT_KNOWN),
        (replace(ROW, watched_from=AFTER), known(), Absence.NOT_WATCHED),
        (replace(ROW, replaced_at=BEFORE), known(), Absence.PLAN_REPLACED),
        (ROW, known(loan=LoanHistory(LONG_AGO, "written_off", BEFORE)), Absence.LOAN_OVER),
        (ROW, known(loan=LoanHistory(LONG_AGO, "active", None, AFTER)), Absence.LOAN_WAS_OVER),
        (ROW, known(paid_on=lambda at: date(2026, 3, 8)), Absence.PAID_BEFORE),
        (ROW, known(policy_from=AFTER), Absence.POLICY_NOT_IN_FORCE),
        (ROW, known(decided_until=None), Absence.NOT_LOOKED_AT),
        (ROW, known(decided_until=BEFORE), Absence.NOT_LOOKED_AT),
        (ROW, known(), Absence.UNEXPLAINED),
        (replace(ROW, replaced_at=AT), known(), Absence.PLAN_REPLACED),
        (replace(ROW, replaced_at=AFTER), known(), Absence.UNEXPLAINED),
        (ROW, known(loan=LoanHistory(LONG_AGO, "written_off", AFTER)), Absence.UNEXPLAINED),
    ],
)
def test_each_absence_has_its_cause(row: RowHistory, what: Known, code: Absence) -> None:
    assert why_none(AT, row, what).code is code


def test_the_ledger_is_asked_as_of_the_step() -> None:
    asked: list[datetime] = []

    def paid_on(at: datetime) -> date | None:
        asked.append(at)
        return None

    why_none(AT, ROW, known(paid_on=paid_on))

    assert asked == [AT]


@dataclass(frozen=True)
class Step:
    on: date

    @property
    def at(self) -> datetime:
        return datetime(self.on.year, self.on.month, self.on.day, 10, tzinfo=UTC)


STEPS = [Step(date(2026, 3, day)) for day in (9, 3, 10, 7)]


@pytest.mark.parametrize(
    ("day", "days"),
    [(7, [3, 7, 9]), (3, [3, 7]), (10, [9, 10]), (8, [7, 9]), (1, []), (20, [])],
)
def test_a_day_is_told_with_its_neighbours(day: int, days: list[int]) -> None:
    assert [step.on.day for step in near(STEPS, date(2026, 3, day))] == days


def test_a_day_outside_of_all_is_told_by_the_nearest() -> None:
    assert [step.on.day for step in nearest(STEPS, date(2026, 3, 20))] == [10]
    assert [step.on.day for step in nearest(STEPS, date(2026, 3, 1))] == [3]
