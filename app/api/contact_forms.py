"""What stands in the way of a contact by hand, as the API says it."""

from marshmallow import Schema, fields

from app.domain.contact_gates import LAW, PERSON, POLICY
from app.domain.reasons import Reason
from app.web.fields import InstantField

_LAYERS = [LAW, PERSON, POLICY]


class BlockSchema(Schema):
    """One thing in the way."""

    layer = fields.String(
        required=True,
        metadata={"enum": _LAYERS, "description": "What is law or the person's own nobody overrides; policy: see roles."},
    )
    reason = fields.String(required=True, metadata={"enum": [each.value for each in Reason]})
    rule = fields.String(required=True, allow_none=True, metadata={"description": "Rule of law, check or cap."})
    sentence = fields.String(required=True, metadata={"description": "In the asked language."})
    until = InstantField(required=True, allow_none=True, metadata={"description": "When it ends; null: not known."})


class RoomSchema(Schema):
    """What is left under one cap."""

    cap = fields.String(required=True)
    layer = fields.String(required=True, metadata={"enum": [LAW, POLICY]})
    left = fields.Integer(required=True, allow_none=True, metadata={"description": "null: it does not count this."})
    most = fields.Integer(required=True)
    resets_at = InstantField(required=True, allow_none=True)
    sentence = fields.String(required=True)


class ContactAnswerSchema(Schema):
    """What the gate says of a contact now."""

    may_happen = fields.Boolean(required=True)
    may_be_overridden = fields.Boolean(
        required=True, metadata={"description": "Only the policy is in the way: who may, says why in override_reason."}
    )
    blocks = fields.List(fields.Nested(BlockSchema), required=True)
    room = fields.List(fields.Nested(RoomSchema), required=True)
    zones = fields.List(fields.String(), required=True, metadata={"description": "Where the borrower may be."})
    opens_at = InstantField(
        required=True, allow_none=True, metadata={"description": "When hours allow it next; null: now, or never."}
    )
    closes_at = InstantField(required=True, allow_none=True, metadata={"description": "Until when hours allow it now."})
    message_class = fields.String(required=True, metadata={"description": "The class it is, by where the debt stands."})
    takes_place = fields.Boolean(required=True, metadata={"description": "Whether it takes a place of the daily cap."})


ANSWER_EXAMPLE = {
    "may_happen": False,
    "may_be_overridden": True,
    "blocks": [
        {
            "layer": "policy",
            "reason": "CAP_PERSON",
            "rule": "caps.borrower.P1D",
            "sentence": "The cap of contacts is used up (caps.borrower.P1D)",
            "until": None,
        }
    ],
    "room": [
        {
            "cap": "CN-CALLCAP",
            "layer": "law",
            "left": 2,
            "most": 3,
            "resets_at": None,
            "sentence": "CN-CALLCAP: 2 of 3 left",
        }
    ],
    "zones": ["Asia/Shanghai"],
    "opens_at": None,
    "closes_at": "2026-11-26T14:00:00Z",
    "message_class": "collection",
    "takes_place": True,
}
