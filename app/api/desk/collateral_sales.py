"""Staff quote for a pledged thing, give it back, and have it sold by two people."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.collateral_forms import QUOTE, SALE, THING_PAGE
from app.api.desk.collateral import page_of
from app.api.desk.staff import door
from app.api.value_forms import form_of, plain
from app.domain.collateral_sales import FIGURES, METHODS, OutsideClaim
from app.domain.desk_payments import METHODS as WAYS
from app.domain.errors import CurrencyMismatchError
from app.persistence.queries import collateral as queries
from app.persistence.queries.collateral_sales import get_shown
from app.persistence.unit_of_work import Work, reading
from app.services import collateral_sale_reversals, collateral_sales
from app.services.collateral_page_values import CollateralPage
from app.services.collateral_quotes import RedemptionQuote, quote_at_desk
from app.services.collateral_redemptions import LONGEST_RECEIPT, redeem
from app.services.collateral_sale_previews import (
    LONGEST_NOTE,
    OTHERS,
    US,
    SaleWished,
    ShownPreview,
    preview_sale,
    shown_preview,
)
from app.services.collateral_sale_rows import LONGEST_REASON
from app.services.collateral_sale_views import ShownSale, shown_sale
from app.web.acting import acting
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import CountField, DateField, IdField, MoneyField, TextField
from app.web.idempotency import answer_once
from app.web.reads import end_reads
from app.web.request_context import now

_ONCE = ("conflict", "idempotency-mismatch", "idempotency-in-flight")


class DeskQuoteSchema(Schema):
    """For which day."""

    on = DateField(load_default=None, allow_none=True, metadata={"description": "Up to a year ahead; today."})


class NewRedemptionSchema(Schema):
    """What was paid to get it back, today."""

    amount = MoneyField(required=True)
    method = fields.String(required=True, validate=validate.OneOf(list(WAYS)))
    receipt = TextField(LONGEST_RECEIPT, required=True)
    quote_id = IdField(load_default=None, allow_none=True)


class SaleClaimSchema(Schema):
    """What somebody else may take from the proceeds."""

    rank = fields.Integer(required=True, validate=validate.Range(1, 99))
    amount = MoneyField(required=True)


class NewSaleSchema(Schema):
    """A sale. `sold_by` us: an act of ours, refused where the law forbids it now; other: told of from outside."""

    sold_on = DateField(required=True)
    proceeds = MoneyField(required=True)
    sale_costs = MoneyField(load_default=None, allow_none=True)
    claims = fields.List(fields.Nested(SaleClaimSchema), load_default=list, validate=validate.Length(max=10))
    method = fields.String(required=True, validate=validate.OneOf(METHODS))
    sold_by = fields.String(load_default=US, validate=validate.OneOf([US, OTHERS]))
    note = TextField(LONGEST_NOTE, load_default=None, allow_none=True)


class SaleApprovalSchema(Schema):
    """What is booked."""

    figures = fields.String(
        load_default=None,
        validate=validate.OneOf(FIGURES),
        metadata={"description": "Needed where your core tells another sale than was asked for: whose figures are booked."},
    )
    version = CountField(
        load_default=None,
        validate=validate.Range(1),
        metadata={"description": "The sale's version as you looked at it; 409 where it has changed since."},
    )


class SaleReasonSchema(Schema):
    """Why."""

    reason = TextField(LONGEST_REASON, required=True)


_REVERSAL = {
    "state": "waiting", "asked_by": "staff:Li Na", "asked_at": "2026-11-24T09:00:00Z", "reason": "another vehicle",
}  # fmt: skip
_REVERSED = {**SALE, "state": "reversed", "reversal": {**_REVERSAL, "state": "done"}}
_PREVIEW = {
    "currency": "CNY", "proceeds": {"amount_minor": 5_000_000, "currency": "CNY"}, "costs": SALE["costs"],
    "uncovered_costs": {"amount_minor": 0, "currency": "CNY"}, "loans": SALE["loans"], "claims": SALE["claims"],
    "surplus": SALE["surplus"], "shortfall": SALE["shortfall"], "rule": SALE["rule"],
    "source": "Civil Code arts 389 and 413", "grade": "R",
}  # fmt: skip
_SALE = {
    "sold_on": "2026-11-23", "proceeds": {"amount_minor": 5_000_000, "currency": "CNY"},
    "sale_costs": {"amount_minor": 20_000, "currency": "CNY"}, "method": "auction",
}  # fmt: skip


@door.post("/collateral/<id:thing_id>/redemption-quotes")
@permits("collateral.read")
@door.takes(DeskQuoteSchema, example={"on": "2026-11-23"})
@answers(201, form_of(RedemptionQuote), example=QUOTE, problems=_ONCE)
def post_desk_redemption_quote(body: dict[str, Any], thing_id: str) -> Answer:
    """Quote what it takes to get a thing back on a day: what is shown is what happens when it is paid on that day."""
    at, who = now(), desk()

    def act(work: Work) -> Answer:
        quote = quote_at_desk(work, thing_id, body["on"], lender_id=who.lender_id, by=who.name, now=at)
        return Answer(plain(quote), 201, dumped=True)

    return answer_once(act)


@door.post("/collateral/<id:thing_id>/redemption")
@permits("collateral.redeem")
@door.takes(
    NewRedemptionSchema,
    example={"amount": {"amount_minor": 580_500, "currency": "CNY"}, "method": "cash", "receipt": "R-2026-0117"},
)
@answers(201, form_of(CollateralPage), example=THING_PAGE, problems=_ONCE)
def post_redemption(body: dict[str, Any], thing_id: str) -> Answer:
    """Give a thing back for exactly what it takes today. The loans get their repayments, the rest pays the costs.

    More than you may take in alone (403): have the payments of its loans booked with approval first, then only the costs are
    left to pay.
    """
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        redeem(
            work, thing_id, body["amount"], method=body["method"], receipt=body["receipt"], quote_id=body["quote_id"],
            staff=staff, now=at,
        )  # fmt: skip
        return page_of(work, thing_id, 201)

    return answer_once(act)


@door.post("/collateral/<id:thing_id>/sale-previews")
@permits("collateral.sell")
@door.takes(NewSaleSchema, example=_SALE)
@answers(200, form_of(ShownPreview), example=_PREVIEW, problems=("conflict",))
def preview_collateral_sale(body: dict[str, Any], thing_id: str) -> Answer:
    """Show how a sale would be divided if it were booked now. Nothing is written."""
    at, who = now(), desk()
    end_reads()
    with reading() as session:
        thing = queries.get_thing(session, thing_id, lender_id=who.lender_id)
        return Answer(plain(shown_preview(preview_sale(session, thing, _wished(body), now=at))), 200, dumped=True)


@door.post("/collateral/<id:thing_id>/sales")
@permits("collateral.sell")
@door.takes(NewSaleSchema, example=_SALE)
@answers(201, form_of(ShownSale), example={**SALE, "state": "waiting"}, problems=(*_ONCE, "law-refused"))
def post_collateral_sale(body: dict[str, Any], thing_id: str) -> Answer:
    """Have a sale wait for somebody else to book it. The law is asked for a sale of ours, now and when it is booked."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        sale_id = collateral_sales.request_sale(work, thing_id, _wished(body), staff=staff, now=at)
        return _answer(work, sale_id, 201)

    return answer_once(act)


@door.post("/collateral-sales/<id:sale_id>/approve")
@permits("collateral.approve_sale")
@door.asks(SaleApprovalSchema)
@answers(200, form_of(ShownSale), example=SALE, problems=(*_ONCE, "law-refused"))
def approve_collateral_sale(query: dict[str, Any], sale_id: str) -> Answer:
    """Book a sale that somebody else asked for: the loans are paid by rank, a surplus becomes a refund that waits.

    409 where your core tells another amount or day (`told`) and `figures` does not say whose are booked.
    """
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_sales.approve_sale(work, sale_id, staff=staff, now=at, figures=query["figures"], version=query["version"])
        return _answer(work, sale_id, 200)

    return answer_once(act)


@door.post("/collateral-sales/<id:sale_id>/decline")
@permits("collateral.sell")
@door.takes(SaleReasonSchema, example={"reason": "the buyer withdrew"})
@answers(200, form_of(ShownSale), example={**SALE, "state": "declined"}, problems=_ONCE)
def decline_collateral_sale(body: dict[str, Any], sale_id: str) -> Answer:
    """Let a sale be that waits: who may approve it, and who asked for it."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_sales.decline_sale(work, sale_id, staff=staff, now=at, reason=body["reason"])
        return _answer(work, sale_id, 200)

    return answer_once(act)


@door.post("/collateral-sales/<id:sale_id>/reverse")
@permits("collateral.approve_sale")
@door.takes(SaleReasonSchema, example={"reason": "another vehicle"})
@answers(200, form_of(ShownSale), example={**SALE, "reversal": _REVERSAL}, problems=_ONCE)
def reverse_collateral_sale(body: dict[str, Any], sale_id: str) -> Answer:
    """Ask for a sale that was booked by mistake to be taken back by somebody else; until then it stays booked.

    409 where its surplus has left, or your core has told of its repayments and not reversed them.
    """
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_sale_reversals.ask_reversal(work, sale_id, staff=staff, now=at, reason=body["reason"])
        return _answer(work, sale_id, 200)

    return answer_once(act)


@door.post("/collateral-sales/<id:sale_id>/reversal/approve")
@permits("collateral.approve_sale")
@answers(200, form_of(ShownSale), example=_REVERSED, problems=_ONCE)
def approve_collateral_reversal(sale_id: str) -> Answer:
    """Take a sale back that somebody else asked to, with its repayments and its refund."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_sale_reversals.approve_reversal(work, sale_id, staff=staff, now=at)
        return _answer(work, sale_id, 200)

    return answer_once(act)


@door.post("/collateral-sales/<id:sale_id>/reversal/decline")
@permits("collateral.approve_sale")
@door.takes(SaleReasonSchema, example={"reason": "it was this vehicle"})
@answers(200, form_of(ShownSale), example={**SALE, "reversal": {**_REVERSAL, "state": "declined"}}, problems=_ONCE)
def decline_collateral_reversal(body: dict[str, Any], sale_id: str) -> Answer:
    """Leave a sale booked that somebody asked to take back."""
    at, staff = now(), acting()

    def act(work: Work) -> Answer:
        collateral_sale_reversals.decline_reversal(work, sale_id, staff=staff, now=at, reason=body["reason"])
        return _answer(work, sale_id, 200)

    return answer_once(act)


def _wished(body: dict[str, Any]) -> SaleWished:
    proceeds = body["proceeds"]
    amounts = [claim["amount"] for claim in body["claims"]] + [body["sale_costs"] or proceeds]
    if any(amount.currency != proceeds.currency for amount in amounts):
        raise CurrencyMismatchError("Proceeds, costs and claims of a sale are in one currency.")
    claims = tuple(OutsideClaim(claim["rank"], claim["amount"].minor) for claim in body["claims"])
    costs = 0 if body["sale_costs"] is None else body["sale_costs"].minor
    return SaleWished(body["sold_on"], proceeds, body["method"], body["sold_by"], costs, claims, body["note"])


def _answer(work: Work, sale_id: str, status: int) -> Answer:
    row = get_shown(work.session, sale_id, lender_id=desk().lender_id)
    return Answer(plain(shown_sale(work.vault, row)), status, dumped=True)
