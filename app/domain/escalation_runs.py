"""How one loan's escalation goes on over days under stated assumptions, decided by the function that decides live."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from app.domain.escalation_cases import EscalationCase, GateStop, Spell, StepDecision, StepState
from app.domain.escalation_policies import NOTICE_KINDS, EscalationPolicy, EscalationStep
from app.domain.escalation_reasons import HAPPENED, Outcome, Why
from app.domain.escalations import decide, unasked
from app.domain.times import business_date

MOST_LOOKS = 2_000
"""At one loan: more than a run of some years has. A policy that needs more never comes to an end."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a run takes for granted where the future decides. Nobody pays, objects or asks for another plan."""

    delivery_days: int = 3
    """From handing a notice over to the proof that it arrived. None comes back."""
    approval_days: int = 1
    """From a step's waiting for a person to their yes; where two people say yes, from the first to the second too."""
    approves: bool = True
    """Whether people say yes at all."""
    custody_days: int | None = None
    """From a referral until what is pledged is in custody; None: nothing is said of it."""

    def __post_init__(self) -> None:
        if min(self.delivery_days, self.approval_days, self.custody_days or 0) < 0:
            raise ValueError("Days of an assumption are 0 or more.")


class Happening(NamedTuple):
    """A change of one step. `step` None: of the escalation itself (it began)."""

    at: datetime
    step: EscalationStep | None
    outcome: Outcome
    reason: str


Ask = Callable[[EscalationCase, EscalationStep, datetime], GateStop | None]
"""What the law and the gates of reporting answer about a step at a moment."""


def run(
    case_at: Callable[[datetime], EscalationCase],
    policy: EscalationPolicy,
    spell: Spell | None,
    *,
    start: datetime,
    until: datetime,
    assumed: Assumptions,
    ask: Ask,
    leaves_days: Mapping[str, int] | None = None,
) -> Iterator[Happening]:
    """Yield what changes in [start, until), in its order. `case_at`: the loan at a moment, without its escalation.

    `leaves_days`: step key -> days that its letter leaves to pay or to object, from the day on which it is written.
    """
    life = _Life(policy, spell, assumed, leaves_days or {})
    at: datetime | None = start
    for _ in range(MOST_LOOKS):
        if at is None or at >= until:
            return
        case = replace(case_at(at), spell=life.spell)
        decided = decide(case, policy, at)
        if asked := unasked(decided):
            decided = decide(case, policy, at, {step.key: ask(case, step, at) for step in asked})
        if decided.begins:
            assert case.oldest_due_on is not None
            life.spell = Spell(case.anchor_no, case.oldest_due_on)
            yield Happening(at, None, Outcome.DONE, Why.BEGUN)
        if decided.ends is not None:
            life.spell = None
            yield Happening(at, None, Outcome.ENDED, decided.ends)
        acted = False
        for each in decided.steps:
            change, acts = life.take(each, at, business_date(at, case.zone))
            acted = acted or acts
            if change is not None:
                yield change
        at = at if acted else life.next_after(at, decided.next_look_at)
    raise RuntimeError(f"Escalation policy {policy.key} v{policy.version_no} never comes to rest.")


class _Life:
    """What is recorded of one loan while it is run."""

    def __init__(
        self, policy: EscalationPolicy, spell: Spell | None, assumed: Assumptions, leaves_days: Mapping[str, int]
    ) -> None:
        self.policy, self.spell, self.assumed, self.leaves_days = policy, spell, assumed, leaves_days
        self.told: dict[str, tuple[Outcome, str]] = {}
        self.comes: dict[str, datetime] = {}
        """Step key -> when its proof of delivery, or a person's yes, comes."""
        if spell is not None:
            for key, state in spell.steps.items():
                if state.outcome is Outcome.HANDED_OVER and state.handed_over_at is not None:
                    self.comes[key] = state.handed_over_at + timedelta(days=assumed.delivery_days)

    def take(self, each: StepDecision, at: datetime, today: date) -> tuple[Happening | None, bool]:
        """Record what becomes of a step; return what is new, and whether it is to be looked at again at once."""
        assert self.spell is not None
        key, step = each.step.key, each.step
        state = self.spell.steps.get(key, StepState(each.outcome))
        if each.outcome is Outcome.HANDED_OVER and key in self.comes and self.comes[key] <= at:
            del self.comes[key]
            self._set(key, replace(state, delivered_at=at))
            return None, True
        if each.outcome is Outcome.NEEDS_APPROVAL and self.assumed.approves:
            if key not in self.comes:
                self.comes[key] = at + timedelta(days=self.assumed.approval_days)
            if self.comes[key] <= at:
                del self.comes[key]
                given = () if each.reason == Why.APPROVAL_LAPSED else state.approved_at
                self._set(key, replace(state, outcome=each.outcome, approved_at=(*given, at)))
                return self._new(each, at), True
        if each.outcome is Outcome.READY:
            if step.kind in NOTICE_KINDS:
                self.comes[key] = at + timedelta(days=self.assumed.delivery_days)
                outcome, reason, delivered_at = Outcome.HANDED_OVER, Why.AWAITS_DELIVERY, None
            else:
                outcome, reason, delivered_at = Outcome.DONE, Why.ON_SCHEDULE, at
            days = self.leaves_days.get(key)
            self._set(key, replace(state, outcome=outcome, attempt_no=state.attempt_no + 1, handed_over_at=at,
                                   has_left=True, delivered_at=delivered_at,
                                   answer_by=None if days is None else today + timedelta(days=days)))  # fmt: skip
            return self._new(replace(each, outcome=outcome, reason=reason), at), True
        self._set(key, replace(state, outcome=each.outcome))
        return self._new(each, at), False

    def next_after(self, at: datetime, look_at: datetime | None) -> datetime | None:
        """Return when something may change next."""
        moments = [*self.comes.values(), *([] if look_at is None else [look_at])]
        return min((each for each in moments if each > at), default=None)

    def _set(self, key: str, state: StepState) -> None:
        assert self.spell is not None
        self.spell = replace(self.spell, steps={**self.spell.steps, key: state})

    def _new(self, each: StepDecision, at: datetime) -> Happening | None:
        told = (each.outcome, each.reason)
        if self.told.get(each.step.key) == told:
            return None
        self.told[each.step.key] = told
        is_old = each.outcome in HAPPENED and self._was_before(each.step.key, at)
        return None if is_old else Happening(at, each.step, each.outcome, each.reason)

    def _was_before(self, key: str, at: datetime) -> bool:
        assert self.spell is not None
        happened_at = self.spell.steps[key].delivered_at
        return happened_at is not None and happened_at < at
