"""One pledged thing in a browser: all that is known of it, and a form for each thing that staff do about it."""

from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field
from app.console.call_forms import money_in
from app.console.collateral import HOME
from app.console.forms import Form, submit
from app.console.frame import page, pages
from app.domain.collateral_events import COST_KINDS, EventKind
from app.domain.collateral_sales import METHODS, OutsideClaim
from app.domain.desk_payments import METHODS as WAYS
from app.domain.money import Money
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.queries import collateral as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import collateral_desk, collateral_events, collateral_sales, collateral_values
from app.services.collateral_notices import serve_collateral_notice
from app.services.collateral_quotes import quote_at_desk
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
from app.services.collateral_views import open_thing
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import DateField, IdField, PatternField, TextField
from app.web.reads import end_reads
from app.web.request_context import now

_PATH = "/collateral/<id:thing_id>"
_TOLD = tuple(kind.value for kind in collateral_desk.EVENTS_AT_DESK if kind not in (EventKind.REVERSAL, EventKind.PLEDGED))
"""Kinds that the form of events offers; a reversal has a button beside the event."""


class EventFormSchema(Schema):
    """What happened."""

    kind = fields.String(required=True, validate=validate.OneOf(_TOLD))
    effective_on = DateField(required=True)
    cost_kind = fields.String(load_default=None, validate=validate.OneOf(COST_KINDS))
    cost = amount_field(load_default=None)
    charged = fields.Boolean(load_default=False)
    reason = TextField(collateral_events.LONGEST_REASON, load_default=None)
    place = TextField(collateral_events.LONGEST_TEXT, load_default=None)
    note = TextField(collateral_events.LONGEST_TEXT, load_default=None)


class ServeFormSchema(Schema):
    """Nothing is said besides doing it."""


class TakeBackFormSchema(Schema):
    """Which event was wrong, by its reference."""

    reverses = TextField(collateral_events.LONGEST_REFERENCE, required=True)


class AppraisalFormSchema(Schema):
    """What somebody says that it is worth."""

    value = amount_field(required=True)
    valued_on = DateField(required=True)
    source = fields.String(required=True, validate=validate.OneOf(collateral_values.SOURCES))
    haircut = PatternField(r"(0([.][0-9]{1,6})?|1)", load_default="0")
    appraiser = TextField(collateral_values.LONGEST_NAME, load_default=None)


class InsuranceFormSchema(Schema):
    """A policy."""

    cover = fields.String(required=True, validate=validate.OneOf(collateral_values.COVERS))
    valid_until = DateField(required=True)
    insured = amount_field(load_default=None)
    policy_no = TextField(collateral_values.LONGEST_NAME, load_default=None)


class QuoteFormSchema(Schema):
    """For which day."""

    on = DateField(load_default=None)


class RedemptionFormSchema(Schema):
    """What was paid to get it back."""

    amount = amount_field(required=True)
    method = fields.String(required=True, validate=validate.OneOf(list(WAYS)))
    receipt = TextField(LONGEST_RECEIPT, required=True)


class SaleFormSchema(Schema):
    """A sale. `preview`: only show how it would be divided."""

    sold_on = DateField(required=True)
    proceeds = amount_field(required=True)
    sale_costs = amount_field(load_default=None)
    claim = amount_field(load_default=None)
    claim_rank = fields.Integer(load_default=2, validate=validate.Range(1, 99))
    sale_method = fields.String(required=True, validate=validate.OneOf(METHODS))
    sold_by = fields.String(load_default=US, validate=validate.OneOf([US, OTHERS]))
    sale_note = TextField(LONGEST_NOTE, load_default=None)
    preview = fields.String(load_default=None)


class ApproveSaleFormSchema(Schema):
    """Yes."""

    sale_id = IdField(required=True)


class EndSaleFormSchema(Schema):
    """No, or not any more, and why."""

    sale_id = IdField(required=True)
    end_reason = TextField(collateral_sales.LONGEST_REASON, required=True)


@pages.get(_PATH)
@permits("collateral.read")
def collateral_thing(thing_id: str) -> Response:
    """Show all of a thing. That it was opened is written down."""
    return _page(thing_id)


@pages.post(f"{_PATH}/events")
@permits("collateral.record")
def record_collateral_event(thing_id: str) -> BaseResponse:
    """Write down what happened."""

    def act(work: Work, values: dict[str, Any]) -> None:
        told = collateral_desk.DeskEvent(
            values["kind"], values["effective_on"], _reference(), values["cost_kind"],
            _money(work, thing_id, values["cost"], "cost"), values["charged"], values["reason"], None, values["place"],
            values["note"],
        )  # fmt: skip
        collateral_desk.record_at_desk(work, thing_id, told, staff=acting(), now=now())

    return _submit(thing_id, "event", EventFormSchema, act)


@pages.post(f"{_PATH}/reversals")
@permits("collateral.reverse")
def reverse_collateral_event(thing_id: str) -> BaseResponse:
    """Take back an event that was wrong."""

    def act(work: Work, values: dict[str, Any]) -> None:
        today = _today(work, thing_id)
        told = collateral_desk.DeskEvent(EventKind.REVERSAL, today, _reference(), reverses=values["reverses"])
        collateral_desk.record_at_desk(work, thing_id, told, staff=acting(), now=now())

    return _submit(thing_id, "reversal", TakeBackFormSchema, act)


@pages.post(f"{_PATH}/notices")
@permits("letters.approve")
def serve_notice_of_collateral(thing_id: str) -> BaseResponse:
    """Have a letter served about each loan that it secures."""

    def act(work: Work, _values: dict[str, Any]) -> None:
        serve_collateral_notice(work, thing_id, staff=acting(), now=now())

    return _submit(thing_id, "decision", ServeFormSchema, act)


@pages.post(f"{_PATH}/appraisals")
@permits("collateral.record")
def record_appraisal(thing_id: str) -> BaseResponse:
    """Write down what somebody says that it is worth."""

    def act(work: Work, values: dict[str, Any]) -> None:
        value = _money(work, thing_id, values.pop("value"), "value")
        assert value is not None
        collateral_desk.appraise_at_desk(work, thing_id, _reference(), value, **values, staff=acting(), now=now())

    return _submit(thing_id, "appraisal", AppraisalFormSchema, act)


@pages.post(f"{_PATH}/insurance")
@permits("collateral.record")
def record_insurance(thing_id: str) -> BaseResponse:
    """Write down a policy."""

    def act(work: Work, values: dict[str, Any]) -> None:
        insured = _money(work, thing_id, values.pop("insured"), "insured")
        collateral_desk.insure_at_desk(work, thing_id, _reference(), **values, insured=insured, staff=acting(), now=now())

    return _submit(thing_id, "insurance", InsuranceFormSchema, act)


@pages.post(f"{_PATH}/quotes")
@permits("collateral.read")
def quote_collateral(thing_id: str) -> BaseResponse:
    """Quote what it takes to get it back."""

    def act(work: Work, values: dict[str, Any]) -> None:
        who = desk()
        quote_at_desk(work, thing_id, values["on"], lender_id=who.lender_id, by=who.name, now=now())

    return _submit(thing_id, "quote", QuoteFormSchema, act)


@pages.post(f"{_PATH}/redemption")
@permits("collateral.redeem")
def redeem_collateral(thing_id: str) -> BaseResponse:
    """Give it back for what it takes today."""

    def act(work: Work, values: dict[str, Any]) -> None:
        amount = _money(work, thing_id, values["amount"], "amount")
        assert amount is not None
        redeem(
            work, thing_id, amount, method=values["method"], receipt=values["receipt"], staff=acting(), now=now()
        )  # fmt: skip

    return _submit(thing_id, "redemption", RedemptionFormSchema, act)


@pages.post(f"{_PATH}/sales")
@permits("collateral.sell")
def sell_collateral(thing_id: str) -> BaseResponse:
    """Show how a sale would be divided, or have it wait for somebody else."""
    shown: list[ShownPreview] = []

    def act(work: Work, values: dict[str, Any]) -> None:
        wished = _wished(work, thing_id, values)
        thing = queries.get_thing(work.session, thing_id, lender_id=desk().lender_id)
        if values["preview"] is not None:
            shown.append(shown_preview(preview_sale(work.session, thing, wished, now=now())))
            raise _OnlyShown
        collateral_sales.request_sale(work, thing_id, wished, staff=acting(), now=now())

    try:
        return _submit(thing_id, "sale", SaleFormSchema, act)
    except _OnlyShown:
        return _page(thing_id, name="sale", form=Form(request.form), preview=shown[0])


@pages.post(f"{_PATH}/sales/approve")
@permits("collateral.approve_sale")
def book_collateral_sale(thing_id: str) -> BaseResponse:
    """Book a sale that somebody else asked for."""

    def act(work: Work, values: dict[str, Any]) -> None:
        collateral_sales.approve_sale(work, values["sale_id"], staff=acting(), now=now())

    return _submit(thing_id, "decision", ApproveSaleFormSchema, act)


@pages.post(f"{_PATH}/sales/decline")
@permits("collateral.sell")
def leave_collateral_sale(thing_id: str) -> BaseResponse:
    """Let a sale be that waits."""

    def act(work: Work, values: dict[str, Any]) -> None:
        reason = values["end_reason"]
        collateral_sales.decline_sale(work, values["sale_id"], staff=acting(), now=now(), reason=reason)

    return _submit(thing_id, "decision", EndSaleFormSchema, act)


@pages.post(f"{_PATH}/sales/reverse")
@permits("collateral.approve_sale")
def undo_collateral_sale(thing_id: str) -> BaseResponse:
    """Take back a sale that was booked by mistake."""

    def act(work: Work, values: dict[str, Any]) -> None:
        reason = values["end_reason"]
        collateral_sales.reverse_sale(work, values["sale_id"], staff=acting(), now=now(), reason=reason)

    return _submit(thing_id, "decision", EndSaleFormSchema, act)


class _OnlyShown(Exception):
    """A preview was asked for: the unit of work ends without having written anything."""


def _submit(thing_id: str, name: str, schema: type[Schema], act: Callable[[Work, dict[str, Any]], None]) -> BaseResponse:
    def done(work: Work, values: dict[str, Any]) -> str:
        act(work, values)
        return f"{HOME}/{thing_id}"

    return submit(schema, done, lambda form: _page(thing_id, name=name, form=form, status=422))


def _page(
    thing_id: str, *, name: str = "", form: Form | None = None, preview: ShownPreview | None = None, status: int = 200
) -> Response:
    who, at = desk(), now()
    end_reads()
    with unit_of_work() as work:
        shown = open_thing(work, thing_id, lender_id=who.lender_id, by=who.name, now=at)
    forms = {each: Form() for each in _FORMS} | ({name: form} if form is not None else {})
    return page(
        "collateral/thing.html", status=status, shown=shown, forms=forms, preview=preview, kinds=_TOLD,
        cost_kinds=COST_KINDS, sources=collateral_values.SOURCES, covers=collateral_values.COVERS, ways=list(WAYS),
        methods=METHODS, sellers=(US, OTHERS),
    )  # fmt: skip


_FORMS = ("event", "reversal", "appraisal", "insurance", "quote", "redemption", "sale", "decision")


def _wished(work: Work, thing_id: str, values: dict[str, Any]) -> SaleWished:
    proceeds = _money(work, thing_id, values["proceeds"], "proceeds")
    costs = _money(work, thing_id, values["sale_costs"], "sale_costs")
    claim = _money(work, thing_id, values["claim"], "claim")
    assert proceeds is not None
    claims = () if claim is None else (OutsideClaim(values["claim_rank"], claim.minor),)
    return SaleWished(
        values["sold_on"], proceeds, values["sale_method"], values["sold_by"], 0 if costs is None else costs.minor, claims,
        values["sale_note"],
    )  # fmt: skip


def _money(work: Work, thing_id: str, text: str | None, name: str) -> Money | None:
    currency = queries.get_thing(work.session, thing_id, lender_id=desk().lender_id).currency
    return None if text is None else money_in(text, currency, name)


def _today(work: Work, thing_id: str) -> date:
    thing = queries.get_thing(work.session, thing_id, lender_id=desk().lender_id)
    return business_date(now(), get_lender(work.session, thing.lender_id).zone)


def _reference() -> str:
    return f"desk:{new_id()}"
