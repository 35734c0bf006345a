"""Staff take promises to pay on the phone, and see how earlier ones turned out."""

from typing import Any

from marshmallow import fields, validate

from app.api.borrower.promises import MadePromisesSchema
from app.api.desk.staff import door
from app.api.promise_forms import PARTS_EXAMPLE, PROMISE_EXAMPLE, ChangeSchema, PartsSchema, PromiseSchema
from app.domain.promises import CHANNELS, STATES
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.loans import get_own_loan_id
from app.persistence.unit_of_work import Work
from app.services import promise_views, promises
from app.services.promises import Giver
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, PatternField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now

_ONCE = ("conflict", "currency-mismatch", "idempotency-mismatch", "idempotency-in-flight")


class TakenPartsSchema(PartsSchema):
    """Promises that a member of staff takes."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    channel = fields.String(
        load_default="voice", validate=validate.OneOf(CHANNELS), metadata={"description": "How they were given."}
    )


class DeskPromiseSchema(PromiseSchema):
    """One promise with its history."""

    made_by = fields.String(required=True, metadata={"description": "borrower, staff:NAME, core:CODE."})
    reference = fields.String(required=True, allow_none=True, metadata={"description": "The core's own number."})
    history = fields.List(fields.Nested(ChangeSchema), required=True)


class DeskMadePromisesSchema(MadePromisesSchema):
    """The promises taken together, by their day."""

    items = fields.List(fields.Nested(DeskPromiseSchema), required=True)


class DeskPromisesSchema(DeskMadePromisesSchema):
    """All promises of the borrower to this lender, newest first, and how many stand where."""

    counts = fields.Dict(
        keys=fields.String(validate=validate.OneOf(STATES)), values=fields.Integer(), required=True,
        metadata={"description": "State -> how many; every state is named."},
    )  # fmt: skip


_EXAMPLE: dict[str, Any] = {
    **PROMISE_EXAMPLE,
    "made_by": "staff:Wang Fang",
    "channel": "voice",
    "reference": None,
    "history": [
        {
            "at": "2026-11-23T09:00:00Z",
            "state": "open",
            "paid": {"amount_minor": 0, "currency": "CNY"},
            "by": "staff:Wang Fang",
        }
    ],
}
_COUNTS = {"open": 1, "kept": 4, "partly_kept": 0, "broken": 1, "cancelled": 0, "replaced": 1}
_MADE, _DUMP = DeskMadePromisesSchema(), DeskPromiseSchema()


@door.get("/borrowers/<number:borrower_no>/promises")
@permits("promises.read")
@answers(200, DeskPromisesSchema, example={"items": [_EXAMPLE], "counts": _COUNTS})
def list_promises_of_borrower(borrower_no: str) -> dict[str, Any]:
    """List a borrower's promises to this lender with what became of each, and how many were kept, in part, or not."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    return {
        "items": promise_views.list_promises(reads(), borrower_id, lender_id=lender_id),
        "counts": promise_views.count_promises(reads(), borrower_id, lender_id),
    }


@door.post("/borrowers/<number:borrower_no>/promises")
@permits("promises.take")
@door.takes(TakenPartsSchema, example={**PARTS_EXAMPLE, "loan_no": "CN-1001", "channel": "voice"})
@answers(201, DeskMadePromisesSchema, example={"items": [_EXAMPLE]}, problems=_ONCE)
def take_promises(body: dict[str, Any], borrower_no: str) -> Answer:
    """Take promises that the borrower gives, on the phone or otherwise. The terms hold as in the app, save one:

    staff may take a promise also where several before it were not kept. The borrower finds it in the app.
    """
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        loan_id = get_own_loan_id(work.session, who.lender_id, borrower_id, body["loan_no"])
        parts = [(part["amount"], part["promised_on"]) for part in body["parts"]]
        giver = Giver(who.name, body["channel"], who.lender_id)
        made = promises.make_promises(work, borrower_id, loan_id, parts, giver=giver, now=at, replaces=body["replaces"])
        shown = promise_views.shown_promises(work, borrower_id, [row.id for row in made])
        return Answer(_MADE.dump({"items": shown}), 201, dumped=True)

    return answer_once(act)


@door.post("/borrowers/<number:borrower_no>/promises/<id:promise_id>/cancel")
@permits("promises.cancel")
@answers(200, DeskPromiseSchema, example={**_EXAMPLE, "state": "cancelled"}, problems=_ONCE)
def cancel_promise_of_borrower(borrower_no: str, promise_id: str) -> Answer:
    """Take an open promise back at the borrower's wish. Cancelling twice changes nothing."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, who.lender_id, borrower_no)
        promises.cancel_promise(work, borrower_id, promise_id, giver=Giver(who.name, "voice", who.lender_id), now=at)
        (shown,) = promise_views.shown_promises(work, borrower_id, [promise_id])
        return Answer(_DUMP.dump(shown), 200, dumped=True)

    return answer_once(act)
