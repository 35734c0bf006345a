"""Staff see what waits for a person, and close it."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.persistence.queries.tasks import page_tasks
from app.persistence.unit_of_work import Work
from app.services import tasks
from app.services.tasks import LONGEST_REASON, OUTCOMES, STATES
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import (
    NUMBER_PATTERN,
    DateField,
    IdField,
    InstantField,
    PageQuerySchema,
    PatternField,
    TextField,
)
from app.web.idempotency import answer_once
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class TaskQuerySchema(PageQuerySchema):
    """Which tasks."""

    queue = TextField(40, metadata={"description": "Only this queue."})
    state = fields.String(load_default="open", validate=validate.OneOf(STATES))
    borrower_no = PatternField(NUMBER_PATTERN, metadata={"description": "Only of this borrower."})


class TaskSchema(Schema):
    """One task."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    loan_no = fields.String(required=True, allow_none=True)
    kind = fields.String(required=True, metadata={"description": "call, letter, duty, or a task kind of the law packs."})
    queue = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    state_reason = fields.String(required=True, allow_none=True)
    rule = fields.String(required=True, allow_none=True, metadata={"description": "The rule of law or policy behind it."})
    due_on = DateField(required=True, allow_none=True, metadata={"description": "Last day in time, where the borrower is."})
    due_at = InstantField(required=True, allow_none=True)
    not_before = InstantField(required=True, allow_none=True)
    not_after = InstantField(
        required=True, allow_none=True, metadata={"description": "A call may be made in [not_before, not_after) only."}
    )
    breach = fields.Boolean(required=True, metadata={"description": "The day has passed and it was not done."})
    facts = fields.Dict(keys=fields.String(), required=True)
    created_at = InstantField(required=True)
    closed_at = InstantField(required=True, allow_none=True)
    closed_by = fields.String(required=True, allow_none=True)


class TasksSchema(Schema):
    """A page, oldest first."""

    items = fields.List(fields.Nested(TaskSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class CloseSchema(Schema):
    """How a task ended."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    reason = TextField(LONGEST_REASON, required=True, metadata={"description": "In a few words."})


class ClosedSchema(Schema):
    """A task that is closed."""

    id = IdField(required=True)
    state = fields.String(required=True, metadata={"enum": list(OUTCOMES)})
    state_reason = fields.String(required=True, allow_none=True)
    closed_at = InstantField(required=True)
    closed_by = fields.String(required=True)


_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "borrower_no": "B-1001",
    "loan_no": "CN-1001",
    "kind": "call",
    "queue": "early",
    "state": "open",
    "state_reason": None,
    "rule": "d+5-human",
    "due_on": "2026-11-25",
    "due_at": None,
    "not_before": "2026-11-25T01:00:00Z",
    "not_after": "2026-11-25T12:00:00Z",
    "breach": False,
    "facts": {"days_past_due": 5},
    "created_at": "2026-11-24T01:00:00Z",
    "closed_at": None,
    "closed_by": None,
}
_CLOSED = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "state": "done",
    "state_reason": "called, promised Friday",
    "closed_at": "2026-11-25T03:00:00Z",
    "closed_by": "staff:Wang Fang",
}
_DUMP = ClosedSchema()


@door.get("/tasks")
@permits("tasks.read")
@door.asks(TaskQuerySchema)
@answers(200, TasksSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_tasks(query: dict[str, Any]) -> Answer:
    """List what waits for a person, oldest first."""
    begin = requested_key(query)
    rows = page_tasks(
        reads(),
        lender_id=desk().lender_id,
        queue=query.get("queue"),
        state=query["state"],
        borrower_no=query.get("borrower_no"),
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    return page_answer(list(rows), [Key(row.created_at, row.id) for row in rows], query)


@door.post("/tasks/<id:task_id>/close")
@permits("tasks.close")
@door.takes(CloseSchema, example={"outcome": "done", "reason": "called, promised Friday"})
@answers(200, ClosedSchema, example=_CLOSED, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"))
def close_task(body: dict[str, Any], task_id: str) -> Answer:
    """Close a task as done or cancelled. Closing it the same way twice changes nothing."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        row = tasks.close_task(work, task_id, **body, by=who.name, now=at, lender_id=who.lender_id)
        return Answer(_DUMP.dump(row), 200, dumped=True)

    return answer_once(act)
