"""Staff stop, resume and limit channels: what is held back waits, or expires, and nothing is decided otherwise."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.policies import OUTWARD_CHANNELS
from app.persistence.unit_of_work import Work, reading
from app.services import channel_switches
from app.services.channel_switches import LARGEST_LIMIT
from app.services.delivery_figures import channel_states, get_channel_state
from app.services.staff_proofs import require_fresh_proof
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import InstantField, TextField
from app.web.idempotency import answer_once
from app.web.request_context import now

_CHANNEL = "/operations/channels/<number:channel>"
_PROBLEMS = ("step-up-required", "idempotency-mismatch", "idempotency-in-flight")


class ChannelSchema(Schema):
    """One channel's switch. It holds for every lender of the installation."""

    channel = fields.String(required=True, metadata={"enum": list(OUTWARD_CHANNELS)})
    is_on = fields.Boolean(required=True)
    daily_messages = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Most messages a UTC day; null: no limit."}
    )
    sent_today = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Counted against the limit; null: nobody counts."}
    )
    reason = fields.String(required=True, allow_none=True)
    by = fields.String(required=True, allow_none=True)
    changed_at = InstantField(required=True, allow_none=True)


class ChannelsSchema(Schema):
    """Every outward channel."""

    items = fields.List(fields.Nested(ChannelSchema), required=True)


class WhySchema(Schema):
    """Why."""

    reason = TextField(200, required=True)


class LimitSchema(WhySchema):
    """How much may leave."""

    daily_messages = fields.Integer(
        required=True, allow_none=True, strict=True, validate=validate.Range(1, LARGEST_LIMIT),
        metadata={"description": "Most messages a UTC day; null: any number."},
    )  # fmt: skip


_EXAMPLE = {
    "channel": "sms",
    "is_on": False,
    "daily_messages": None,
    "sent_today": None,
    "reason": "The gateway doubles texts.",
    "by": "staff:Wang Fang",
    "changed_at": "2026-11-24T01:00:00Z",
}
_DUMP = ChannelSchema()


@door.get("/operations/channels")
@permits("operations.read")
@answers(200, ChannelsSchema, example={"items": [_EXAMPLE]})
def list_channel_switches() -> dict[str, Any]:
    """List the channels with their switches and daily limits, which hold for every lender of the installation."""
    with reading() as session:
        return {"items": channel_states(session, now=now())}


@door.post(f"{_CHANNEL}/stop")
@permits("channels.stop")
@door.takes(WhySchema, example={"reason": "The gateway doubles texts."})
@answers(200, ChannelSchema, example=_EXAMPLE, problems=_PROBLEMS)
def stop_desk_channel(body: dict[str, Any], channel: str) -> Answer:
    """Let nothing leave on a channel. What waits leaves when it is resumed, or expires with its window."""
    return _changed("stop_channel", channel, body)


@door.post(f"{_CHANNEL}/resume")
@permits("channels.stop")
@door.takes(WhySchema, example={"reason": "The gateway was mended."})
@answers(200, ChannelSchema, example={**_EXAMPLE, "is_on": True}, problems=_PROBLEMS)
def resume_desk_channel(body: dict[str, Any], channel: str) -> Answer:
    """Let messages leave again, within the channel's limit. Asks for a fresh code: it sends what has waited."""
    require_fresh_proof(desk())
    return _changed("start_channel", channel, body)


@door.post(f"{_CHANNEL}/limit")
@permits("channels.stop")
@door.takes(LimitSchema, example={"daily_messages": 5000, "reason": "Budget of the month."})
@answers(200, ChannelSchema, example={**_EXAMPLE, "is_on": True, "daily_messages": 5000}, problems=_PROBLEMS)
def limit_desk_channel(body: dict[str, Any], channel: str) -> Answer:
    """Let at most so many messages leave a UTC day. Asks for a fresh code."""
    require_fresh_proof(desk())
    return _changed("limit_channel", channel, body)


def _changed(act: str, channel: str, body: dict[str, Any]) -> Answer:
    at, who = now(), desk()

    def change(work: Work) -> Answer:
        get_channel_state(work.session, channel, now=at)
        getattr(channel_switches, act)(work, channel, **body, by=who.name, now=at)
        return Answer(_DUMP.dump(get_channel_state(work.session, channel, now=at)), 200, dumped=True)

    return answer_once(change)
