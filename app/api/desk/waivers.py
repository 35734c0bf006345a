"""Staff give up fees, penalties and interest, within their limits or with somebody else's approval."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.api.desk_act_forms import WAIVER_EXAMPLE, WaiverSchema, WaiversSchema, waiver_view
from app.domain.errors import refused_at
from app.domain.money import Money
from app.domain.splits import Split
from app.domain.waivers import REASONS
from app.persistence.db import vault
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.waivers import get_shown
from app.persistence.unit_of_work import Work
from app.services import waivers
from app.services.waivers import LONGEST_NOTE, LONGEST_REASON, Wished
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import NUMBER_PATTERN, MoneyField, PatternField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import now


class WishedPartsSchema(Schema):
    """What is to be given up, by component; what is left out is nothing. Principal cannot be."""

    interest = MoneyField(load_default=None, allow_none=True)
    fees = MoneyField(load_default=None, allow_none=True)
    penalties = MoneyField(load_default=None, allow_none=True)


class NewWaiverSchema(Schema):
    """A waiver."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)
    parts = fields.Nested(WishedPartsSchema, required=True)
    reason = fields.String(required=True, validate=validate.OneOf(REASONS))
    note = TextField(LONGEST_NOTE, load_default=None, allow_none=True, metadata={"description": "Why; kept sealed."})


class DeclineWaiverSchema(Schema):
    """Why it is not given up."""

    reason = TextField(LONGEST_REASON, required=True)


_NEW = {"loan_no": "CN-1001", "parts": {"fees": {"amount_minor": 2500, "currency": "CNY"}}, "reason": "goodwill"}
_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")
_DUMP = WaiverSchema()


@door.get("/borrowers/<number:borrower_no>/waivers")
@permits("waivers.read")
@answers(200, WaiversSchema, example={"items": [WAIVER_EXAMPLE]})
def list_waivers(borrower_no: str) -> dict[str, Any]:
    """List what was given up of a borrower's loans, and what waits for approval."""
    lender_id = desk().lender_id
    borrower_id = get_borrower_of_lender(reads(), lender_id, borrower_no)
    rows = waivers.list_waivers(reads(), borrower_id, lender_id=lender_id)
    return {"items": [waiver_view(vault(), row) for row in rows]}


@door.post("/borrowers/<number:borrower_no>/waivers")
@permits("waivers.grant")
@door.takes(NewWaiverSchema, example=_NEW)
@answers(201, WaiverSchema, example=WAIVER_EXAMPLE, problems=_ONCE)
def post_waiver(body: dict[str, Any], borrower_no: str) -> Answer:
    """Give up what is due and unpaid of fees, penalties or interest. Above your limits it waits for a second person.

    Limits are per act, and per loan and year. Your core is told by `waiver.granted.v1` and books it under `reference`.
    """
    at, staff = now(), acting()
    parts, currency = split_of(body["parts"])

    def act(work: Work) -> Answer:
        borrower_id = get_borrower_of_lender(work.session, staff.lender_id, borrower_no)
        wished = Wished(body["loan_no"], parts, currency, body["reason"], body["note"])
        waiver_id = waivers.ask_waiver(work, borrower_id, wished, staff=staff, now=at)
        return _answer(work, waiver_id, 201)

    return answer_once(act)


@door.post("/waivers/<id:waiver_id>/approve")
@permits("waivers.approve")
@answers(200, WaiverSchema, example=WAIVER_EXAMPLE, problems=_ONCE)
def approve_waiver(waiver_id: str) -> Answer:
    """Grant a waiver that waits. Not for who asked, and within what your role may approve (403)."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        waivers.approve_waiver(work, waiver_id, staff=staff, now=at)
        return _answer(work, waiver_id, 200)

    return answer_once(act)


@door.post("/waivers/<id:waiver_id>/decline")
@permits("waivers.grant")
@door.takes(DeclineWaiverSchema, example={"reason": "was waived in May"})
@answers(200, WaiverSchema, example={**WAIVER_EXAMPLE, "state": "declined"}, problems=_ONCE)
def decline_waiver(body: dict[str, Any], waiver_id: str) -> Answer:
    """Let a waiver be that waits: who may approve, and who asked for it."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        waivers.decline_waiver(work, waiver_id, staff=staff, now=at, reason=body["reason"])
        return _answer(work, waiver_id, 200)

    return answer_once(act)


def split_of(parts: dict[str, Money | None]) -> tuple[Split, str]:
    """Return amounts by component as a split, and their currency. Raises ValidationError for several, or none."""
    given = {name: money for name, money in parts.items() if money is not None}
    currencies = {money.currency for money in given.values()}
    if len(currencies) != 1:
        raise refused_at("/parts", "Give an amount of at least one component, all in the currency of the loan.")
    return Split(**{name: money.minor for name, money in given.items()}), currencies.pop()


def _answer(work: Work, waiver_id: str, status: int) -> Answer:
    row = get_shown(work.session, waiver_id, lender_id=desk().lender_id)
    return Answer(_DUMP.dump(waiver_view(work.vault, row)), status, dumped=True)
