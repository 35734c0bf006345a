"""One pledged thing in a browser: quoted for, given back, sold by two people."""

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field
from app.console.collateral_thing import PATH, money_of, submit_about, thing_page
from app.console.forms import Form
from app.console.frame import pages
from app.domain.collateral_sales import FIGURES, METHODS, OutsideClaim
from app.domain.desk_payments import METHODS as WAYS
from app.persistence.queries import collateral as queries
from app.persistence.unit_of_work import Work
from app.services import collateral_sale_reversals as reversals
from app.services import collateral_sales
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
from app.services.collateral_sale_rows import LONGEST_REASON
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import DateField, IdField, TextField
from app.web.request_context import now


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
    """Yes, as it was looked at; by whose figures, where the core tells others."""

    sale_id = IdField(required=True)
    sale_version = fields.Integer(load_default=None)
    figures = fields.String(load_default=None, validate=validate.OneOf(FIGURES))


class ApproveReversalFormSchema(Schema):
    """Yes, take it back."""

    sale_id = IdField(required=True)


class EndSaleFormSchema(Schema):
    """No, or not any more, and why."""

    sale_id = IdField(required=True)
    end_reason = TextField(LONGEST_REASON, required=True)


@pages.post(f"{PATH}/quotes")
@permits("collateral.read")
def quote_collateral(thing_id: str) -> BaseResponse:
    """Quote what it takes to get it back."""

    def act(work: Work, values: dict[str, Any]) -> None:
        who = desk()
        quote_at_desk(work, thing_id, values["on"], lender_id=who.lender_id, by=who.name, now=now())

    return submit_about(thing_id, "quote", QuoteFormSchema, act)


@pages.post(f"{PATH}/redemption")
@permits("collateral.redeem")
def redeem_collateral(thing_id: str) -> BaseResponse:
    """Give it back for what it takes today."""

    def act(work: Work, values: dict[str, Any]) -> None:
        amount = money_of(work, thing_id, values["amount"], "amount")
        assert amount is not None
        redeem(
            work, thing_id, amount, method=values["method"], receipt=values["receipt"], staff=acting(), now=now()
        )  # fmt: skip

    return submit_about(thing_id, "redemption", RedemptionFormSchema, act)


@pages.post(f"{PATH}/sales")
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
        return submit_about(thing_id, "sale", SaleFormSchema, act)
    except _OnlyShown:
        return thing_page(thing_id, name="sale", form=Form(request.form), preview=shown[0])


@pages.post(f"{PATH}/sales/approve")
@permits("collateral.approve_sale")
def book_collateral_sale(thing_id: str) -> BaseResponse:
    """Book a sale that somebody else asked for."""

    def act(work: Work, values: dict[str, Any]) -> None:
        collateral_sales.approve_sale(
            work, values["sale_id"], staff=acting(), now=now(), figures=values["figures"], version=values["sale_version"]
        )

    return submit_about(thing_id, "decision", ApproveSaleFormSchema, act)


@pages.post(f"{PATH}/sales/decline")
@permits("collateral.sell")
def leave_collateral_sale(thing_id: str) -> BaseResponse:
    """Let a sale be that waits."""

    def act(work: Work, values: dict[str, Any]) -> None:
        reason = values["end_reason"]
        collateral_sales.decline_sale(work, values["sale_id"], staff=acting(), now=now(), reason=reason)

    return submit_about(thing_id, "decision", EndSaleFormSchema, act)


@pages.post(f"{PATH}/sales/reverse")
@permits("collateral.approve_sale")
def undo_collateral_sale(thing_id: str) -> BaseResponse:
    """Ask for a sale that was booked by mistake to be taken back by somebody else."""

    def act(work: Work, values: dict[str, Any]) -> None:
        reason = values["end_reason"]
        reversals.ask_reversal(work, values["sale_id"], staff=acting(), now=now(), reason=reason)

    return submit_about(thing_id, "decision", EndSaleFormSchema, act)


@pages.post(f"{PATH}/sales/reversal/approve")
@permits("collateral.approve_sale")
def approve_collateral_undoing(thing_id: str) -> BaseResponse:
    """Take a sale back that somebody else asked to."""

    def act(work: Work, values: dict[str, Any]) -> None:
        reversals.approve_reversal(work, values["sale_id"], staff=acting(), now=now())

    return submit_about(thing_id, "decision", ApproveReversalFormSchema, act)


@pages.post(f"{PATH}/sales/reversal/decline")
@permits("collateral.approve_sale")
def decline_collateral_undoing(thing_id: str) -> BaseResponse:
    """Leave a sale booked that somebody asked to take back."""

    def act(work: Work, values: dict[str, Any]) -> None:
        reason = values["end_reason"]
        reversals.decline_reversal(work, values["sale_id"], staff=acting(), now=now(), reason=reason)

    return submit_about(thing_id, "decision", EndSaleFormSchema, act)


class _OnlyShown(Exception):
    """A preview was asked for: the unit of work ends without having written anything."""


def _wished(work: Work, thing_id: str, values: dict[str, Any]) -> SaleWished:
    proceeds = money_of(work, thing_id, values["proceeds"], "proceeds")
    costs = money_of(work, thing_id, values["sale_costs"], "sale_costs")
    claim = money_of(work, thing_id, values["claim"], "claim")
    assert proceeds is not None
    claims = () if claim is None else (OutsideClaim(values["claim_rank"], claim.minor),)
    return SaleWished(
        values["sold_on"], proceeds, values["sale_method"], values["sold_by"], 0 if costs is None else costs.minor, claims,
        values["sale_note"],
    )  # fmt: skip
