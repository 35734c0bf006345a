"""The core system sends many at once, and is told what became of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app import logs
from app.api.ingest.borrowers import ORIGIN, BorrowerValuesSchema, borrower_values, door
from app.api.ingest.contracts import named_as_sent
from app.api.ingest.holds import CoreHoldSchema, hold_item
from app.api.ingest.loans import LoanValuesSchema, PlanSchema, loan_values, plan_values
from app.api.ingest.payments import PaymentValuesSchema, payment_values
from app.api.ingest.tapes import TapeRowSchema, tape_values
from app.domain.book import PaymentResult, PutResult
from app.domain.errors import DomainError, FieldError
from app.persistence.unit_of_work import Work
from app.services.batches import BorrowerItem, Feed, HoldItem, LoanItem, Outcome, PlanItem
from app.web.answers import Answer
from app.web.auth import ingest
from app.web.doors import answers
from app.web.errors import field_errors
from app.web.fields import NUMBER_PATTERN, DateField, IdField, PatternField
from app.web.idempotency import answer_once
from app.web.request_context import now

MOST_ITEMS = 1000
STATUSES = ("created", "changed", "unchanged", "recorded", "duplicate", "unmatched", "refused")


class BorrowerItemSchema(BorrowerValuesSchema):
    """A borrower in a batch: as in PUT, with its number."""

    borrower_no = PatternField(NUMBER_PATTERN, required=True)


class LoanItemSchema(LoanValuesSchema):
    """A loan in a batch: as in PUT, with its number."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)


class PlanItemSchema(PlanSchema):
    """A plan in a batch, of a loan that exists."""

    loan_no = PatternField(NUMBER_PATTERN, required=True)

    @validates_schema
    def _one_currency(self, data: dict[str, Any], **_kwargs: Any) -> None:
        amounts = [row[name] for row in data["rows"] for name in ("principal", "interest", "fees", "penalties") if row[name]]
        if any(amount.minor < 0 for amount in amounts) or len({amount.currency for amount in amounts}) > 1:
            raise ValidationError({"rows": ["Negative, or in more than one currency."]})


class HoldItemSchema(CoreHoldSchema):
    """A hold in a batch: as in PUT, with the borrower's number and the reference."""

    borrower_no = PatternField(NUMBER_PATTERN, required=True)
    reference = PatternField(NUMBER_PATTERN, required=True)


class _Kind(NamedTuple):
    """How items of one kind are read, and what is done with them."""

    schema: Schema
    read: Callable[[dict[str, Any]], Any]
    put: Callable[[Feed, date | None, Sequence[Any]], list[Outcome]]
    as_sent: Callable[[DomainError, Any], DomainError] = lambda error, _item: error
    """A refusal of an item, in the names under which the item was sent."""


def _borrower(body: dict[str, Any]) -> BorrowerItem:
    return BorrowerItem(*borrower_values(body, body.pop("borrower_no")))


def _loan(body: dict[str, Any]) -> LoanItem:
    return LoanItem(*loan_values(body, body.pop("loan_no")))


def _plan(body: dict[str, Any]) -> PlanItem:
    return PlanItem(plan_values(body, body["loan_no"]), body["rows"][0]["principal"].currency)


def _hold(body: dict[str, Any]) -> HoldItem:
    return hold_item(body, body.pop("borrower_no"), body.pop("reference"))


_KINDS = {
    "borrowers": _Kind(BorrowerItemSchema(), _borrower, lambda feed, _as_of, items: feed.put_borrowers(items)),
    "loans": _Kind(
        LoanItemSchema(),
        _loan,
        lambda feed, _as_of, items: feed.put_loans(items),
        lambda error, item: named_as_sent(error, item.values.contract),
    ),
    "plans": _Kind(PlanItemSchema(), _plan, lambda feed, _as_of, items: feed.put_plans(items)),
    "payments": _Kind(PaymentValuesSchema(), payment_values, lambda feed, _as_of, items: feed.record_payments(items)),
    "tape": _Kind(TapeRowSchema(), tape_values, lambda feed, as_of, items: feed.put_tapes(as_of or feed.now.date(), items)),
    "holds": _Kind(HoldItemSchema(), _hold, lambda feed, _as_of, items: feed.put_holds(items)),
}


class BatchSchema(Schema):
    """Items of one kind, in the order they are to be taken in."""

    kind = fields.String(required=True, validate=validate.OneOf(list(_KINDS)))
    as_of = DateField(metadata={"description": "Business date of a tape, the end of which it tells of; only with a tape."})
    items = fields.List(
        fields.Raw(allow_none=True),
        required=True,
        validate=validate.Length(1, MOST_ITEMS),
        metadata={
            "description": "As in PUT of a borrower with borrower_no, PUT of a loan with loan_no, a plan with loan_no, POST "
            "of a payment, a row of a tape, or PUT of a hold with borrower_no and reference. A wrong item is "
            "refused by itself."
        },
    )

    @validates_schema
    def _day_of_a_tape(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if (data["kind"] == "tape") != ("as_of" in data):
            raise ValidationError({"as_of": ["A tape needs its business date, and nothing else has one."]})


class ItemErrorSchema(Schema):
    """What is wrong with one field of an item."""

    pointer = fields.String(required=True, metadata={"description": "RFC 6901, from the body."})
    code = fields.String(required=True)
    detail = fields.String(required=True)


class ItemResultSchema(Schema):
    """What became of one item."""

    index = fields.Integer(required=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    id = IdField(required=True, allow_none=True, metadata={"description": "Of the borrower, loan, ledger entry or hold."})
    conflicts = fields.List(fields.String(), required=True)
    code = fields.String(required=True, allow_none=True, metadata={"description": "Why it was refused, as a problem code."})
    detail = fields.String(required=True, allow_none=True)
    pointer = fields.String(required=True, allow_none=True, metadata={"description": "Where, from the body: RFC 6901."})
    errors = fields.List(fields.Nested(ItemErrorSchema), required=True)


class BatchResultSchema(Schema):
    """One result an item, in the order of the items, and how many came to what."""

    results = fields.List(fields.Nested(ItemResultSchema), required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


_NOTHING: dict[str, Any] = {"id": None, "conflicts": [], "code": None, "detail": None, "pointer": None, "errors": []}
_EXAMPLE = {
    "kind": "tape",
    "as_of": "2026-11-22",
    "items": [
        {
            "loan_no": "CN-1001",
            "principal_balance": {"amount_minor": 707845, "currency": "CNY"},
            "amount_past_due": {"amount_minor": 104500, "currency": "CNY"},
            "days_past_due": 2,
        },
        {"loan_no": "CN-9999", "days_past_due": 0},
    ],
}
_RESULT = {
    "results": [
        {**_NOTHING, "index": 0, "status": "created", "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"},
        {
            **_NOTHING,
            "index": 1,
            "status": "refused",
            "code": "not-found",
            "detail": "There is no loan CN-9999; send the loan first.",
            "pointer": "/items/1",
        },
    ],
    "counts": {"created": 1, "refused": 1},
}


@door.post("/batches")
@door.takes(BatchSchema, example=_EXAMPLE)
@answers(200, BatchResultSchema, example=_RESULT, problems=("idempotency-mismatch", "idempotency-in-flight"))
def post_batch(body: dict[str, Any]) -> Any:
    """Take in up to 1000 borrowers, loans, plans, payments, rows of a tape or holds.

    All is done when the answer comes; each item has its own result, in the order sent, and one that is refused leaves the
    others as they are. What names one number twice is done in that order. An Idempotency-Key is honoured.
    """
    kind, at = _KINDS[body["kind"]], now()
    read: dict[int, Any] = {}
    results: dict[int, dict[str, Any]] = {}
    for index, item in enumerate(body["items"]):
        try:
            read[index] = kind.read(kind.schema.load(item))
        except ValidationError as error:
            results[index] = _unread(index, error)

    def act(work: Work) -> Answer:
        feed = Feed.of(work, ingest().lender_id, now=at, origin=ORIGIN)
        found = dict(results)
        for (index, item), outcome in zip(read.items(), kind.put(feed, body.get("as_of"), list(read.values())), strict=True):
            if isinstance(outcome, DomainError):
                found[index] = _refused(index, kind.as_sent(outcome, item))
            else:
                found[index] = _result(index, outcome)
        ordered = [found[index] for index in sorted(found)]
        return Answer({"results": ordered, "counts": Counter(each["status"] for each in ordered)}, dumped=True)

    return answer_once(act)


def _unread(index: int, error: ValidationError) -> dict[str, Any]:
    errors = _listed(field_errors({f"items/{index}": error.messages}))
    first = errors[0]
    given = {"code": "validation-failed", "detail": first["detail"], "pointer": first["pointer"], "errors": errors}
    return {"index": index, "status": "refused", **_NOTHING, **given}


def _refused(index: int, error: DomainError) -> dict[str, Any]:
    place = f"/items/{index}"
    errors = _listed(FieldError(f"{place}{each.pointer}", each.code, each.detail) for each in error.errors)
    given = {
        "code": error.code,
        "detail": logs.redact_text(error.detail),
        "pointer": errors[0]["pointer"] if errors else place,
        "errors": errors,
    }
    return {"index": index, "status": "refused", **_NOTHING, **given}


def _listed(errors: Iterable[FieldError]) -> list[dict[str, Any]]:
    return [
        {"pointer": logs.redact_text(each.pointer), "code": each.code, "detail": logs.redact_text(each.detail)}
        for each in errors
    ]


def _result(index: int, outcome: PutResult | PaymentResult) -> dict[str, Any]:
    if isinstance(outcome, PutResult):
        status = "created" if outcome.created else "changed" if outcome.changed else "unchanged"
        return {"index": index, "status": status, **_NOTHING, "id": outcome.id, "conflicts": list(outcome.conflicts)}
    return {"index": index, "status": outcome.status, **_NOTHING, "id": outcome.entry_id}
