"""The core system puts borrowers."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.domain.book import BORROWER_FLAGS, BorrowerValues
from app.domain.consents import CHANNELS, CONSENT_CHANNELS, FORMS, PURPOSES, ConsentValues
from app.persistence.unit_of_work import in_unit_of_work
from app.services.borrowers import put_borrower as put
from app.web.answers import Answer
from app.web.doors import Door, answers
from app.web.fields import PHONE_PATTERN, IdField, MapField, PatternField, TextField
from app.web.request_context import now

door = Door("ingest", "The feed of a lender's core system.", prefix="/v1/ingest")

ORIGIN = "ingest"


def source_version_field() -> fields.Integer:
    """Return the field by which a core orders its puts."""
    return fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, 2**31 - 1),
        metadata={"description": "The core's own counter; an older one than recorded is refused with 412."},
    )


class PurposeConsentSchema(Schema):
    """A consent to more than being contacted on a channel."""

    purpose = fields.String(required=True, validate=validate.OneOf(tuple(PURPOSES)))
    channel = fields.String(load_default="any", validate=validate.OneOf(CHANNELS))
    given = fields.Boolean(required=True, truthy={True}, falsy={False})
    form = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf(FORMS), metadata={"description": "How it was told."}
    )


class BorrowerValuesSchema(Schema):
    """A borrower as the core knows them; a field left out is emptied."""

    name = TextField(200, load_default=None, allow_none=True)
    phone = PatternField(
        PHONE_PATTERN, load_default=None, allow_none=True, metadata={"description": "E.164; also the sign-in phone."}
    )
    email = TextField(254, load_default=None, allow_none=True)
    national_id = TextField(64, load_default=None, allow_none=True)
    address_lines = fields.List(TextField(200), load_default=list, validate=validate.Length(max=10))
    country = PatternField("[A-Z]{2}", load_default=None, allow_none=True, metadata={"description": "ISO 3166."})
    locale = TextField(16, load_default=None, allow_none=True)
    zone = TextField(64, load_default=None, allow_none=True, metadata={"description": "IANA zone of the profile."})
    officer = TextField(120, load_default=None, allow_none=True)
    consents = MapField(
        keys=fields.String(validate=validate.OneOf(CONSENT_CHANNELS)),
        values=fields.Boolean(truthy={True}, falsy={False}),
        load_default=dict,
        metadata={"description": "Being contacted on the channel at all. What the borrower refused to us stays refused."},
    )
    purpose_consents = fields.List(fields.Nested(PurposeConsentSchema), load_default=list, validate=validate.Length(max=100))
    flags = fields.List(
        fields.String(validate=validate.OneOf(BORROWER_FLAGS)), load_default=list, validate=validate.Length(max=10)
    )
    source_version = source_version_field()


class PutSchema(Schema):
    """What became of it; neither created nor changed: it was the same again."""

    id = IdField(required=True)
    created = fields.Boolean(required=True)
    changed = fields.Boolean(required=True)
    conflicts = fields.List(
        fields.String(),
        required=True,
        metadata={
            "description": "What was kept apart: phone-in-use (another borrower signs in with that phone), "
            "opt-out-kept (the borrower refused to us what you say is given)."
        },
    )


PUT_EXAMPLE = {"id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", "created": True, "changed": True, "conflicts": []}


@door.put("/borrowers/<number:borrower_no>")
@door.takes(
    BorrowerValuesSchema,
    example={"name": "Li Wei", "phone": "+8613800138000", "country": "CN", "zone": "Asia/Shanghai", "source_version": 7},
)
@answers(200, PutSchema, example=PUT_EXAMPLE, also=(201,), problems=("conflict", "stale-version"))
def put_borrower(body: dict[str, Any], borrower_no: str) -> Answer:
    """Make a borrower, or bring them up to these values.

    The same values again change nothing. Ordered by `source_version`, so no If-Match is needed.
    """
    values, source_version = borrower_values(body, borrower_no)
    at = now()
    result = in_unit_of_work(lambda work: put(work, values, now=at, origin=ORIGIN, source_version=source_version))
    return Answer(result, 201 if result.created else 200)


def borrower_values(body: dict[str, Any], borrower_no: str) -> tuple[BorrowerValues, int | None]:
    """Return the borrower of a `BorrowerValuesSchema`, and the core's counter."""
    source_version = body.pop("source_version")
    lists = {"address_lines": tuple(body["address_lines"]), "flags": tuple(body["flags"])}
    lists["purpose_consents"] = tuple(ConsentValues(**each) for each in body["purpose_consents"])
    return BorrowerValues(borrower_no, **{**body, **lists}), source_version
