"""What the borrower asks when money is short."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.borrower.loans import door
from app.api.dispute_forms import HARDSHIP_EXAMPLE, HardshipRequestSchema, hardship_view
from app.domain.disputes import MOST_ATTACHMENTS
from app.domain.hardship import CHANGES, LASTS, HardshipValues
from app.persistence.queries.hardship import page_own
from app.persistence.unit_of_work import Work
from app.services import hardship
from app.services.hardship import LONGEST_TEXT
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import IdField, MoneyField, PageQuerySchema, TextField
from app.web.idempotency import answer_once
from app.web.languages import request_locale
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads
from app.web.request_context import now


class NewHardshipRequestSchema(Schema):
    """Few questions; only the first must be answered."""

    change = fields.String(
        required=True, validate=validate.OneOf(CHANGES), metadata={"description": "What has changed for you."}
    )
    loan_id = IdField(load_default=None, allow_none=True, metadata={"description": "null: about all your loans."})
    lasts = fields.String(load_default=None, allow_none=True, validate=validate.OneOf(LASTS))
    monthly = MoneyField(load_default=None, allow_none=True, metadata={"description": "What you could pay a month; 0 too."})
    wants_advice = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    words = TextField(LONGEST_TEXT, load_default=None, allow_none=True)
    attachments = fields.List(IdField(), load_default=list, validate=validate.Length(max=MOST_ATTACHMENTS))


class HardshipRequestsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(HardshipRequestSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_NEW = {"change": "income_lower", "lasts": "3_to_12_months", "wants_advice": True}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = HardshipRequestSchema()


@door.post("/hardship-requests")
@door.takes(NewHardshipRequestSchema, example=_NEW)
@answers(201, HardshipRequestSchema, example=HARDSHIP_EXAMPLE, problems=_ONCE)
def post_hardship_request(body: dict[str, Any]) -> Answer:
    """Ask for help. Reminders stop from this second on, a person decides, and free advice is named where there is some.

    While one request is open there is no second: the refusal names the first.
    """
    at, borrower_id = now(), borrower().borrower_id
    monthly = body.pop("monthly")
    values = HardshipValues(
        **{**body, "attachments": tuple(dict.fromkeys(body["attachments"]))},
        monthly_minor=None if monthly is None else monthly.minor,
        currency=None if monthly is None else monthly.currency,
    )

    def act(work: Work) -> Answer:
        return _answer(work, hardship.open_request(work, borrower_id, values, now=at), 201)

    return answer_once(act)


@door.get("/hardship-requests")
@door.asks(PageQuerySchema)
@answers(200, HardshipRequestsSchema, example={"items": [HARDSHIP_EXAMPLE], "next_cursor": None})
def list_hardship_requests(query: dict[str, Any]) -> Answer:
    """List your requests for help, newest first."""
    rows = page_own(reads(), borrower().borrower_id, before=requested_key(query), limit=query["limit"] + 1)
    found = [hardship_view(each) for each in hardship.shown_all(rows, request_locale())]
    return page_answer(found, [Key(row.opened_at, row.id) for row in rows], query)


@door.get("/hardship-requests/<id:hardship_request_id>")
@answers(200, HardshipRequestSchema, example=HARDSHIP_EXAMPLE)
def get_hardship_request(hardship_request_id: str) -> dict[str, Any]:
    """Show one of your requests for help, and what was decided."""
    borrower_id = borrower().borrower_id
    return hardship_view(hardship.get_shown(reads(), hardship_request_id, borrower_id=borrower_id, locale=request_locale()))


@door.post("/hardship-requests/<id:hardship_request_id>/withdraw")
@answers(200, HardshipRequestSchema, example=HARDSHIP_EXAMPLE, problems=_ONCE)
def withdraw_hardship_request(hardship_request_id: str) -> Answer:
    """Take a request back; reminders go on. Taking it back twice changes nothing."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        hardship.withdraw(work, borrower_id, hardship_request_id, now=at)
        return _answer(work, hardship_request_id, 200)

    return answer_once(act)


def _answer(work: Work, request_id: str, status: int) -> Answer:
    connection, locale = work.session.connection(), request_locale()
    found = hardship.get_shown(connection, request_id, borrower_id=borrower().borrower_id, locale=locale)
    return Answer(_DUMP.dump(hardship_view(found)), status, dumped=True)
