"""How a hold is told, at the desk and by the core alike."""

from marshmallow import Schema, fields, validate

from app.domain.hold_terms import FORMS, KINDS
from app.web.fields import NUMBER_PATTERN, InstantField, PatternField, TextField


class HoldValuesSchema(Schema):
    """A hold as it is told."""

    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    loan_no = PatternField(
        NUMBER_PATTERN, load_default=None, allow_none=True, metadata={"description": "null: all loans of the borrower."}
    )
    from_at = InstantField(
        data_key="from",
        load_default=None,
        allow_none=True,
        metadata={"description": "Since when; may lie back, and what was decided before it was told stays. null: now."},
    )
    until_at = InstantField(
        data_key="until",
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Exclusive. null: open; a breathing space then ends with its 60th day; a promise needs one; "
            "deceased, insolvent, represented and cease_contact take none."
        },
    )
    form = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf(FORMS), metadata={"description": "How it was told."}
    )
    evidence = TextField(
        400, load_default=None, allow_none=True, metadata={"description": "Where the proof is: a file or ticket number."}
    )
