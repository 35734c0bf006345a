"""Staff read which wordings are registered with providers, and whether they can be used now."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.persistence.queries.provider_templates import page_provider_templates
from app.services.provider_templates import STATES, WHY_NOT, current_version, why_not_usable
from app.services.rule_parts import providers_of
from app.web.answers import Answer
from app.web.auth import permits
from app.web.doors import answers
from app.web.fields import InstantField, PageQuerySchema, TextField
from app.web.pagination import Key, page_answer, requested_key
from app.web.reads import reads


class ProviderTemplateQuerySchema(PageQuerySchema):
    """Which wordings."""

    channel = TextField(16, metadata={"description": "Only of this channel."})
    provider = TextField(20, metadata={"description": "Only at this provider."})
    state = fields.String(validate=validate.OneOf(STATES))


class ProviderTemplateSchema(Schema):
    """One text as a provider has it. An approval is for the words as they were: `version` beside `current_version`."""

    channel = fields.String(required=True)
    provider = fields.String(required=True)
    template = fields.String(required=True)
    locale = fields.String(required=True)
    version = fields.Integer(required=True, metadata={"description": "Of our words that were registered."})
    current_version = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Of our words today; null: there is no such text any more."}
    )
    code = fields.String(required=True, metadata={"description": "The provider's id of it."})
    fields_ = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, data_key="fields", attribute="fields",
        metadata={"description": "The provider's name of each field, and what of ours fills it."},
    )  # fmt: skip
    is_one_time = fields.Boolean(required=True, metadata={"description": "WeChat: each send uses up a consent."})
    state = fields.String(required=True, metadata={"enum": list(STATES)})
    reason = fields.String(required=True, allow_none=True, metadata={"description": "What the provider gave as reason."})
    changed_at = InstantField(required=True)
    is_usable = fields.Boolean(required=True, metadata={"description": "Messages can be sent by it now."})
    why_not = fields.String(required=True, allow_none=True, metadata={"enum": [*WHY_NOT, None]})


class ProviderTemplatesSchema(Schema):
    """A page: what was changed last comes first."""

    items = fields.List(fields.Nested(ProviderTemplateSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


_EXAMPLE = {
    "channel": "sms",
    "provider": "aliyun",
    "template": "due_soon",
    "locale": "zh-CN",
    "version": 1,
    "current_version": 1,
    "code": "SMS_154950909",
    "fields": {},
    "is_one_time": False,
    "state": "approved",
    "reason": None,
    "changed_at": "2026-03-02T09:00:00Z",
    "is_usable": True,
    "why_not": None,
}


@door.get("/provider-templates")
@permits("provider_templates.read")
@door.asks(ProviderTemplateQuerySchema)
@answers(200, ProviderTemplatesSchema, example={"items": [_EXAMPLE], "next_cursor": None})
def list_provider_templates(query: dict[str, Any]) -> Answer:
    """List the wordings registered with providers, whether each is approved and whether it can be used now."""
    begin = requested_key(query)
    rows = page_provider_templates(
        reads(),
        channel=query.get("channel"),
        provider=query.get("provider"),
        state=query.get("state"),
        after=(begin.at, begin.row_id) if begin else None,
        limit=query["limit"] + 1,
    )
    return page_answer([_shown(row) for row in rows], [Key(row.changed_at, row.id) for row in rows], query)


def _shown(row: Any) -> dict[str, Any]:
    names = ("channel", "provider", "template", "locale", "code", "fields", "is_one_time", "state", "reason", "changed_at")
    why_not = why_not_usable(row, providers_of(row.channel))
    return {name: getattr(row, name) for name in names} | {
        "version": row.template_version,
        "current_version": current_version(row.template, row.channel, row.locale),
        "is_usable": why_not is None,
        "why_not": why_not,
    }
