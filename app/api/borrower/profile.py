"""Who the borrower is, as the lender recorded it."""

from typing import Any

from marshmallow import Schema, fields

from app.services.profiles import get_profile
from app.web.auth import borrower
from app.web.doors import Door, answers
from app.web.fields import IdField
from app.web.reads import reads

door = Door("profile", "The borrower themself.", prefix="/v1")


class ProfileSchema(Schema):
    """The borrower; the phone is masked, since whoever holds the device should not learn it here."""

    id = IdField(required=True)
    borrower_no = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    phone_masked = fields.String(required=True, allow_none=True)
    email_masked = fields.String(required=True, allow_none=True)
    country = fields.String(required=True, allow_none=True)
    locale = fields.String(required=True, allow_none=True)
    timezone = fields.String(required=True, allow_none=True)
    officer = fields.String(required=True, allow_none=True, metadata={"description": "Who looks after the loans."})


_EXAMPLE = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
    "borrower_no": "B-1001",
    "name": "Li Wei",
    "phone_masked": "•••• 8000",
    "email_masked": "l•••@example.com",
    "country": "CN",
    "locale": "zh-CN",
    "timezone": "Asia/Shanghai",
    "officer": None,
}


@door.get("/me")
@answers(200, ProfileSchema, example=_EXAMPLE)
def get_me() -> Any:
    """Show who you are here."""
    return get_profile(reads(), borrower().borrower_id)
