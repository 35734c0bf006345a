"""From a policy document to the values that decide: defaults filled in, conditions compiled, times and durations read.

Documents are checked before: by their schema and by policy_checks.py. What is read here is a plain tree of JSON values.
"""

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any

from app.domain.audiences import ALWAYS, Condition, read_condition
from app.domain.errors import FieldError, ValidationError
from app.domain.money import minor_from_text
from app.domain.policies import Action, Cap, Experiment, Holdout, Policy, Rung, Step
from app.domain.policy_words import STOP_ALIASES, read_duration
from app.domain.quiet_hours import QuietHours

Document = Mapping[str, Any]

_STEP_DEFAULTS: Document = {"at": "10:00", "expires_after": "PT10H", "ladder": [{"channel": "in_app"}]}
_MARGIN = "PT5M"
CONTROL_ARM = "control"
"""An arm of this name, given by its percent alone, gets no message."""


def read_policy(document: Document, policy_id: str) -> Policy:
    """Return a checked document as values. Raises ValidationError for a condition that cannot be compiled."""
    calendar, in_force = document.get("calendar", {}), document.get("in_force", {})
    quiet = document["quiet_hours"]
    steps = [_step(filled(document, step), document) for step in document["steps"]]
    promise_steps = [_step(filled(document, step), document) for step in document.get("promise_steps", ())]
    return Policy(
        policy_id=policy_id,
        key=document["policy"],
        version_no=document["version"],
        steps=tuple(sorted(steps, key=lambda step: (step.offset_days, step.at))),
        quiet_hours=QuietHours(time.fromisoformat(quiet["start"]), time.fromisoformat(quiet["end"])),
        caps=tuple(read_cap(cap) for cap in document["caps"]),
        not_after_margin=read_duration(document.get("not_after_margin", _MARGIN)),
        tolerance={
            currency: minor_from_text(amount, currency) for currency, amount in document.get("tolerance", {}).items()
        },
        stop_on=frozenset(STOP_ALIASES.get(kind, kind) for kind in document.get("stop_on", ())),
        balance_max_age=read_duration(document["balance_max_age"]) if "balance_max_age" in document else None,
        holdout=Holdout(**document["holdout"]) if "holdout" in document else None,
        in_force_from=date.fromisoformat(in_force["from"]) if "from" in in_force else None,
        in_force_until=date.fromisoformat(in_force["until"]) if "until" in in_force else None,
        calendar_country=calendar.get("country"),
        promise_steps=tuple(sorted(promise_steps, key=lambda step: (step.offset_days, step.at))),
    )


def filled(document: Document, step: Document) -> dict[str, Any]:
    """Return a step with what the document's `defaults`, its calendar and the language say where the step says nothing."""
    calendar = {key: value for key, value in document.get("calendar", {}).items() if key == "on_non_working_day"}
    return {**_STEP_DEFAULTS, **calendar, **document.get("defaults", {}), **step}


def stage_of(document: Document, offset_days: int) -> str | None:
    """Return the key of the stage that covers an offset, or None."""
    return next((stage["key"] for stage in document["stages"] if stage["from"] <= offset_days <= stage["to"]), None)


def read_times(at: Any) -> tuple[time, time | None]:
    """Return when a step is reached: a time of day, or the two ends of its window."""
    if isinstance(at, str):
        return time.fromisoformat(at), None
    return time.fromisoformat(at["window"][0]), time.fromisoformat(at["window"][1])


def read_cap(cap: Document) -> Cap:
    """Return one cap."""
    return Cap(int(cap["window"][1:-1]), cap["max"], cap.get("channel"), cap["per"])


def read_ladder(ladder: list[Document]) -> tuple[Rung, ...]:
    """Return the rungs. `give_up` of a rung is when the next one gives up waiting for it."""
    rungs: list[Rung] = []
    handed_on: Document = {}
    for rung in ladder:
        wait = handed_on or rung
        after = read_duration(wait["after"]) if "after" in wait else None
        rungs.append(Rung(rung["channel"], after, wait.get("unless", "seen"), _condition(rung.get("only_if"))))
        handed_on = rung.get("give_up", {})
    return tuple(rungs)


def read_arms(arms: Document, template: str) -> tuple[tuple[str, int, str | None], ...]:
    """Return (name, percent, template or None for no message), in the order of the names."""
    return tuple((name, *_arm(name, written, template)) for name, written in sorted(arms.items()))


def _arm(name: str, written: Any, template: str) -> tuple[int, str | None]:
    if isinstance(written, int):
        return written, None if name == CONTROL_ARM else template
    return written["percent"], written["template"]


def _step(step: Document, document: Document) -> Step:
    at, until = read_times(step["at"])
    template = step.get("template", "")
    return Step(
        key=step["key"],
        offset_days=step["offset_days"],
        at=at,
        until=until,
        expires_after=read_duration(step["expires_after"]),
        stage=stage_of(document, step["offset_days"]) or ("upcoming" if step["offset_days"] < 0 else "due"),
        template=template,
        ladder=() if "action" in step else read_ladder(step["ladder"]),
        given_class=step.get("class"),
        audience=_condition(step.get("audience")),
        on_non_working_day=step.get("on_non_working_day", "keep"),
        replaces=tuple(step.get("replaces", ())),
        action=_action(step["action"]) if "action" in step else None,
        experiment=_experiment(step["experiment"], template) if "experiment" in step else None,
        notice_kind=step.get("notice"),
    )


def _action(action: Document) -> Action:
    return Action(action["task"], action["queue"], read_duration(action["sla"]), action.get("needs_approval", False))


def _experiment(experiment: Document, template: str) -> Experiment:
    paid_by: timedelta = read_duration(experiment["outcome"]["paid_by"])
    arms = read_arms(experiment["arms"], template)
    return Experiment(experiment["key"], arms, paid_by, experiment.get("planned_borrowers"))


def _condition(written: Any) -> Condition:
    if written is None:
        return ALWAYS
    problems: list[tuple[str, str]] = []
    condition = read_condition(written, "", problems)
    if problems:
        raise ValidationError(
            problems[0][1], errors=tuple(FieldError(pointer, "condition", detail) for pointer, detail in problems)
        )
    return condition
