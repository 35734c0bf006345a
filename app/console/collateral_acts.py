"""One pledged thing in a browser: what happened to it, what it is worth, how it is insured."""

from datetime import date
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.borrower_acts import amount_field
from app.console.collateral_thing import PATH, TOLD, money_of, submit_about, thing_page
from app.console.frame import pages
from app.domain.collateral_events import COST_KINDS, EventKind
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.queries import collateral as queries
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import Work
from app.services import collateral_desk, collateral_event_values, collateral_values
from app.services.collateral_notices import serve_collateral_notice
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import DateField, PatternField, TextField
from app.web.request_context import now


class EventFormSchema(Schema):
    """What happened."""

    kind = fields.String(required=True, validate=validate.OneOf(TOLD))
    effective_on = DateField(required=True)
    cost_kind = fields.String(load_default=None, validate=validate.OneOf(COST_KINDS))
    cost = amount_field(load_default=None)
    charged = fields.Boolean(load_default=False)
    reason = TextField(collateral_event_values.LONGEST_REASON, load_default=None)
    place = TextField(collateral_event_values.LONGEST_TEXT, load_default=None)
    note = TextField(collateral_event_values.LONGEST_TEXT, load_default=None)


class ServeFormSchema(Schema):
    """Nothing is said besides doing it."""


class TakeBackFormSchema(Schema):
    """Which event was wrong, by its reference."""

    reverses = TextField(collateral_event_values.LONGEST_REFERENCE, required=True)


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


@pages.get(PATH)
@permits("collateral.read")
def collateral_thing(thing_id: str) -> Response:
    """Show all of a thing. That it was opened is written down."""
    return thing_page(thing_id)


@pages.post(f"{PATH}/events")
@permits("collateral.record")
def record_collateral_event(thing_id: str) -> BaseResponse:
    """Write down what happened."""

    def act(work: Work, values: dict[str, Any]) -> None:
        told = collateral_desk.DeskEvent(
            values["kind"], values["effective_on"], _reference(), values["cost_kind"],
            money_of(work, thing_id, values["cost"], "cost"), values["charged"], values["reason"], None, values["place"],
            values["note"],
        )  # fmt: skip
        collateral_desk.record_at_desk(work, thing_id, told, staff=acting(), now=now())

    return submit_about(thing_id, "event", EventFormSchema, act)


@pages.post(f"{PATH}/reversals")
@permits("collateral.reverse")
def reverse_collateral_event(thing_id: str) -> BaseResponse:
    """Take back an event that was wrong."""

    def act(work: Work, values: dict[str, Any]) -> None:
        today = _today(work, thing_id)
        told = collateral_desk.DeskEvent(EventKind.REVERSAL, today, _reference(), reverses=values["reverses"])
        collateral_desk.record_at_desk(work, thing_id, told, staff=acting(), now=now())

    return submit_about(thing_id, "reversal", TakeBackFormSchema, act)


@pages.post(f"{PATH}/notices")
@permits("letters.approve")
def serve_notice_of_collateral(thing_id: str) -> BaseResponse:
    """Have a letter served about each loan that it secures."""

    def act(work: Work, _values: dict[str, Any]) -> None:
        serve_collateral_notice(work, thing_id, staff=acting(), now=now())

    return submit_about(thing_id, "decision", ServeFormSchema, act)


@pages.post(f"{PATH}/appraisals")
@permits("collateral.record")
def record_appraisal(thing_id: str) -> BaseResponse:
    """Write down what somebody says that it is worth."""

    def act(work: Work, values: dict[str, Any]) -> None:
        value = money_of(work, thing_id, values.pop("value"), "value")
        assert value is not None
        collateral_desk.appraise_at_desk(work, thing_id, _reference(), value, **values, staff=acting(), now=now())

    return submit_about(thing_id, "appraisal", AppraisalFormSchema, act)


@pages.post(f"{PATH}/insurance")
@permits("collateral.record")
def record_insurance(thing_id: str) -> BaseResponse:
    """Write down a policy."""

    def act(work: Work, values: dict[str, Any]) -> None:
        insured = money_of(work, thing_id, values.pop("insured"), "insured")
        collateral_desk.insure_at_desk(work, thing_id, _reference(), **values, insured=insured, staff=acting(), now=now())

    return submit_about(thing_id, "insurance", InsuranceFormSchema, act)


def _today(work: Work, thing_id: str) -> date:
    thing = queries.get_thing(work.session, thing_id, lender_id=desk().lender_id)
    return business_date(now(), get_lender(work.session, thing.lender_id).zone)


def _reference() -> str:
    return f"desk:{new_id()}"
