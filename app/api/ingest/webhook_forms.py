"""The forms of webhook endpoints, events and deliveries, and an example of each."""

from datetime import timedelta

from marshmallow import Schema, fields, validate

from app.domain.webhooks import DELIVERY_STATES, ENDPOINT_STATES, EVENT_TYPE, OLD_SECRET_LIVES, SUBSCRIPTION
from app.web.fields import IdField, InstantField, PageQuerySchema, PatternField, TextField

_OLD_HOURS = int(OLD_SECRET_LIVES / timedelta(hours=1))


class EndpointValuesSchema(Schema):
    """Where to tell, and of what."""

    url = TextField(
        2000, required=True, metadata={"description": "https, on the public internet, without user, password or fragment."}
    )
    description = TextField(200, load_default=None, allow_none=True)
    types = fields.List(
        PatternField(SUBSCRIPTION.pattern),
        load_default=list,
        validate=validate.Length(max=100),
        metadata={"description": "Event types, or all of a noun (`promise.*`); none: every event. See docs/webhooks.md."},
    )
    enabled = fields.Boolean(
        load_default=True,
        truthy={True},
        falsy={False},
        metadata={"description": "false: nothing more is told, and what waits is given up."},
    )


class EndpointSchema(Schema):
    """An endpoint."""

    name = fields.String(required=True)
    url = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    types = fields.List(fields.String(), required=True)
    state = fields.String(
        required=True,
        metadata={
            "enum": list(ENDPOINT_STATES),
            "description": "failing: the last try failed, and one at a time is tried until one arrives.",
        },
    )
    state_reason = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "off (by you), gone (it answered 410), or the last error."},
    )
    changed_at = InstantField(required=True, metadata={"description": "When the state did."})
    created_at = InstantField(required=True)


class EndpointWithSecretSchema(EndpointSchema):
    """An endpoint, with its new secret where it has just got one."""

    secret = fields.String(
        required=True, allow_none=True, metadata={"description": "Of Standard Webhooks (whsec_…). It is shown this once."}
    )


class ListedEndpointSchema(EndpointSchema):
    """An endpoint, and how its deliveries stand."""

    pending = fields.Integer(required=True, metadata={"description": "Deliveries that wait."})
    failed = fields.Integer(required=True, metadata={"description": "Deliveries given up in the last 30 days."})


class EndpointsSchema(Schema):
    """All of them, by name."""

    items = fields.List(fields.Nested(ListedEndpointSchema), required=True)


class RotationSchema(Schema):
    """How long the secrets before go on signing."""

    old_lives_hours = fields.Integer(strict=True, load_default=_OLD_HOURS, validate=validate.Range(0, 168))


class TestSchema(Schema):
    """Nothing to say."""


class TestedSchema(Schema):
    """The event on its way."""

    event_id = IdField(required=True)


class EventsQuerySchema(PageQuerySchema):
    """Which events."""

    type = PatternField(EVENT_TYPE.pattern, metadata={"description": "Only of this type."})
    since = InstantField(metadata={"description": "Only from this instant on."})


class WebhookEventSchema(Schema):
    """An event as it was told, or would have been."""

    id = IdField(required=True, metadata={"description": "The `webhook-id` of every delivery of it."})
    type = fields.String(required=True)
    created_at = InstantField(required=True)
    data = fields.Dict(required=True)


class WebhookEventsSchema(Schema):
    """A page, the newest first."""

    items = fields.List(fields.Nested(WebhookEventSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DeliveriesQuerySchema(PageQuerySchema):
    """Which deliveries."""

    state = fields.String(validate=validate.OneOf(DELIVERY_STATES))


class DeliverySchema(Schema):
    """One event for one endpoint."""

    id = IdField(required=True)
    event_id = IdField(required=True)
    type = fields.String(required=True)
    replay_no = fields.Integer(required=True, metadata={"description": "0: as it happened; else asked for again."})
    state = fields.String(required=True, metadata={"enum": list(DELIVERY_STATES)})
    attempts = fields.Integer(required=True)
    next_attempt_at = InstantField(required=True, allow_none=True, metadata={"description": "Null: it is over."})
    last_status = fields.Integer(required=True, allow_none=True, metadata={"description": "Of HTTP; null: no answer."})
    last_error = fields.String(required=True, allow_none=True)
    created_at = InstantField(required=True)
    delivered_at = InstantField(required=True, allow_none=True)


class DeliveriesSchema(Schema):
    """A page, the newest first."""

    items = fields.List(fields.Nested(DeliverySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ReplaySchema(Schema):
    """Nothing to say: every endpoint that wants the event."""


class RangeReplaySchema(Schema):
    """Which events to tell again."""

    since = InstantField(required=True, metadata={"description": "Inclusive, at most 90 days back."})
    until = InstantField(load_default=None, allow_none=True, metadata={"description": "Exclusive; now."})
    types = fields.List(
        PatternField(SUBSCRIPTION.pattern),
        load_default=list,
        validate=validate.Length(max=100),
        metadata={"description": "Only these; none: what the endpoint is told anyway."},
    )


class ReplayedSchema(Schema):
    """What is on its way."""

    deliveries = fields.Integer(required=True)


EXAMPLE_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_AT = "2026-12-17T02:00:00Z"
VALUES_EXAMPLE = {"url": "https://hooks.lender.example/duecourse", "types": ["promise.*"], "description": "core"}
ENDPOINT_EXAMPLE = {
    **VALUES_EXAMPLE,
    "name": "core",
    "state": "enabled",
    "state_reason": None,
    "changed_at": _AT,
    "created_at": _AT,
}
SECRET_SHOWN_EXAMPLE = {**ENDPOINT_EXAMPLE, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
EVENT_EXAMPLE = {"id": EXAMPLE_ID, "type": "promise.made.v1", "created_at": _AT, "data": {"loan_no": "CN-1001"}}
DELIVERY_EXAMPLE = {
    "id": EXAMPLE_ID, "event_id": EXAMPLE_ID, "type": "promise.made.v1", "replay_no": 0, "state": "delivered", "attempts": 1,
    "next_attempt_at": None, "last_status": 200, "last_error": None, "created_at": _AT, "delivered_at": _AT,
}  # fmt: skip
