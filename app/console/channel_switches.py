"""Stopping, resuming and limiting channels. Stopping is quick; what sends again asks for a fresh code."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.persistence.queries.operations import count_lenders
from app.persistence.unit_of_work import Work, reading
from app.services import channel_switches as switches
from app.services.channel_switches import LARGEST_LIMIT
from app.services.delivery_figures import channel_states, get_channel_state
from app.services.staff_proofs import require_fresh_proof
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.reads import end_reads, reads
from app.web.request_context import now

_PATH = "/operations/switches"
_CHANNEL = f"{_PATH}/<number:channel>"


class SwitchSchema(Schema):
    """Stop or resume, and why."""

    act = fields.String(required=True, validate=validate.OneOf(("stop", "resume")))
    reason = TextField(200, required=True)


class LimitSchema(Schema):
    """How much may leave a day; left out: any number."""

    daily_messages = fields.Integer(load_default=None, validate=validate.Range(1, LARGEST_LIMIT))
    reason = TextField(200, required=True)


@pages.get(_PATH)
@permits("operations.read")
def channel_switches() -> Response:
    """List the channels, each on or stopped, with its limit."""
    lenders = count_lenders(reads())
    end_reads()
    with reading() as session:
        return page("operations/switches.html", states=channel_states(session, now=now()), lenders=lenders)


@pages.get(_CHANNEL)
@permits("operations.read")
def channel_switch(channel: str) -> Response:
    """Show one channel with the forms that change it."""
    return _shown(channel, Form(), Form())


@pages.post(_CHANNEL)
@permits("channels.stop")
def turn_channel(channel: str) -> BaseResponse:
    """Stop or resume it. Resuming sends what has waited, and asks for a fresh code."""

    def act(work: Work, values: dict[str, Any]) -> str:
        who = desk()
        change = switches.stop_channel if values["act"] == "stop" else switches.start_channel
        if values["act"] == "resume":
            require_fresh_proof(who)
        change(work, channel, reason=values["reason"], by=who.name, now=now())
        return f"{PREFIX}{_PATH}"

    return submit(SwitchSchema, act, lambda form: _shown(channel, form, Form(), status=422))


@pages.post(f"{_CHANNEL}/limit")
@permits("channels.stop")
def limit_channel(channel: str) -> BaseResponse:
    """Limit how much leaves a day; asks for a fresh code."""
    require_fresh_proof(desk())

    def act(work: Work, values: dict[str, Any]) -> str:
        limit = values["daily_messages"]
        switches.limit_channel(work, channel, limit, reason=values["reason"], by=desk().name, now=now())
        return f"{PREFIX}{_PATH}"

    return submit(LimitSchema, act, lambda form: _shown(channel, Form(), form, status=422))


def _shown(channel: str, switch_form: Form, limit_form: Form, *, status: int = 200) -> Response:
    lenders = count_lenders(reads())
    end_reads()
    with reading() as session:
        state = get_channel_state(session, channel, now=now())
    return page(
        "operations/switch.html", status=status, state=state, switch_form=switch_form, limit_form=limit_form, lenders=lenders
    )
