"""The borrower's promises to pay: made, changed and taken back in the app."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.promise_forms import PARTS_EXAMPLE, PROMISE_EXAMPLE, PartsSchema, PromiseSchema
from app.persistence.unit_of_work import Work
from app.services import promise_views, promises
from app.services.promises import Giver
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField, MoneyField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now

_BY = Giver("borrower")
_ONCE = ("conflict", "currency-mismatch", "forbidden", "idempotency-mismatch", "idempotency-in-flight")


class AllowedSchema(Schema):
    """What may be promised on the loan now; `parts` 0: nothing."""

    first_on = DateField(required=True)
    last_on = DateField(required=True)
    least = MoneyField(required=True)
    most = MoneyField(required=True, metadata={"description": "Owed and not promised yet."})
    parts = fields.Integer(required=True, metadata={"description": "So many promises can be made together."})
    by_staff_only = fields.Boolean(
        required=True,
        metadata={"description": "Several were not kept or taken back: write to us, and a person takes the next one."},
    )


class MadePromisesSchema(Schema):
    """The promises made together, by their day."""

    items = fields.List(fields.Nested(PromiseSchema), required=True)


class PromisesSchema(MadePromisesSchema):
    """All promises of the loan, newest first, and what may be promised now."""

    allowed = fields.Nested(AllowedSchema, required=True)


_ALLOWED = {
    "first_on": "2026-11-23",
    "last_on": "2026-12-23",
    "least": {"amount_minor": 1000, "currency": "CNY"},
    "most": {"amount_minor": 658845, "currency": "CNY"},
    "parts": 2,
    "by_staff_only": False,
}
_MADE, _DUMP = MadePromisesSchema(), PromiseSchema()


@door.get("/loans/<id:loan_id>/promises")
@answers(200, PromisesSchema, example={"items": [PROMISE_EXAMPLE], "allowed": _ALLOWED})
def list_promises(loan_id: str) -> dict[str, Any]:
    """List your promises on a loan, the newest first, with what you may promise now."""
    borrower_id = borrower().borrower_id
    items = promise_views.list_promises(reads(), borrower_id, loan_id=loan_id)
    return {"items": items, "allowed": promise_views.allowed_now(borrower_id, loan_id, now=now())}


@door.post("/loans/<id:loan_id>/promises")
@door.takes(PartsSchema, example=PARTS_EXAMPLE)
@answers(201, MadePromisesSchema, example={"items": [PROMISE_EXAMPLE]}, problems=_ONCE)
def make_promises(body: dict[str, Any], loan_id: str) -> Answer:
    """Promise to pay, in one part or several, perhaps in place of what you promised before.

    Until the end of the last day other reminders of this loan are held back; you are reminded of your own days alone. A
    promise changes nothing of what is owed. A refusal names the field and says what is allowed.
    """
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        parts = [(part["amount"], part["promised_on"]) for part in body["parts"]]
        made = promises.make_promises(work, borrower_id, loan_id, parts, giver=_BY, now=at, replaces=body["replaces"])
        shown = promise_views.shown_promises(work, borrower_id, [row.id for row in made])
        return Answer(_MADE.dump({"items": shown}), 201, dumped=True)

    return answer_once(act)


@door.post("/promises/<id:promise_id>/cancel")
@answers(200, PromiseSchema, example={**PROMISE_EXAMPLE, "state": "cancelled"}, problems=_ONCE)
def cancel_promise(promise_id: str) -> Answer:
    """Take an open promise back; the ordinary reminders of the loan go on. Cancelling twice changes nothing."""
    at, borrower_id = now(), borrower().borrower_id

    def act(work: Work) -> Answer:
        promises.cancel_promise(work, borrower_id, promise_id, giver=_BY, now=at)
        (shown,) = promise_views.shown_promises(work, borrower_id, [promise_id])
        return Answer(_DUMP.dump(shown), 200, dumped=True)

    return answer_once(act)
