"""Experiments and holdouts as policies define them: their arms with their shares, which one is the control, what clashes.

Overlap: every key is a salt of its own, so arms of different keys are independent, and each experiment is read by itself.
A holdout goes before: who is held out is in no experiment of the steps it covers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.domain.errors import ConflictError, FieldError
from app.domain.policies import STAGE_ORDER, Experiment, Holdout, Policy
from app.domain.policy_words import pointer_to

HELD_OUT, REMINDED = "holdout", "reminded"
"""The two arms of a holdout."""
_CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment or holdout. `shares`: (arm, percent), adding up to 100, in the order in which the hash is divided."""

    key: str
    kind: str
    """experiment, holdout."""
    shares: tuple[tuple[str, int], ...]
    control: str
    """The arm that the others are compared to."""
    paid_by: timedelta | None = None
    """The outcome: paid within so long of the decision; None: the policy does not say."""
    planned_borrowers: int | None = None


def trials_of(policy: Policy) -> list[Trial]:
    """Return the experiments and the holdout of a policy, each key once."""
    found: dict[str, Trial] = {}
    if policy.holdout is not None:
        found[policy.holdout.key] = _of_holdout(policy.holdout)
    for step in policy.steps:
        if step.experiment is not None:
            found.setdefault(step.experiment.key, _of_experiment(step.experiment))
    return list(found.values())


def steps_that_hide(policy: Policy, key: str) -> list[str]:
    """Return the steps covered by the holdout `key` whose decisions name their own experiment instead.

    Who got an arm there was not held out, so they are the holdout's reminded ones; left out, its arms could not be compared.
    """
    if policy.holdout is None or policy.holdout.key != key or policy.holdout.max_stage not in STAGE_ORDER:
        return []
    covered = STAGE_ORDER[: STAGE_ORDER.index(policy.holdout.max_stage) + 1]
    return [step.key for step in policy.steps if step.experiment is not None and step.stage in covered]


def clashes(policy: Policy, document: Mapping[str, Any], others: Iterable[tuple[str, Policy]]) -> list[FieldError]:
    """Return what would put people into two arms: a key that a version in force, now or once, divides otherwise.

    `document`: the policy's own, for pointers; `others`: (name, policy). Only shares are compared: a text may improve, a
    person must not change arms.
    """
    theirs = [(name, trial) for name, other in others for trial in trials_of(other)]
    found = []
    for mine in trials_of(policy):
        for name, trial in theirs:
            if trial.key == mine.key and (trial.kind, trial.shares) != (mine.kind, mine.shares):
                detail = (
                    f"{mine.key!r} divides people otherwise in {name} ({_told(trial)}): they would change arms, and what "
                    "was measured would mean nothing. Give it a new key."
                )
                found.append(FieldError(_pointer(document, mine), "experiment", detail))
                break
    return found


def merged(trials: Sequence[Trial]) -> Trial:
    """Return one key's trial of several versions, the newest first. Raises ConflictError where their shares differ."""
    newest = trials[0]
    for other in trials[1:]:
        if (other.kind, other.shares) != (newest.kind, newest.shares):
            raise ConflictError(
                f"{newest.key} was divided as {_told(newest)} and as {_told(other)}: people were in two arms, and there is "
                "nothing to compare."
            )
    return newest


def _of_holdout(holdout: Holdout) -> Trial:
    shares = ((HELD_OUT, holdout.percent), (REMINDED, 100 - holdout.percent))
    return Trial(holdout.key, "holdout", shares, HELD_OUT, planned_borrowers=holdout.planned_borrowers)


def _of_experiment(experiment: Experiment) -> Trial:
    shares = tuple((name, percent) for name, percent, _ in experiment.arms)
    silent = [name for name, _, template in experiment.arms if template is None]
    names = [name for name, _ in shares]
    control = _CONTROL if _CONTROL in names else (silent or names)[0]
    return Trial(experiment.key, "experiment", shares, control, experiment.paid_by, experiment.planned_borrowers)


def _told(trial: Trial) -> str:
    return f"{trial.kind}: " + ", ".join(f"{name} {percent} %" for name, percent in trial.shares)


def _pointer(document: Mapping[str, Any], trial: Trial) -> str:
    if trial.kind == "holdout":
        return pointer_to("holdout", "key")
    keys = [step.get("experiment", {}).get("key") for step in document["steps"]]
    return pointer_to("steps", keys.index(trial.key), "experiment", "arms")
