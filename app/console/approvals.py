"""What waits for a second person: one list, and a page for each act that is decided here."""

from typing import Any

from flask import request
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.persistence.db import vault
from app.persistence.queries.desk_payments import get_shown as get_payment
from app.persistence.queries.refunds import get_shown as get_refund
from app.persistence.queries.waivers import get_shown as get_waiver
from app.persistence.unit_of_work import Work
from app.services import desk_payments, plan_approvals, plan_requests, refunds, waivers
from app.services.approvals import KINDS, list_waiting
from app.services.holds import Teller
from app.services.refunds import Staff
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.reads import reads
from app.web.request_context import now

_HOME = f"{PREFIX}/approvals"


class ApproveSchema(Schema):
    """Yes."""


class DeclineSchema(Schema):
    """No, and why."""

    reason = TextField(200, required=True)


class CancelRefundFormSchema(Schema):
    """Why a refund does not go."""

    reason = TextField(40, required=True)


@pages.get("/approvals")
@permits("approvals.read")
def approvals() -> BaseResponse:
    """List what waits for a second person, the longest waiting first."""
    kind = request.args.get("kind", "")
    found = list_waiting(reads(), desk().lender_id, kind=kind if kind in KINDS else None)
    return page("approvals/list.html", found=found, kinds=KINDS, kind=kind)


# -- payments ----------------------------------------------------------------------------------------------------------


@pages.get("/approvals/payments/<id:payment_id>")
@permits("approvals.read")
def payment_approval(payment_id: str) -> BaseResponse:
    """Show a payment that waits."""
    return _payment(payment_id, Form())


@pages.post("/approvals/payments/<id:payment_id>/approve")
@permits("payments.approve")
def approve_payment(payment_id: str) -> BaseResponse:
    """Book it."""
    at, staff = now(), acting()

    def act(work: Work, _: dict[str, Any]) -> str:
        desk_payments.approve_payment(work, payment_id, staff=staff, now=at)
        return _HOME

    return submit(ApproveSchema, act, lambda form: _payment(payment_id, form, status=422))


@pages.post("/approvals/payments/<id:payment_id>/decline")
@permits("payments.approve")
def decline_payment(payment_id: str) -> BaseResponse:
    """Leave it out of the ledger."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        desk_payments.decline_payment(work, payment_id, staff=staff, now=at, reason=values["reason"])
        return _HOME

    return submit(DeclineSchema, act, lambda form: _payment(payment_id, form, status=422))


def _payment(payment_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    row = get_payment(reads(), payment_id, lender_id=desk().lender_id)
    note = desk_payments.note_of(vault(), row)
    return page("approvals/payment.html", status=status, row=row, note=note, form=form)


# -- waivers -----------------------------------------------------------------------------------------------------------


@pages.get("/approvals/waivers/<id:waiver_id>")
@permits("approvals.read")
def waiver_approval(waiver_id: str) -> BaseResponse:
    """Show a waiver that waits."""
    return _waiver(waiver_id, Form())


@pages.post("/approvals/waivers/<id:waiver_id>/approve")
@permits("waivers.approve")
def approve_waiver(waiver_id: str) -> BaseResponse:
    """Grant it."""
    at, staff = now(), acting()

    def act(work: Work, _: dict[str, Any]) -> str:
        waivers.approve_waiver(work, waiver_id, staff=staff, now=at)
        return _HOME

    return submit(ApproveSchema, act, lambda form: _waiver(waiver_id, form, status=422))


@pages.post("/approvals/waivers/<id:waiver_id>/decline")
@permits("waivers.approve")
def decline_waiver(waiver_id: str) -> BaseResponse:
    """Let it be."""
    at, staff = now(), acting()

    def act(work: Work, values: dict[str, Any]) -> str:
        waivers.decline_waiver(work, waiver_id, staff=staff, now=at, reason=values["reason"])
        return _HOME

    return submit(DeclineSchema, act, lambda form: _waiver(waiver_id, form, status=422))


def _waiver(waiver_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    row = get_waiver(reads(), waiver_id, lender_id=desk().lender_id)
    note = waivers.note_of(vault(), row)
    return page("approvals/waiver.html", status=status, row=row, note=note, parts=waivers.parts_of(row), form=form)


# -- plans -------------------------------------------------------------------------------------------------------------


@pages.get("/approvals/plans/<id:request_id>")
@permits("approvals.read")
def plan_approval(request_id: str) -> BaseResponse:
    """Show a request for another plan with what would be offered."""
    return _plan(request_id, Form())


@pages.post("/approvals/plans/<id:request_id>/approve")
@permits("plans.decide")
def approve_plan(request_id: str) -> BaseResponse:
    """Approve it; with enough of them it is offered, on today's figures."""
    at, teller = now(), _teller()

    def act(work: Work, _: dict[str, Any]) -> str:
        plan_approvals.approve(work, request_id, teller=teller, now=at)
        return _HOME

    return submit(ApproveSchema, act, lambda form: _plan(request_id, form, status=422))


@pages.post("/approvals/plans/<id:request_id>/decline")
@permits("plans.decide")
def decline_plan(request_id: str) -> BaseResponse:
    """Decline it; the borrower is told."""
    at, teller = now(), _teller()

    def act(work: Work, values: dict[str, Any]) -> str:
        plan_approvals.decline(work, request_id, reason=values["reason"], teller=teller, now=at)
        return _HOME

    return submit(DeclineSchema, act, lambda form: _plan(request_id, form, status=422))


def _plan(request_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    found = plan_requests.show(reads(), vault(), request_id, lender_id=desk().lender_id)
    return page("approvals/plan.html", status=status, found=found, row=found.row, document=found.document, form=form)


# -- refunds -----------------------------------------------------------------------------------------------------------


@pages.get("/approvals/refunds/<id:refund_id>")
@permits("approvals.read")
def refund_approval(refund_id: str) -> BaseResponse:
    """Show a refund that waits."""
    return _refund(refund_id, Form())


@pages.post("/approvals/refunds/<id:refund_id>/approve")
@permits("refunds.approve")
def approve_refund(refund_id: str) -> BaseResponse:
    """Let it go."""
    at, who = now(), desk()

    def act(work: Work, _: dict[str, Any]) -> str:
        refunds.approve_refund(work, who.lender_id, refund_id, staff=Staff(who.name, who.role), now=at)
        return _HOME

    return submit(ApproveSchema, act, lambda form: _refund(refund_id, form, status=422))


@pages.post("/approvals/refunds/<id:refund_id>/decline")
@permits("refunds.cancel")
def cancel_refund(refund_id: str) -> BaseResponse:
    """Let it be; the borrower is told."""
    at, who = now(), desk()

    def act(work: Work, values: dict[str, Any]) -> str:
        staff = Staff(who.name, who.role)
        refunds.cancel_refund(work, who.lender_id, refund_id, staff=staff, now=at, reason=values["reason"])
        return _HOME

    return submit(CancelRefundFormSchema, act, lambda form: _refund(refund_id, form, status=422))


def _refund(refund_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    row = get_refund(reads(), refund_id, desk().lender_id)
    return page("approvals/refund.html", status=status, row=row, form=form)


def _teller() -> Teller:
    who = desk()
    return Teller(who.name, who.lender_id, who.role)
