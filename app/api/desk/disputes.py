"""Staff look after disputes, objections and complaints: what is due, who looks at it, the answer."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.api.dispute_forms import DESK_DISPUTE_EXAMPLE, DeskDisputeSchema, dispute_view
from app.domain.disputes import OPEN, OUTCOMES, STATES
from app.persistence.unit_of_work import Work
from app.services import dispute_answers
from app.services.dispute_answers import AnswerValues
from app.services.disputes import LONGEST_TEXT
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, MoneyField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class DisputeQuerySchema(PageQuerySchema):
    """Which cases."""

    state = fields.String(
        validate=validate.OneOf(STATES), metadata={"description": "Only in this state; without it, what is open."}
    )
    due_until = DateField(metadata={"description": "Only what is due on or before this day."})
    overdue = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Only what was not answered in time."}
    )
    escalated = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Only what is before seniors."}
    )


class DeskDisputesSchema(Schema):
    """A page, oldest first."""

    items = fields.List(fields.Nested(DeskDisputeSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DisputeAnswerSchema(Schema):
    """The answer."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    words = TextField(LONGEST_TEXT, required=True, metadata={"description": "As the borrower reads it."})
    upheld = MoneyField(load_default=None, allow_none=True, metadata={"description": "How much of it, if a part is."})
    correction_reference = PatternField(
        NUMBER_PATTERN,
        load_default=None,
        allow_none=True,
        metadata={"description": "The core's reference of the waiver or reversal that puts it right."},
    )


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_ANSWER = {"outcome": "upheld", "words": "You are right: the payment has been found.", "correction_reference": "W-2211"}
_DUMP = DeskDisputeSchema()


@door.get("/disputes")
@permits("disputes.read")
@door.asks(DisputeQuerySchema)
@answers(200, DeskDisputesSchema, example={"items": [DESK_DISPUTE_EXAMPLE], "next_cursor": None})
def list_desk_disputes(query: dict[str, Any]) -> Answer:
    """List disputes, oldest first: without a filter those that wait for an answer."""
    begin = requested_key(query)
    found = dispute_answers.page_of_lender(
        reads(),
        desk().lender_id,
        states=[query["state"]] if query.get("state") else OPEN,
        due_until=query.get("due_until"),
        overdue=query["overdue"],
        escalated=query["escalated"],
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
        locale=request_locale(),
    )
    return page_answer(
        [dispute_view(each) for each in found], [Key(each.row.received_at, each.row.id) for each in found], query
    )


@door.get("/disputes/<id:dispute_id>")
@permits("disputes.read")
@answers(200, DeskDisputeSchema, example=DESK_DISPUTE_EXAMPLE)
def get_desk_dispute(dispute_id: str) -> dict[str, Any]:
    """Show a dispute with the borrower's words."""
    return dispute_view(
        dispute_answers.get_of_lender(reads(), desk().lender_id, dispute_id, locale=request_locale())
    )  # fmt: skip


@door.post("/disputes/<id:dispute_id>/take")
@permits("disputes.take")
@answers(200, DeskDisputeSchema, example=DESK_DISPUTE_EXAMPLE, problems=_ONCE)
def take_dispute(dispute_id: str) -> Answer:
    """Say that you look at it. Somebody else may take it over from you."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        dispute_answers.take(work, who.lender_id, dispute_id, staff=who.name, now=at)
        return _answer(work, dispute_id)

    return answer_once(act)


@door.post("/disputes/<id:dispute_id>/answer")
@permits("disputes.answer")
@door.takes(DisputeAnswerSchema, example=_ANSWER)
@answers(200, DeskDisputeSchema, example=DESK_DISPUTE_EXAMPLE, problems=_ONCE)
def answer_dispute(body: dict[str, Any], dispute_id: str) -> Answer:
    """Answer it. The hold ends and reminders go on from where the loan stands; a late answer is recorded as a breach.

    What was escalated is answered by a supervisor, compliance or admin.
    """
    at, who = now(), desk()
    upheld = body.pop("upheld")
    values = AnswerValues(
        **body,
        upheld_minor=None if upheld is None else upheld.minor,
        currency=None if upheld is None else upheld.currency,
    )

    def act(work: Work) -> Answer:
        dispute_answers.answer(work, who.lender_id, dispute_id, values, staff=who.name, role=who.role, now=at)
        return _answer(work, dispute_id)

    return answer_once(act)


def _answer(work: Work, dispute_id: str) -> Answer:
    connection = work.session.connection()
    found = dispute_answers.get_of_lender(connection, desk().lender_id, dispute_id, locale=request_locale())
    return Answer(_DUMP.dump(dispute_view(found)), 200, dumped=True)
