"""Rules for decisions: the default policy changed, with ladders, packs of law and templates."""

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

from app.domain.policies import Policy, Rules, Rung, Step, TemplateInfo
from app.services.rule_parts import laws
from tests.builders.cases import default_policy

FALLBACK = (Rung("in_app"), Rung("push"), Rung("sms", after=timedelta(hours=4)))
"""The record in the app, a push, and an SMS unless it was seen within four hours."""


def policy(*steps: Step, **changes: Any) -> Policy:
    """The default policy with other steps (none: its own) and fields."""
    base = default_policy()
    given = {"steps": tuple(sorted(steps, key=lambda step: (step.offset_days, step.at)))} if steps else {}
    return replace(base, **{**given, **changes})


def step(key: str = "d+0", offset: int = 0, **changes: Any) -> Step:
    """A step at ten, live for ten hours, in the app and by push."""
    given: dict[str, Any] = {
        "key": key, "offset_days": offset, "at": time(10), "expires_after": timedelta(hours=10),
        "stage": "upcoming" if offset < 0 else "due" if offset == 0 else "early", "template": "due_today",
        "ladder": (Rung("in_app"), Rung("push")),
    }  # fmt: skip
    return Step(**{**given, **changes})


def rules(one: Policy | None = None, *, law: bool = False, **changes: Any) -> Rules:
    """Rules of one policy; with `law` under the packs that come with the product."""
    return Rules(one or policy(), 1, **{"laws": laws() if law else {}, **changes})


def template(*markers: str, approved: bool = True) -> TemplateInfo:
    return TemplateInfo(approved, frozenset(markers))
