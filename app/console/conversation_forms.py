"""The forms on the page of a conversation: an answer, a note, who has it, where it goes, what it is."""

from marshmallow import EXCLUDE, Schema, fields, validate

from app.domain.conversations import KINDS, PRIORITIES, STATUSES
from app.services.desk_conversations import LONGEST_NOTE
from app.services.desk_replies import LONGEST_REPLY
from app.web.fields import ID_PATTERN, PatternField, TextField

_IDS = f"({ID_PATTERN})(,{ID_PATTERN}){{0,9}}"


class _FormSchema(Schema):
    class Meta:
        unknown = EXCLUDE

    version = fields.Integer(required=True, validate=validate.Range(1, 10**9))


class ReplyFormSchema(_FormSchema):
    """An answer."""

    text = TextField(LONGEST_REPLY, required=True)
    status = fields.String(load_default=None, validate=validate.OneOf(("pending", "resolved")))
    attached = PatternField(_IDS, load_default="", metadata={"description": "Files that were sent with an earlier try."})


class NoteFormSchema(Schema):
    """A note among staff."""

    class Meta:  # noqa: D106 - as above
        unknown = EXCLUDE

    note = TextField(LONGEST_NOTE, required=True)


class AssignFormSchema(_FormSchema):
    """Who is to have it."""

    assignee = TextField(80, load_default=None)


class StatusFormSchema(_FormSchema):
    """Where it goes. `until`: wall time where the lender is."""

    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    until = fields.NaiveDateTime(load_default=None)


class ChangeFormSchema(_FormSchema):
    """What it is."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    priority = fields.String(required=True, validate=validate.OneOf(PRIORITIES))
