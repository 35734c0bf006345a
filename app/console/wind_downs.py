"""Winding the lender down: asked for by one admin, switched on by another."""

from typing import Any

from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.domain.wind_downs import LONGEST_CONTACT, LONGEST_REASON, WindDownTerms
from app.persistence.db import vault
from app.persistence.queries import wind_downs as queries
from app.persistence.unit_of_work import Work
from app.services import wind_downs
from app.services.staff_proofs import require_fresh_proof
from app.web.acting import acting
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.reads import reads
from app.web.request_context import now

_PATH = "/funding/wind-down"
_HOME = f"{PREFIX}{_PATH}"


class WindDownFormSchema(Schema):
    """Why, and what goes on."""

    reason = TextField(LONGEST_REASON, required=True)
    contact = TextField(LONGEST_CONTACT, load_default=None)
    longer_plans = fields.String(load_default="no", validate=validate.OneOf(("yes", "no")))


class SwitchWindDownSchema(Schema):
    """Yes."""


class DeclineWindDownFormSchema(Schema):
    """No, and why."""

    reason = TextField(200, required=True)


@pages.get(_PATH)
@permits("funding.read")
def wind_down() -> BaseResponse:
    """Show whether the lender winds down, since when, and on which terms."""
    return _shown(Form())


@pages.post(_PATH)
@permits("wind_down.set")
def ask_wind_down() -> BaseResponse:
    """Ask for it; asks for a fresh code."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work, values: dict[str, Any]) -> str:
        terms = WindDownTerms(values["longer_plans"] == "yes", values["contact"])
        wind_downs.ask_wind_down(work, values["reason"], terms, staff=staff, now=at)
        return _HOME

    return submit(WindDownFormSchema, act, lambda form: _shown(form, status=422))


@pages.post(f"{_PATH}/<id:wind_down_id>/approve")
@permits("wind_down.set")
def switch_wind_down_on(wind_down_id: str) -> BaseResponse:
    """Switch it on, as another admin."""
    return _decide(wind_down_id, approve=True)


@pages.post(f"{_PATH}/<id:wind_down_id>/decline")
@permits("wind_down.set")
def decline_wind_down(wind_down_id: str) -> BaseResponse:
    """Go on as before."""
    return _decide(wind_down_id, approve=False)


@pages.post(f"{_PATH}/<id:wind_down_id>/end")
@permits("wind_down.set")
def end_wind_down(wind_down_id: str) -> BaseResponse:
    """Take new loans again; asks for a fresh code."""
    at, staff = now(), acting()
    require_fresh_proof(desk())

    def act(work: Work, _: dict[str, Any]) -> str:
        wind_downs.end_wind_down(work, wind_down_id, staff=staff, now=at)
        return _HOME

    return submit(SwitchWindDownSchema, act, lambda form: _shown(form, status=422))


def _decide(wind_down_id: str, *, approve: bool) -> BaseResponse:
    at, staff = now(), acting()
    if approve:
        require_fresh_proof(desk())

    def act(work: Work, values: dict[str, Any]) -> str:
        wind_downs.decide_wind_down(work, wind_down_id, approve=approve, staff=staff, now=at, reason=values.get("reason"))
        return _HOME

    schema = SwitchWindDownSchema if approve else DeclineWindDownFormSchema
    return submit(schema, act, lambda form: _shown(form, status=422))


def _shown(form: Form, *, status: int = 200) -> BaseResponse:
    rows = [
        (row, wind_downs.terms_of(row), wind_downs.words_of(vault(), row)[0], wind_downs.since_of(row))
        for row in queries.list_wind_downs(reads(), desk().lender_id)
    ]
    by_state = {each[0].state: each for each in rows}
    return page(
        "funding/wind_down.html", status=status, rows=rows, active=by_state.get("active"),
        waiting=by_state.get("waiting"), form=form,
    )  # fmt: skip
