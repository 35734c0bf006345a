"""Visits as staff send and read them."""

from marshmallow import Schema, fields, validate

from app.domain import visits as domain
from app.domain.attachments import MEDIA_TYPES, RULES
from app.services.visits import LONGEST_OVERRIDE
from app.web.fields import (
    NUMBER_PATTERN,
    DateField,
    IdField,
    InstantField,
    MoneyField,
    PageQuerySchema,
    PatternField,
    TextField,
)

_HASH = "[0-9a-f]{64}"


class VisitorSchema(Schema):
    """Who goes, with the identity they show."""

    name = TextField(80, required=True)
    identity_no = TextField(40, required=True, metadata={"description": "Of the card they show."})
    agency = TextField(80, load_default=None, allow_none=True, metadata={"description": "null: the lender's own staff."})
    authorisation = TextField(
        80, load_default=None, allow_none=True, metadata={"description": "Reference of the lender's letter; for an agency."}
    )


class NewVisitSchema(Schema):
    """A visit that is planned."""

    borrower_no = PatternField(NUMBER_PATTERN, required=True)
    loan_nos = fields.List(
        PatternField(NUMBER_PATTERN), load_default=list, validate=validate.Length(0, 20),
        metadata={"description": "None: about all loans."},
    )  # fmt: skip
    place = fields.String(required=True, validate=validate.OneOf(domain.PLACES))
    address = TextField(300, load_default=None, allow_none=True, metadata={"description": "null: the borrower's own."})
    from_at = InstantField(required=True, data_key="from")
    until_at = InstantField(required=True, data_key="until", metadata={"description": "Exclusive; four hours at most."})
    people = fields.List(fields.Nested(VisitorSchema), required=True, validate=validate.Length(1, domain.MOST_PEOPLE))
    override_reason = TextField(LONGEST_OVERRIDE, load_default=None, allow_none=True)


class VisitSchema(Schema):
    """A visit, without where to go and who goes."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    loan_nos = fields.List(fields.String(), required=True)
    place = fields.String(required=True, metadata={"enum": list(domain.PLACES)})
    from_at = InstantField(required=True, data_key="from")
    until_at = InstantField(required=True, data_key="until")
    state = fields.String(required=True, metadata={"enum": list(domain.STATES)})
    state_reason = fields.String(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True, metadata={"enum": [*domain.OUTCOMES, None]})
    identity_shown = fields.Boolean(required=True, allow_none=True)
    evidence_count = fields.Integer(required=True)
    planned_at = InstantField(required=True)
    planned_by = fields.String(required=True)
    started_at = InstantField(required=True, allow_none=True)
    started_by = fields.String(required=True, allow_none=True)
    closed_at = InstantField(required=True, allow_none=True)
    closed_by = fields.String(required=True, allow_none=True)


class VisitEvidenceSchema(Schema):
    """One piece of evidence."""

    kind = fields.String(required=True, metadata={"enum": ["file", "recording"]})
    id = fields.String(allow_none=True, metadata={"description": "Of a file: GET /v1/desk/attachments/{id}."})
    sha256 = fields.String(allow_none=True)
    seconds = fields.Integer(allow_none=True)
    kept_at = fields.String(allow_none=True)


class WholeVisitSchema(VisitSchema):
    """All of a visit."""

    people = fields.List(fields.Nested(VisitorSchema), required=True)
    address = fields.String(required=True, allow_none=True)
    notes = fields.String(required=True, allow_none=True)
    evidence = fields.List(fields.Nested(VisitEvidenceSchema), required=True)


class VisitsSchema(Schema):
    """A page, the latest first."""

    items = fields.List(fields.Nested(VisitSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class VisitQuerySchema(PageQuerySchema):
    """Which visits."""

    state = fields.String(validate=validate.OneOf(domain.STATES))
    borrower_no = PatternField(NUMBER_PATTERN)


class StartVisitSchema(Schema):
    """Nothing needs to be said."""


class CancelVisitSchema(Schema):
    """Why it does not take place."""

    reason = fields.String(required=True, validate=validate.OneOf(domain.WITHDRAWN))


class VisitPromiseSchema(Schema):
    """A promise that was given at the door."""

    amount = MoneyField(required=True)
    promised_on = DateField(required=True)
    loan_no = PatternField(NUMBER_PATTERN, load_default=None, allow_none=True)


class VisitRecordingSchema(Schema):
    """That it was recorded; the recording itself stays with who made it."""

    sha256 = PatternField(_HASH, required=True)
    seconds = fields.Integer(required=True, strict=True, validate=validate.Range(0, 86_400))
    kept_at = TextField(120, required=True, metadata={"description": "Where it is kept, in words."})


class EndVisitSchema(Schema):
    """What came of it."""

    outcome = fields.String(required=True, validate=validate.OneOf(domain.OUTCOMES))
    identity_shown = fields.Boolean(required=True, metadata={"description": "Those who went showed who they are."})
    notes = TextField(domain.LONGEST_NOTES, load_default=None, allow_none=True)
    promise = fields.Nested(VisitPromiseSchema, load_default=None, allow_none=True)
    attachments = fields.List(IdField(), load_default=list, validate=validate.Length(0, domain.MOST_EVIDENCE))
    recording = fields.Nested(VisitRecordingSchema, load_default=None, allow_none=True)


class VisitRulesSchema(Schema):
    """What the lender allows of visits."""

    allowed = fields.Boolean(required=True, metadata={"description": "Also where no rule of law speaks of them."})
    workplace = fields.Boolean(required=True)
    most_people = fields.Integer(required=True, strict=True, validate=validate.Range(1, domain.MOST_PEOPLE))


class NewVisitFileSchema(Schema):
    """A file of evidence."""

    media_type = fields.String(required=True, validate=validate.OneOf(MEDIA_TYPES))
    size_bytes = fields.Integer(strict=True, required=True, validate=validate.Range(1, RULES.most_bytes))
    sha256 = PatternField(_HASH, required=True)
    file_name = TextField(200, required=True)


class VisitFileSchema(Schema):
    """A file that was announced or sent."""

    id = IdField(required=True)
    state = fields.String(required=True)


ID_EXAMPLE = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
PERSON_EXAMPLE = {"name": "Zhao Lei", "identity_no": "HF-0117", "agency": None, "authorisation": None}
VISIT_EXAMPLE = {
    "id": ID_EXAMPLE,
    "borrower_no": "B-1001",
    "loan_nos": ["CN-1001"],
    "place": "home",
    "from": "2026-11-27T02:00:00Z",
    "until": "2026-11-27T04:00:00Z",
    "state": "planned",
    "state_reason": None,
    "outcome": None,
    "identity_shown": None,
    "evidence_count": 0,
    "planned_at": "2026-11-25T03:00:00Z",
    "planned_by": "staff:Wang Fang",
    "started_at": None,
    "started_by": None,
    "closed_at": None,
    "closed_by": None,
}
WHOLE_EXAMPLE = {**VISIT_EXAMPLE, "people": [PERSON_EXAMPLE], "address": "88 Century Avenue", "notes": None, "evidence": []}
NEW_EXAMPLE = {
    "borrower_no": "B-1001",
    "loan_nos": ["CN-1001"],
    "place": "home",
    "address": None,
    "from": "2026-11-27T02:00:00Z",
    "until": "2026-11-27T04:00:00Z",
    "people": [PERSON_EXAMPLE],
    "override_reason": None,
}
ENDED_EXAMPLE = {"outcome": "met", "identity_shown": True, "notes": "Will call the hotline about a plan."}
RULES_EXAMPLE = {"allowed": True, "workplace": False, "most_people": 2}
FILE_EXAMPLE = {"id": ID_EXAMPLE, "state": "registered"}
