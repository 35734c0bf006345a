"""What waits for a person: tasks by their last day, duties of the law among them, and closing one."""

from datetime import UTC, datetime, time
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.lists import SIZE, begin, listed, one_of
from app.persistence.queries.tasks import NO_DAY, find_queues, look_at_task, page_by_deadline
from app.persistence.unit_of_work import Work
from app.services.duties import QUEUE as DUTIES
from app.services.law_packs import find_rule
from app.services.tasks import LONGEST_REASON, OUTCOMES, close_task
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.pagination import Key
from app.web.reads import reads
from app.web.request_context import now

VIEWS = ("deadline", "breach", "mine", "open_end")


class CloseSchema(Schema):
    """How a task ended."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    reason = TextField(LONGEST_REASON, required=True)


@pages.get("/tasks")
@permits("tasks.read")
def tasks() -> Response:
    """List open tasks of one view and queue: what must be done first stands first."""
    queues = find_queues(reads())
    view = "breach" if request.args.get("breach") else one_of("view", VIEWS, "deadline") or "deadline"
    queue = one_of("queue", queues)
    key = begin(view=view, queue=queue)
    rows = page_by_deadline(
        reads(),
        lender_id=desk().lender_id,
        queue=queue,
        breach=view == "breach",
        claimed_by=desk().name if view == "mine" else None,
        has_deadline={"deadline": True, "open_end": False}.get(view),
        after=None if key is None else (key.at.date(), key.row_id),
        limit=SIZE + 1,
    )
    shown = [(row, find_rule(row.rule) if row.rule and row.queue == DUTIES else None) for row in rows]
    found = listed(shown, [Key(_place(row, view), row.id) for row in rows], size=SIZE, view=view, queue=queue)
    return page("tasks/list.html", found=found, view=view, views=VIEWS, queue=queue, queues=queues)


@pages.get("/tasks/<id:task_id>")
@permits("tasks.read")
def task(task_id: str) -> Response:
    """Show a task with the rule behind it, and close it."""
    return _shown(task_id, Form())


@pages.post("/tasks/<id:task_id>/close")
@permits("tasks.close")
def close(task_id: str) -> BaseResponse:
    """Close it as done or cancelled."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        close_task(work, task_id, **values, by=who.name, now=at, lender_id=who.lender_id)
        return f"{PREFIX}/tasks/{task_id}"

    return submit(CloseSchema, act, lambda form: _shown(task_id, form, status=422))


def _shown(task_id: str, form: Form, *, status: int = 200) -> Response:
    row = look_at_task(reads(), task_id, lender_id=desk().lender_id)
    rule = find_rule(row.rule) if row.rule else None
    return page("tasks/task.html", status=status, row=row, rule=rule, form=form, is_duty=row.queue == DUTIES)


def _place(row: Any, view: str) -> datetime:
    if view == "open_end":
        return row.created_at  # type: ignore[no-any-return]
    return datetime.combine(row.due_on or NO_DAY, time(0), tzinfo=UTC)
