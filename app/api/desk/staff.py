"""Who the desk takes the caller for."""

from typing import Any

from marshmallow import Schema, fields

from app.domain.permissions import ROLES
from app.persistence.queries.lenders import get_lender_code
from app.web.auth import desk, permits
from app.web.doors import Door, answers
from app.web.fields import IdField
from app.web.reads import reads

door = Door("desk", "The desk of a lender's staff: only people with a loan of that lender exist here.", prefix="/v1/desk")


class StaffSchema(Schema):
    """One member of staff, as their key names them."""

    key_id = IdField(required=True)
    staff = fields.String(required=True, metadata={"description": "As the audit trail names them: staff:NAME."})
    role = fields.String(required=True, metadata={"enum": list(ROLES)})
    lender = fields.String(required=True, metadata={"description": "Code of the lender they work for."})


_EXAMPLE = {
    "key_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "staff": "Wang Fang",
    "role": "compliance",
    "lender": "harbour",
}


@door.get("/me")
@permits("account.use")
@answers(200, StaffSchema, example=_EXAMPLE)
def get_staff() -> dict[str, Any]:
    """Show who this key stands for, and what they are here."""
    who = desk()
    return {"key_id": who.key_id, "staff": who.staff, "role": who.role, "lender": get_lender_code(reads(), who.lender_id)}
