"""Calls and letters that wait for a person, looked at again: nobody rings about what is paid, disputed or told to stop."""

from typing import TYPE_CHECKING

from app.domain.cases import OpenTask
from app.domain.checks import stops_of
from app.domain.decided import WithdrawnTask
from app.domain.reasons import Reason

if TYPE_CHECKING:
    from app.domain.decisions import Decider

_CHANNELS = {"call": "voice", "letter": "letter"}


def withdrawn_tasks(decider: "Decider") -> tuple[WithdrawnTask, ...]:
    """Return the open tasks of the case that must not be done any more."""
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
