"""Work for people: calls and letters of a step, what a rule of law asks of a person, and what must not be done any more."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.domain.cases import OpenTask
from app.domain.checks import arm_of, stops_of
from app.domain.decided import Candidate, NewTask, Stop, WithdrawnTask
from app.domain.reasons import Outcome, Reason

if TYPE_CHECKING:
    from app.domain.decisions import Decider

_CHANNELS = {"call": "voice", "letter": "letter"}


def make_task(decider: "Decider", candidate: Candidate, zones: tuple[str, ...]) -> None:
    """A call or a letter: a task for a person, made when the law would allow it and not before."""
    action = candidate.step.action
    assert action is not None
    arm = arm_of(candidate, decider.case)
    if arm is not None and arm.is_holdout:
        decider.said.say(candidate, Outcome.HELD_OUT, Reason.HOLDOUT, rule=arm.experiment, arm=arm)
        return
    if decider.is_quiet(candidate, zones, None):
        return
    channel = _CHANNELS[action.kind]
    stop = Stop(reason) if (reason := decider.case.block_of(channel)) is not None else None
    stop = (
        stop or decider.ladders.wish_stop(candidate, channel) or decider.law.ask(candidate, channel, None, manual=True).stop
    )
    if stop is None and action.kind == "call":
        stop = decider.law.closing(candidate, channel, None, manual=True)
    if stop is not None:
        if stop.until is not None and stop.until < candidate.expires_at:
            decider.said.defer(candidate, stop.until, stop.reason, stop.rule, None, facts=stop.facts)
            return
        outcome = Outcome.SUPPRESSED if stop.facts.get("law") else Outcome.UNREACHABLE
        decider.said.say(candidate, outcome, stop.reason, rule=stop.rule, facts=stop.facts)
        return
    key = candidate.key
    not_after = min(decider.now + action.sla, candidate.expires_at)
    if action.kind == "call":  # a letter is not read at the hour it is written
        not_after = min(not_after, decider.times.window_end([candidate.policy], zones))
        not_after = decider.law.closes_at(candidate, channel, None, not_after, manual=True)
    decider.tasks.append(
        NewTask(
            f"{key.subject_kind}/{key.subject_id}/{key.anchor_no}/{key.step_key}",
            action.kind,
            action.queue,
            candidate.subject.loan_id,
            key,
            due_at=decider.now + action.sla,
            not_before=decider.now,
            not_after=not_after,
            facts={"template": candidate.step.template, "open_minor": candidate.subject.open_minor},
        )
    )
    outcome = Outcome.NEEDS_APPROVAL if action.needs_approval else Outcome.TASK_CREATED
    reason = Reason.NEEDS_APPROVAL if action.needs_approval else Reason.ON_SCHEDULE
    decider.said.say(candidate, outcome, reason, rule=f"action.{action.kind}", channels=(channel,), not_before=decider.now)


def add_law_tasks(decider: "Decider", candidate: Candidate, asked: Sequence[tuple[str, str]]) -> None:
    """What a rule of law that stops a contact asks a person to do; what lets it proceed is only noted."""
    key = candidate.key
    for rule_id, kind in asked:
        decider.tasks.append(
            NewTask(
                f"{rule_id}/{kind}/{decider.case.borrower_id}/{candidate.subject.loan_id}",
                kind,
                "compliance",
                candidate.subject.loan_id,
                key,
                None,
                rule=rule_id,
            )
        )


def withdrawn_tasks(decider: "Decider") -> tuple[WithdrawnTask, ...]:
    """Return the open tasks of the case that must not be done any more: nobody rings about what is paid or disputed."""
    found = ((task, _reason(decider, task)) for task in decider.case.open_tasks)
    return tuple(WithdrawnTask(task.task_id, reason) for task, reason in found if reason is not None)


def _reason(decider: "Decider", task: OpenTask) -> Reason | None:
    candidate = decider.reviews.candidate(task.key)
    if candidate is None:
        return decider.reviews.gone_reason(task.key)
    stops = stops_of(candidate, decider.case, decider.rules, decider.now)
    if stops:
        return stops[0].reason
    channel = _CHANNELS[task.kind]
    reason = decider.case.block_of(channel)
    wish = decider.ladders.wish_stop(candidate, channel)
    return reason or (wish.reason if wish is not None else None)
