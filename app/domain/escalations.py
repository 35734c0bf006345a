"""Deciding how far a loan's arrears escalate: which step happens now, and why each of the others does not.

Pure: what the case is, by which policy, what the law and the gates of reporting answered. The same function runs live, in
rehearsals and for `why`. A step that must ask and was not given an answer does not happen.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from app.domain.escalation_cases import NOT_ASKED, Decided, EscalationCase, Gates, Spell, StepDecision, StepState
from app.domain.escalation_policies import CAP, FORBEARANCE, NOTICE_KINDS, Approval, EscalationPolicy, EscalationStep, Kind
from app.domain.escalation_reasons import HAPPENED, HOLD_WHY, Ends, Outcome, Why
from app.domain.times import business_date, local_instant

_DAY = timedelta(days=1)
AGAIN_DAYS = 7
"""A notice that never left (no address, say) is tried again after so many days."""


def decide(case: EscalationCase, policy: EscalationPolicy | None, now: datetime, gates: Gates = NOT_ASKED) -> Decided:
    """Return what becomes of a loan's escalation at `now`. `policy` None: none is in force, and then nothing happens."""
    ends = _ends(case)
    if case.spell is None:
        if policy is None or ends not in (None, Ends.CURED):
            return Decided()
        if ends is not None or not _begins(case, policy, now):
            return Decided(next_look_at=_begins_at(case, policy, now))
        spell, begins = Spell(case.anchor_no, _late_since(case)), True
    elif ends is not None:
        if policy is None:
            return Decided(ends=ends)
        again_at = _next_day(case, policy, now) if ends is Ends.REPLANNED else _begins_at(case, policy, now)
        return Decided(ends=ends, next_look_at=again_at)
    elif policy is None or case.spell.is_stopped:
        return Decided()
    else:
        spell, begins = case.spell, False
    looking = _Looking(case, spell, policy, now, gates)
    steps = tuple(looking.at(step) for step in policy.steps)
    looks = [each.look_at for each in steps if each.look_at is not None and each.look_at > now]
    return Decided(begins, None, steps, min(looks, default=None))


def unasked(decided: Decided) -> tuple[EscalationStep, ...]:
    """Return the steps for which all else is in order, so that the law and the gates of reporting are to be asked."""
    return tuple(each.step for each in decided.steps if each.reason == Why.LAW_NOT_ASKED)


def asks(step: EscalationStep) -> bool:
    """Return whether a step happens only once somebody else was asked: a notice names a report only where there is one."""
    return bool(step.law) or step.kind in (Kind.REPORT, Kind.PRE_REPORT_NOTICE)


def lapse_of(given_at: datetime, approval: Approval, policy: EscalationPolicy) -> datetime:
    """Return from when a first yes counts no more: so many days after it, and not beyond the version it was given to."""
    since = policy.in_force_since
    if since is not None and given_at < since:
        return since
    return given_at + timedelta(days=approval.valid_days)


def _ends(case: EscalationCase) -> Ends | None:
    if case.is_over:
        return Ends.LOAN_OVER
    if case.oldest_due_on is None or case.overdue_minor <= 0:
        return Ends.CURED
    if case.is_arranged:
        return Ends.ARRANGED
    if case.spell is not None and case.spell.anchor_no != case.anchor_no:
        return Ends.REPLANNED
    return None


def _late_since(case: EscalationCase) -> date:
    assert case.oldest_due_on is not None
    return case.oldest_due_on


def _begins(case: EscalationCase, policy: EscalationPolicy, now: datetime) -> bool:
    days = (business_date(now, case.zone) - _late_since(case)).days
    return days >= policy.begins_days_past_due and not _is_little(case, policy)


def _is_little(case: EscalationCase, policy: EscalationPolicy) -> bool:
    return case.overdue_minor < policy.min_overdue_minor.get(case.currency, 0)


def _begins_at(case: EscalationCase, policy: EscalationPolicy, now: datetime) -> datetime | None:
    """Return when it may begin by time alone: so many days after the oldest open row, or once another row adds to it."""
    days = timedelta(days=policy.begins_days_past_due)
    moments = [
        local_instant(due_on + days, policy.at, case.zone)
        for due_on in (case.oldest_due_on, case.next_due_on)
        if due_on is not None
    ]
    if case.oldest_due_on is not None and case.next_due_on is not None:
        moments.append(local_instant(case.next_due_on + _DAY, policy.at, case.zone))
    return min((at for at in moments if at > now), default=None)


def _next_day(case: EscalationCase, policy: EscalationPolicy, now: datetime) -> datetime:
    return local_instant(business_date(now, case.zone) + _DAY, policy.at, case.zone)


@dataclass(slots=True)
class _Looking:
    """Looks at each step of one spell."""

    case: EscalationCase
    spell: Spell
    policy: EscalationPolicy
    now: datetime
    gates: Gates
    today: date = field(init=False)
    seen: dict[str, StepDecision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.today = business_date(self.now, self.case.zone)

    def at(self, step: EscalationStep) -> StepDecision:
        """Return what becomes of a step; those before it were looked at."""
        found = self.seen[step.key] = self._at(step)
        return found

    def _at(self, step: EscalationStep) -> StepDecision:
        state = self.spell.steps.get(step.key)
        if state is not None and state.kind not in (None, step.kind):
            return StepDecision(step, Outcome.STOPPED, Why.NOT_IN_POLICY)  # its key was another step's in these arrears
        is_undone = state is not None and state.outcome is Outcome.DELIVERED and state.came_back
        if state is not None and (state.outcome in HAPPENED or state.outcome is Outcome.ENDED) and not is_undone:
            return StepDecision(step, state.outcome, Why.ON_SCHEDULE)
        if state is not None and (is_undone or state.outcome in (Outcome.HANDED_OVER, Outcome.RETURNED)):
            known = self._on_its_way(step, state)
            if known is not None:
                return known
        return (
            self._too_early(step)
            or self._not_for_this_loan(step, state)
            or self._stopped(step)
            or self._asked(step)
            or self._unapproved(step, state)
            or self._before_hours(step)
            or StepDecision(step, Outcome.READY, Why.ON_SCHEDULE, due_on=self.today)
        )

    def _on_its_way(self, step: EscalationStep, state: StepState) -> StepDecision | None:
        """Say how its notice fared; None: it is to be served again, through every gate."""
        if state.delivered_at is not None:
            return StepDecision(step, Outcome.DELIVERED, Why.ON_SCHEDULE)
        assert step.notice is not None
        if state.came_back:
            if state.attempt_no < step.notice.attempts:
                return None
            return StepDecision(step, Outcome.RETURNED, Why.NOTICE_RETURNED)
        if state.never_left:
            stop = self._stopped(step)
            if stop is not None:
                return stop
            assert state.handed_over_at is not None
            again_on = business_date(state.handed_over_at, self.case.zone) + timedelta(days=AGAIN_DAYS)
            if self.today >= again_on:
                return None
            return self._wait(step, state.lost_reason or Why.NOTICE_NOT_SENT, again_on, Outcome.STOPPED)
        if not state.has_left:
            stop = self._stopped(step)
            if stop is not None:
                return replace(stop, withdraw=True)
        return StepDecision(step, Outcome.HANDED_OVER, Why.AWAITS_DELIVERY)

    def _too_early(self, step: EscalationStep) -> StepDecision | None:
        if step.after is not None:
            before = self.seen.get(step.after.step)
            if before is None or before.outcome not in HAPPENED:
                return self._behind(step, before)
            happened = self.spell.steps[step.after.step]
            if happened.delivered_at is None:
                return self._behind(step, before)
            free_on = business_date(happened.delivered_at, self.case.zone) + timedelta(days=step.after.days)
            if happened.answer_by is not None and step.kind not in NOTICE_KINDS:
                free_on = max(free_on, happened.answer_by + _DAY)
            if self.today < free_on:
                return self._wait(step, Why.NOTICE_TOO_RECENT, max(free_on, self._late_on(step)))
        if self.today < self._late_on(step):
            return self._wait(step, Why.NOT_LATE_ENOUGH, self._late_on(step))
        return None

    def _behind(self, step: EscalationStep, before: StepDecision | None) -> StepDecision:
        facts = {} if step.after is None else {"step": step.after.step}
        if before is None or before.outcome is Outcome.ENDED:
            return StepDecision(step, Outcome.WAITING, Why.EARLIER_STEP_OUTSTANDING, facts=facts)
        if before.outcome is Outcome.NOT_APPLICABLE:
            return StepDecision(step, Outcome.NOT_APPLICABLE, Why.EARLIER_STEP_NOT_APPLICABLE, facts=facts)
        is_out = before.outcome in (Outcome.HANDED_OVER, Outcome.RETURNED)
        why = Why.NOTICE_NOT_DELIVERED if is_out else Why.EARLIER_STEP_OUTSTANDING
        return StepDecision(step, Outcome.WAITING, why, facts=facts)

    def _late_on(self, step: EscalationStep) -> date:
        return _late_since(self.case) + timedelta(days=step.days_past_due)

    def _not_for_this_loan(self, step: EscalationStep, state: StepState | None) -> StepDecision | None:
        if step.secured_only and not self.case.is_secured:
            return StepDecision(step, Outcome.NOT_APPLICABLE, Why.NO_COLLATERAL)
        if state is not None and state.is_declined:
            return StepDecision(step, Outcome.DECLINED, Why.DECLINED)
        return None

    def _stopped(self, step: EscalationStep) -> StepDecision | None:
        holds = [
            hold
            for hold in self.case.holds
            if hold.loan_id in (None, self.case.loan_id) and hold.kind in self.policy.stop_on and hold.stands(self.now)
        ]
        if holds:
            kinds = {hold.kind: hold for hold in holds}
            kind = next(kind for kind in HOLD_WHY if kind in kinds)
            ends = [hold.until_at for hold in holds]
            until = None if None in ends else max(at for at in ends if at is not None)
            return StepDecision(step, Outcome.STOPPED, HOLD_WHY[kind], look_at=until, facts={"hold": kind})
        if self.case.has_dispute:
            return StepDecision(step, Outcome.STOPPED, Why.OPEN_DISPUTE)
        if _is_little(self.case, self.policy):
            next_on = None if self.case.next_due_on is None else self.case.next_due_on + _DAY
            return self._wait(step, Why.BELOW_MINIMUM, next_on, Outcome.STOPPED)
        if FORBEARANCE in step.needs and not self._was_forbearance_considered():
            return StepDecision(step, Outcome.STOPPED, Why.FORBEARANCE_NOT_CONSIDERED)
        if CAP in step.needs and not self.case.is_cap_known:
            return StepDecision(step, Outcome.STOPPED, Why.CAP_UNKNOWN)
        return None

    def _was_forbearance_considered(self) -> bool:
        """In these arrears, not in earlier ones."""
        considered_on = self.case.forbearance_on
        return considered_on is not None and self.spell.late_since <= considered_on <= self.today

    def _asked(self, step: EscalationStep) -> StepDecision | None:
        if step.key not in self.gates:
            if not asks(step):
                return None  # but where whoever makes it happen has refused, that is its answer for today
            return StepDecision(step, Outcome.STOPPED, Why.LAW_NOT_ASKED, look_at=self._tomorrow())
        stop = self.gates[step.key]
        if stop is None:
            return None
        free_on = stop.allowed_on
        is_known = free_on is not None and free_on > self.today
        look_at = local_instant(free_on, self.policy.at, self.case.zone) if is_known and free_on else self._tomorrow()
        facts = {"missing": list(stop.missing)} if stop.missing else {}
        return StepDecision(step, Outcome.STOPPED, stop.reason, stop.rule, stop.allowed_on, look_at, facts=facts)

    def _unapproved(self, step: EscalationStep, state: StepState | None) -> StepDecision | None:
        if step.approval is None:
            return None
        given = () if state is None else state.approved_at
        if given:
            lapses_at = lapse_of(min(given), step.approval, self.policy)
            if self.now >= lapses_at:
                return StepDecision(step, Outcome.NEEDS_APPROVAL, Why.APPROVAL_LAPSED)
            if len(given) >= step.approval.people:
                return None
            return StepDecision(step, Outcome.NEEDS_APPROVAL, Why.NEEDS_SECOND_APPROVAL, look_at=lapses_at)
        return StepDecision(step, Outcome.NEEDS_APPROVAL, Why.NEEDS_APPROVAL)

    def _before_hours(self, step: EscalationStep) -> StepDecision | None:
        opens_at = local_instant(self.today, self.policy.at, self.case.zone)
        if self.now >= opens_at:
            return None
        return StepDecision(step, Outcome.WAITING, Why.BEFORE_HOURS, due_on=self.today, look_at=opens_at)

    def _wait(self, step: EscalationStep, why: str, until: date | None, outcome: Outcome = Outcome.WAITING) -> StepDecision:
        look_at = None if until is None else local_instant(until, self.policy.at, self.case.zone)
        return StepDecision(step, outcome, why, due_on=until, look_at=look_at)

    def _tomorrow(self) -> datetime:
        return _next_day(self.case, self.policy, self.now)
