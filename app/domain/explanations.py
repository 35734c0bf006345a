"""Why a step has no decision: derived from what was known at its instant, also for borrowers who were never contacted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar

from app.domain.cases import INSTALMENT, PROMISE


class Absence(StrEnum):
    """Why there is no decision about a step, or nothing to decide at all."""

    BORROWER_NOT_KNOWN = "BORROWER_NOT_KNOWN"
    LOAN_NOT_KNOWN = "LOAN_NOT_KNOWN"
    NOT_WATCHED = "NOT_WATCHED"
    PLAN_REPLACED = "PLAN_REPLACED"
    PROMISE_OVER = "PROMISE_OVER"
    LOAN_OVER = "LOAN_OVER"
    LOAN_WAS_OVER = "LOAN_WAS_OVER"
    PAID_BEFORE = "PAID_BEFORE"
    POLICY_NOT_IN_FORCE = "POLICY_NOT_IN_FORCE"
    NOT_LOOKED_AT = "NOT_LOOKED_AT"
    UNEXPLAINED = "UNEXPLAINED"
    """A defect: by all that is known there should be a decision."""

    NO_LOAN = "NO_LOAN"
    NO_PLAN = "NO_PLAN"
    NO_POLICY = "NO_POLICY"
    NOTHING_NEAR = "NOTHING_NEAR"


class WhyNone(NamedTuple):
    """The absence and the facts its sentence names."""

    code: Absence
    facts: dict[str, object]


@dataclass(frozen=True, slots=True)
class LoanHistory:
    """What of a loan decides whether its steps are candidates."""

    known_from: datetime
    status: str = "active"
    ended_at: datetime | None = None
    resumed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RowHistory:
    """One row of one plan version, watched in [watched_from, replaced_at), or a promise: row 0, `anchor_no` its number."""

    loan_id: str
    row_no: int
    anchor_no: int
    due_on: date
    watched_from: datetime
    replaced_at: datetime | None = None
    kind: str = INSTALMENT

    @property
    def subject_id(self) -> str:
        """The natural key, the same through all plan versions."""
        if self.kind == PROMISE:
            return f"{self.loan_id}/p{self.anchor_no}"
        return f"{self.loan_id}/{self.row_no}"


@dataclass(frozen=True, slots=True)
class Known:
    """What was known when. `paid_on(at)`: the day that paid the row in full, as known at that instant; None: it was open."""

    now: datetime
    borrower_from: datetime
    loan: LoanHistory
    paid_on: Callable[[datetime], date | None]
    policy_from: datetime | None = None
    """Since when the policy with this step decides; None: it holds for all that was."""
    decided_until: datetime | None = None
    wake_at: datetime | None = None


def why_none(at: datetime, row: RowHistory, known: Known) -> WhyNone:
    """Return why a step reached at `at` has no decision. `at` is not later than `known.now`."""
    return _before_anyone_looked(at, row, known) or _nothing_open(at, row, known) or _not_decided(at, known)


def _before_anyone_looked(at: datetime, row: RowHistory, known: Known) -> WhyNone | None:
    if at < known.borrower_from:
        return WhyNone(Absence.BORROWER_NOT_KNOWN, {"on": known.borrower_from})
    if at < known.loan.known_from:
        return WhyNone(Absence.LOAN_NOT_KNOWN, {"on": known.loan.known_from})
    if at < row.watched_from:
        return WhyNone(Absence.NOT_WATCHED, {"on": row.watched_from})
    return None


def _nothing_open(at: datetime, row: RowHistory, known: Known) -> WhyNone | None:
    if row.replaced_at is not None and at >= row.replaced_at:
        over = Absence.PROMISE_OVER if row.kind == PROMISE else Absence.PLAN_REPLACED
        return WhyNone(over, {"on": row.replaced_at})
    loan = known.loan
    if loan.ended_at is not None and at >= loan.ended_at and loan.status != "active":
        return WhyNone(Absence.LOAN_OVER, {"on": loan.ended_at, "kind": loan.status})
    paid_on = known.paid_on(at)
    if paid_on is not None:
        return WhyNone(Absence.PAID_BEFORE, {"on": paid_on})
    if loan.resumed_at is not None and at < loan.resumed_at:
        return WhyNone(Absence.LOAN_WAS_OVER, {"until": loan.resumed_at})
    return None


def _not_decided(at: datetime, known: Known) -> WhyNone:
    if known.policy_from is not None and at < known.policy_from:
        return WhyNone(Absence.POLICY_NOT_IN_FORCE, {"on": known.policy_from})
    if known.decided_until is None or at > known.decided_until:
        return WhyNone(Absence.NOT_LOOKED_AT, {"until": known.wake_at})
    return WhyNone(Absence.UNEXPLAINED, {})


class Timed(Protocol):
    """Something that falls on a local date."""

    @property
    def on(self) -> date: ...  # noqa: D102
    @property
    def at(self) -> datetime: ...  # noqa: D102


_T = TypeVar("_T", bound=Timed)


def near(timed: Sequence[_T], on: date) -> list[_T]:
    """Return all that fall on a date, with the last before it and the first after it, in order of time.

    Empty where the date lies outside of them all: before the first or after the last.
    """
    ordered = sorted(timed, key=lambda each: each.at)
    before = [each for each in ordered if each.on < on]
    after = [each for each in ordered if each.on > on]
    then = [each for each in ordered if each.on == on]
    if not then and not (before and after):
        return []
    return [*before[-1:], *then, *after[:1]]


def nearest(timed: Sequence[_T], on: date) -> list[_T]:
    """Return the last before a date and the first after it, where none falls on it."""
    ordered = sorted(timed, key=lambda each: each.at)
    return [*[each for each in ordered if each.on < on][-1:], *[each for each in ordered if each.on > on][:1]]
