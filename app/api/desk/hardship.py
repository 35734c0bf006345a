"""Staff look after requests for help with money trouble, and read what borrowers asked about contact."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.contact_requests import EXAMPLE, ContactRequestsSchema, contact_request_view
from app.api.desk.staff import door
from app.api.dispute_forms import DESK_HARDSHIP_EXAMPLE, DeskHardshipRequestSchema, hardship_view
from app.domain.hardship import OPEN, OUTCOMES, STATES
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.hardship import page_of_lender
from app.persistence.unit_of_work import Work
from app.services import contact_requests, hardship
from app.services.hardship import LONGEST_TEXT
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, DateField, PageQuerySchema, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class HardshipQuerySchema(PageQuerySchema):
    """Which requests."""

    state = fields.String(
        validate=validate.OneOf(STATES), metadata={"description": "Only in this state; without it, what is open."}
    )
    due_until = DateField(metadata={"description": "Only what is due on or before this day."})
    overdue = fields.Boolean(
        load_default=False, truthy={"true"}, falsy={"false"}, metadata={"description": "Only what was not decided in time."}
    )


class DeskHardshipRequestsSchema(Schema):
    """A page, oldest first."""

    items = fields.List(fields.Nested(DeskHardshipRequestSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class HardshipDecisionSchema(Schema):
    """What was decided."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    words = TextField(LONGEST_TEXT, required=True, metadata={"description": "As the borrower reads it."})
    arrangement = PatternField(
        NUMBER_PATTERN,
        load_default=None,
        allow_none=True,
        metadata={"description": "What was agreed: the id of a plan request or an arrangement."},
    )


_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DECISION = {
    "outcome": "agreed",
    "words": "We agreed on half the instalment for three months.",
    "arrangement": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
}
_DUMP = DeskHardshipRequestSchema()


@door.get("/hardship-requests")
@permits("hardship.read")
@door.asks(HardshipQuerySchema)
@answers(200, DeskHardshipRequestsSchema, example={"items": [DESK_HARDSHIP_EXAMPLE], "next_cursor": None})
def list_desk_hardship_requests(query: dict[str, Any]) -> Answer:
    """List requests for help, oldest first: without a filter those that wait for a decision."""
    begin = requested_key(query)
    rows = page_of_lender(
        reads(),
        desk().lender_id,
        states=[query["state"]] if query.get("state") else OPEN,
        due_until=query.get("due_until"),
        overdue=query["overdue"],
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    found = [hardship_view(each) for each in hardship.shown_all(rows, request_locale())]
    return page_answer(found, [Key(row.opened_at, row.id) for row in rows], query)


@door.get("/hardship-requests/<id:hardship_request_id>")
@permits("hardship.read")
@answers(200, DeskHardshipRequestSchema, example=DESK_HARDSHIP_EXAMPLE)
def get_desk_hardship_request(hardship_request_id: str) -> dict[str, Any]:
    """Show a request for help with what was answered."""
    lender_id = desk().lender_id
    return hardship_view(hardship.get_shown(reads(), hardship_request_id, lender_id=lender_id, locale=request_locale()))


@door.post("/hardship-requests/<id:hardship_request_id>/take")
@permits("hardship.take")
@answers(200, DeskHardshipRequestSchema, example=DESK_HARDSHIP_EXAMPLE, problems=_ONCE)
def take_hardship_request(hardship_request_id: str) -> Answer:
    """Say that you look at it. Somebody else may take it over from you."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        hardship.take(work, who.lender_id, hardship_request_id, staff=who.name, now=at)
        return _answer(work, hardship_request_id)

    return answer_once(act)


@door.post("/hardship-requests/<id:hardship_request_id>/decide")
@permits("hardship.decide")
@door.takes(HardshipDecisionSchema, example=_DECISION)
@answers(200, DeskHardshipRequestSchema, example=DESK_HARDSHIP_EXAMPLE, problems=_ONCE)
def decide_hardship_request(body: dict[str, Any], hardship_request_id: str) -> Answer:
    """Agree or decline. The hold ends; what was agreed is an arrangement of its own and says when reminders go on."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        hardship.decide(work, who.lender_id, hardship_request_id, **body, staff=who.name, role=who.role, now=at)
        return _answer(work, hardship_request_id)

    return answer_once(act)


@door.get("/borrowers/<number:borrower_no>/contact-requests")
@permits("contact_requests.read")
@answers(200, ContactRequestsSchema, example={"items": [EXAMPLE]})
def list_desk_contact_requests(borrower_no: str) -> dict[str, Any]:
    """List what a borrower asked about contact, with who speaks for them.

    A representative whose authority does not stand: release the hold `represented`.
    """
    borrower_id = get_borrower_of_lender(reads(), desk().lender_id, borrower_no)
    return {"items": [contact_request_view(each) for each in contact_requests.list_requests(reads(), borrower_id)]}


def _answer(work: Work, request_id: str) -> Answer:
    connection, locale = work.session.connection(), request_locale()
    found = hardship.get_shown(connection, request_id, lender_id=desk().lender_id, locale=locale)
    return Answer(_DUMP.dump(hardship_view(found)), 200, dumped=True)
