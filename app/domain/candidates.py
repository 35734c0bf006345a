"""Candidates: which steps of a policy are reached, for which instalments, and at which instant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.domain.calendars import Calendar
from app.domain.cases import Case, DecisionKey, Subject
from app.domain.decided import Candidate
from app.domain.policies import Policy, Rules, Step, share_of
from app.domain.reasons import Outcome, Reason
from app.domain.times import local_instant

ZONE_SLACK = timedelta(days=2)
"""When a borrower changes zone a step's instant can move by up to 26 h; so far back keys are looked up, not assumed."""
MOVE_SLACK = timedelta(days=16)
"""How far a business-day rule may move a step: long holidays with the weekends around them."""
_SHARES = 10_000


@dataclass(slots=True)
class Reached:
    """The candidates of one subject, and the instant of its next step to come."""

    candidates: list[Candidate]
    next_at: datetime | None


def step_date(step: Step, due_on: date, calendar: Calendar | None) -> date:
    """Return the local date of a step: the due date plus its offset, off a day that is none where the policy says so.

    Outside the years a calendar is known for, weekends and the days it has are all there is to go by; a decision made so
    says it in its facts.
    """
    on = due_on + timedelta(days=step.offset_days)
    if calendar is None or step.on_non_working_day in ("keep", "skip") or calendar.is_business_day(on):
        return on
    return calendar.previous_business_day(on) if step.on_non_working_day == "previous" else calendar.next_business_day(on)


def step_time(step: Step, loan_key: str) -> time:
    """Return the wall time of a step: as given, or spread over its window by a stable hash of the loan, to the minute."""
    if step.until is None:
        return step.at
    first = step.at.hour * 60 + step.at.minute
    minutes = step.until.hour * 60 + step.until.minute - first
    at = first + minutes * share_of(step.key, loan_key) // _SHARES
    return time(at // 60, at % 60)


def occurs_at(step: Step, subject: Subject, zone: str, calendar: Calendar | None) -> datetime:
    """Return the instant of a step for an instalment, on the wall in `zone`."""
    at = step.at if step.until is None else step_time(step, f"{subject.loan.lender_code}/{subject.loan_no}")
    return local_instant(step_date(step, subject.due_on, calendar), at, zone)


def reached(case: Case, subject: Subject, rules: Rules, now: datetime) -> Reached:
    """Return the steps that are reached and not finally decided, in the policy's order, and when the next one will be."""
    policy = rules.policy_of(subject.loan.lender_id)
    calendar = rules.calendars.get(subject.loan.lender_id)
    zone = case.zone or subject.lender_zone
    found = Reached([], None)
    for step, at in _timed(policy, subject, zone, calendar, now):
        if at > now:
            if subject.closed_at is None and (found.next_at is None or at < found.next_at):
                found.next_at = at
            continue
        candidate = Candidate(subject, step, at, policy)
        past = case.decisions.get(candidate.key)
        if past is None:
            if at >= subject.watched_from and (_is_new(case, subject, at) or _was_put_off(case, candidate)):
                found.candidates.append(candidate)
        elif past.outcome is Outcome.DEFERRED and subject.speaks:
            found.candidates.append(candidate)
    return found


def _timed(
    policy: Policy, subject: Subject, zone: str, calendar: Calendar | None, now: datetime
) -> Iterator[tuple[Step, datetime]]:
    """Yield steps with their instants, until all that follow lie later than the first one to come."""
    last_offset: int | None = None
    moves = policy.moves_days and calendar is not None
    for step in policy.steps_of(subject):
        if last_offset is not None and step.offset_days > last_offset:
            return
        at = occurs_at(step, subject, zone, calendar if moves else None)
        yield step, at
        if at > now and last_offset is None:
            last_offset = step.offset_days + (MOVE_SLACK.days if moves else 1)


def _is_new(case: Case, subject: Subject, at: datetime) -> bool:
    """Whether a step reached at that instant was not looked at yet."""
    decided_until = case.decided_until
    if decided_until is None:
        return True
    if case.decided_zone != case.zone:
        decided_until -= ZONE_SLACK
    return at > decided_until or subject.watched_from >= decided_until


def _was_put_off(case: Case, candidate: Candidate) -> bool:
    """Whether it waits under a name its step had before: that decision ends as RULES_CHANGED, and this one goes on."""
    return candidate.subject.speaks and any(
        past is not None and past.outcome is Outcome.DEFERRED
        for replaced in candidate.step.replaces
        if (past := case.decisions.get(candidate.key._replace(step_key=replaced)))
    )


def earlier_key(case: Case, candidate: Candidate) -> DecisionKey | None:
    """Return the key under which this occasion was decided before its step was renamed, or None."""
    key = candidate.key
    for replaced in candidate.step.replaces:
        earlier = key._replace(step_key=replaced)
        past = case.decisions.get(earlier)
        if past is not None and past.outcome is not Outcome.DEFERRED and past.reason is not Reason.RULES_CHANGED:
            return earlier
    return None
