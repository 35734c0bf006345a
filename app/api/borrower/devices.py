"""The borrower's devices: where a push can reach them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from app.services import devices
from app.services.devices import PLATFORMS, TARGET_KINDS, DeviceValues
from app.web.answers import Answer
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import InstantField, TextField
from app.web.reads import reads
from app.web.request_context import now

door = Door("devices", "Installations of the app, and their push targets.", prefix="/v1/me")


class DeviceValuesSchema(Schema):
    """What the app says of itself; a put says everything."""

    platform = fields.String(required=True, validate=validate.OneOf(PLATFORMS))
    target_kind = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf(TARGET_KINDS),
        metadata={"description": "fid: a Firebase installation id; token: a registration token."},
    )
    target = TextField(
        4096, load_default=None, allow_none=True, metadata={"description": "Given by the push service; null: none."}
    )
    zone = TextField(64, load_default=None, allow_none=True, metadata={"description": "IANA zone of the device."})
    locale = TextField(16, load_default=None, allow_none=True)
    app_version = TextField(40, load_default=None, allow_none=True)
    push_permission = fields.Boolean(
        load_default=True, truthy={True}, falsy={False}, metadata={"description": "Whether the system shows pushes."}
    )

    @validates_schema
    def _pair(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if (data["target"] is None) != (data["target_kind"] is None):
            raise ValidationError({"target_kind": ["Give target and target_kind together, or neither."]})


class DeviceSchema(Schema):
    """One installation of the app. The target itself is never shown again."""

    installation_id = fields.String(required=True)
    platform = fields.String(required=True, metadata={"enum": list(PLATFORMS)})
    app_version = fields.String(required=True, allow_none=True)
    zone = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True, allow_none=True)
    push_permission = fields.Boolean(required=True)
    push_state = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Of the target: active, suspect, invalid; null: there is none."},
    )
    last_seen_at = InstantField(required=True)
    created_at = InstantField(required=True)


class DevicesSchema(Schema):
    """All devices, newest first."""

    items = fields.List(fields.Nested(DeviceSchema), required=True)


_VALUES = {
    "platform": "android",
    "target_kind": "fid",
    "target": "cHx3p0…",
    "zone": "Asia/Shanghai",
    "locale": "zh-CN",
    "app_version": "2.4.0",
    "push_permission": True,
}
_EXAMPLE: dict[str, Any] = {
    "installation_id": "d3a1c6f0",
    **{name: value for name, value in _VALUES.items() if not name.startswith("target")},
    "push_state": "active",
    "last_seen_at": "2026-11-23T09:00:00Z",
    "created_at": "2026-05-20T01:00:00Z",
}


@door.get("/devices")
@answers(200, DevicesSchema, example={"items": [_EXAMPLE]})
def list_devices() -> dict[str, Any]:
    """List your devices."""
    return {"items": devices.list_devices(reads(), borrower().borrower_id)}


@door.put("/devices/<number:installation_id>")
@door.takes(DeviceValuesSchema, example=_VALUES)
@answers(204)
def put_device(body: dict[str, Any], installation_id: str) -> Answer:
    """Register this device, or bring it up to date.

    A target that another device holds moves here. No If-Match is needed: the app that calls is the only one that knows.
    """
    devices.put_device(borrower().borrower_id, DeviceValues(installation_id=installation_id, **body), now=now())
    return Answer(None)


@door.delete("/devices/<number:installation_id>")
@answers(204)
def delete_device(installation_id: str) -> Answer:
    """Forget a device; nothing is pushed to it any more."""
    devices.delete_device(borrower().borrower_id, installation_id, now=now())
    return Answer(None)
