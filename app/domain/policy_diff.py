"""How two versions of a policy differ, in words: what moves, what is new, what goes, for whom, how often and when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.domain.audiences import ALWAYS, Condition
from app.domain.policies import Policy, Rung, Step
from app.domain.policy_words import told_duration, told_offset, told_time


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `kind`: added, removed, moved, changed, renamed; `subject`: a step's key, or what of the policy."""

    kind: str
    subject: str
    words: str


def diff_policies(old: Policy, new: Policy) -> list[Change]:
    """Return every difference that matters to a borrower or to the figures; none: both decide the same."""
    return [*_steps(old, new), *_whole(old, new)]


def _steps(old: Policy, new: Policy) -> Iterator[Change]:
    before = {step.key: step for step in old.all_steps}
    after = {step.key for step in new.all_steps}
    replaced: set[str] = set()
    for step in new.all_steps:
        former = next((key for key in step.replaces if key in before and key not in after), None)
        if step.key in before:
            yield from _step(before[step.key], step)
        elif former is not None:
            replaced |= {key for key in step.replaces if key in before}
            yield Change("renamed", step.key, f"Step {former} is now called {step.key}; what was decided stays decided.")
            yield from _step(before[former], step)
        else:
            yield Change("added", step.key, f"Step {step.key} is new: {_told_when(step)}, {_told_what(step)}.")
    for step in old.all_steps:
        if step.key not in after and step.key not in replaced:
            yield Change("removed", step.key, f"Step {step.key} is gone: {_told_when(step)}, {_told_what(step)}.")


def _step(old: Step, new: Step) -> Iterator[Change]:
    if _told_when(old) != _told_when(new):
        yield Change("moved", new.key, f"Step {new.key} moves: {_told_when(old)} -> {_told_when(new)}.")
    for name, tell in _STEP_PARTS.items():
        if tell(old) != tell(new):
            yield Change("changed", new.key, f"Step {new.key}, {name}: {tell(old)} -> {tell(new)}.")


def _whole(old: Policy, new: Policy) -> Iterator[Change]:
    for name, tell in _POLICY_PARTS.items():
        was, becomes = tell(old), tell(new)
        if was != becomes:
            yield Change("changed", name, f"{name.capitalize()}: {was} -> {becomes}.")
    caps, capped = ({cap.rule: cap.max_contacts for cap in each.caps} for each in (old, new))
    for rule in sorted(caps.keys() | capped.keys()):
        if rule not in capped:
            yield Change("removed", "caps", f"Cap {rule} of {caps[rule]} is gone.")
        elif rule not in caps:
            yield Change("added", "caps", f"Cap {rule} is new: at most {capped[rule]}.")
        elif caps[rule] != capped[rule]:
            yield Change("changed", "caps", f"Cap {rule}: at most {caps[rule]} -> {capped[rule]}.")
    for kinds, kind, words in (
        (new.stop_on - old.stop_on, "added", "stops reminders as well"),
        (old.stop_on - new.stop_on, "removed", "is not named among what stops any more"),
    ):
        for each in sorted(kinds):
            yield Change(kind, "stop_on", f"{each} {words}.")


def _told_when(step: Step) -> str:
    until = f" to {told_time(step.until)}" if step.until else ""
    return f"{told_offset(step.offset_days)} at {told_time(step.at)}{until}"


def _told_what(step: Step) -> str:
    if step.action is not None:
        return _told_action(step)
    return f"{step.template} by {_told_ladder(step)}"


def _told_action(step: Step) -> str:
    action = step.action
    if action is None:
        return "a message"
    approval = ", needs approval" if action.needs_approval else ""
    return f"a {action.kind} task for {action.queue} within {told_duration(action.sla)}{approval}"


def _told_ladder(step: Step) -> str:
    return ", ".join(_told_rung(rung) for rung in step.ladder) or "nothing"


def _told_rung(rung: Rung) -> str:
    wait = f" unless {rung.unless} after {told_duration(rung.after)}" if rung.after is not None else ""
    return f"{rung.channel}{wait}{'' if rung.only_if == ALWAYS else f' if {_told(rung.only_if)}'}"


def _told(condition: Condition) -> str:
    return "everyone" if condition == ALWAYS else condition.text


def _told_experiment(step: Step) -> str:
    experiment = step.experiment
    if experiment is None:
        return "none"
    arms = ", ".join(f"{name} {percent} % {template or 'no message'}" for name, percent, template in experiment.arms)
    planned = f"; planned for {experiment.planned_borrowers} borrowers" if experiment.planned_borrowers else ""
    return f"{experiment.key} ({arms}; paid within {told_duration(experiment.paid_by)}{planned})"


def _told_holdout(policy: Policy) -> str:
    holdout = policy.holdout
    if holdout is None:
        return "nobody"
    planned = f", planned for {holdout.planned_borrowers} borrowers" if holdout.planned_borrowers else ""
    return f"{holdout.percent} % ({holdout.key}) up to stage {holdout.max_stage}{planned}"


def _told_tolerance(policy: Policy) -> str:
    amounts = sorted(policy.tolerance.items())
    return ", ".join(f"{minor} minor units of {currency}" for currency, minor in amounts) or "none"


_STEP_PARTS: dict[str, Callable[[Step], Any]] = {
    "what it does": _told_action,
    "template": lambda step: step.template or "none",
    "ladder": _told_ladder,
    "audience": lambda step: _told(step.audience),
    "not worth doing any more after": lambda step: told_duration(step.expires_after),
    "stage": lambda step: step.stage,
    "class": lambda step: step.message_class,
    "notice of law": lambda step: step.notice_kind or "none",
    "on a non-working day": lambda step: step.on_non_working_day,
    "experiment": _told_experiment,
}
_POLICY_PARTS: dict[str, Callable[[Policy], str]] = {
    "quiet hours": lambda policy: f"{told_time(policy.quiet_hours.start)} to {told_time(policy.quiet_hours.end)}",
    "margin before a window closes": lambda policy: told_duration(policy.not_after_margin),
    "tolerance": _told_tolerance,
    "oldest balance": lambda policy: told_duration(policy.balance_max_age) if policy.balance_max_age else "any",
    "held out": _told_holdout,
    "in force": lambda policy: f"{policy.in_force_from or 'ever'} until {policy.in_force_until or 'further notice'}",
    "calendar": lambda policy: policy.calendar_country or "the lender's",
}
