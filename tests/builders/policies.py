"""Policy documents: in order by default, with what a test changes in them."""

from copy import deepcopy
from typing import Any

_DOCUMENT: dict[str, Any] = {
    "policy": "acme",
    "version": 1,
    "caps": [{"per": "borrower", "window": "P1D", "max": 1}],
    "quiet_hours": {"start": "20:00", "end": "09:00"},
    "stages": [{"key": "upcoming", "from": -7, "to": 0}, {"key": "early", "from": 1, "to": 30}],
    "steps": [
        {"key": "d-3", "offset_days": -3, "template": "due_soon", "ladder": [{"channel": "in_app"}, {"channel": "push"}]},
        {"key": "d+3", "offset_days": 3, "template": "overdue_early", "ladder": [{"channel": "push"}, {"channel": "sms"}]},
    ],
}


def a_document(**changes: Any) -> dict[str, Any]:
    """A policy document; a change of None takes its key out."""
    document = {**deepcopy(_DOCUMENT), **changes}
    return {key: value for key, value in document.items() if value is not None}


def with_step(**changes: Any) -> dict[str, Any]:
    """A document with one step, d+3, changed; a change of None takes its key out."""
    step = {**deepcopy(_DOCUMENT["steps"][1]), **changes}
    return a_document(steps=[{key: value for key, value in step.items() if value is not None}])
