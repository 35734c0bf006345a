"""What the borrower pledged: where it is, what it costs, and what it takes to get it back."""

from typing import Any

from marshmallow import Schema, fields

from app.api.borrower.loans import door
from app.api.collateral_forms import OWN_THING, QUOTE
from app.api.value_forms import form_of, plain
from app.persistence.db import vault
from app.persistence.unit_of_work import Work, reading
from app.services.collateral_own import OwnThing, own_thing, own_things
from app.services.collateral_quotes import RedemptionQuote, quote_own
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import answers
from app.web.fields import DateField
from app.web.idempotency import answer_once
from app.web.reads import end_reads
from app.web.request_context import now


class OwnThingsSchema(Schema):
    """What the borrower pledged, oldest first."""

    items = fields.List(fields.Nested(form_of(OwnThing)), required=True)


class NewQuoteSchema(Schema):
    """For which day."""

    on = DateField(load_default=None, allow_none=True, metadata={"description": "Up to a year ahead; today."})


@door.get("/collateral")
@answers(200, OwnThingsSchema, example={"items": [OWN_THING]})
def list_own_collateral() -> Answer:
    """List what you pledged, with its state, where it is kept and what that costs."""
    borrower_id, at = borrower().borrower_id, now()
    end_reads()
    with reading() as session:
        shown = own_things(session, vault(), borrower_id, now=at)
    return Answer({"items": [plain(each) for each in shown]}, 200, dumped=True)


@door.get("/collateral/<id:thing_id>")
@answers(200, form_of(OwnThing), example=OWN_THING)
def get_own_collateral(thing_id: str) -> Answer:
    """Show one thing you pledged: what happened to it, where it is, what it costs, how to get it back, how it was sold."""
    borrower_id, at = borrower().borrower_id, now()
    end_reads()
    with reading() as session:
        return Answer(plain(own_thing(session, vault(), borrower_id, thing_id, now=at)), 200, dumped=True)


@door.post("/collateral/<id:thing_id>/redemption-quotes")
@door.takes(NewQuoteSchema, example={"on": "2026-11-23"})
@answers(
    201, form_of(RedemptionQuote), example=QUOTE, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight")
)
def post_redemption_quote(body: dict[str, Any], thing_id: str) -> Answer:
    """Ask what it takes to get it back on a day, and until when that holds. 409 while it is not in custody."""
    borrower_id, at = borrower().borrower_id, now()

    def act(work: Work) -> Answer:
        return Answer(plain(quote_own(work, borrower_id, thing_id, body["on"], now=at)), 201, dumped=True)

    return answer_once(act)
