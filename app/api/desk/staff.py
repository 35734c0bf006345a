"""Who the desk takes the caller for, and what they keep of their account: password, language, sessions, recovery codes."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.api.auth.staff import RecoveryCodesSchema
from app.domain.permissions import PERMISSIONS, ROLES, may
from app.persistence.queries.lenders import get_lender_code
from app.persistence.queries.staff_accounts import find_memberships
from app.persistence.unit_of_work import unit_of_work
from app.services import staff_profiles, staff_sessions, staff_sign_in
from app.services.staff_profiles import LOCALES
from app.web.answers import Answer
from app.web.auth import account, desk, permits
from app.web.doors import Door, answers
from app.web.fields import IdField, InstantField, TextField
from app.web.rate_limit import address_prefix
from app.web.reads import reads
from app.web.request_context import machine_now

door = Door("desk", "The desk of a lender's staff: only people with a loan of that lender exist here.", prefix="/v1/desk")


class StaffSchema(Schema):
    """One member of staff, as their session or their key names them."""

    key_id = IdField(required=True, metadata={"description": "Of the key, or of the session."})
    staff = fields.String(required=True, metadata={"description": "As the audit trail names them: staff:NAME."})
    role = fields.String(required=True, metadata={"enum": list(ROLES)})
    lender = fields.String(required=True, metadata={"description": "Code of the lender they work for."})
    staff_id = IdField(required=True, allow_none=True, metadata={"description": "Of the account; null: a key."})
    session_id = IdField(required=True, allow_none=True)
    proved_at = InstantField(
        required=True, allow_none=True, metadata={"description": "When a second factor was last proved in the session."}
    )
    locale = fields.String(required=True, allow_none=True)
    lenders = fields.List(fields.String(), required=True, metadata={"description": "All they may work for."})
    permissions = fields.List(fields.String(), required=True, metadata={"description": "What their role may do."})


class StaffSessionSchema(Schema):
    """One sign-in."""

    id = IdField(required=True)
    label = fields.String(required=True, allow_none=True)
    lender = fields.String(required=True)
    created_at = InstantField(required=True)
    last_used_at = InstantField(required=True)
    expires_at = InstantField(required=True)
    current = fields.Boolean(required=True, metadata={"description": "Whether this request came from it."})


class StaffSessionsSchema(Schema):
    """All sessions of the account that can still be used, newest first."""

    items = fields.List(fields.Nested(StaffSessionSchema), required=True)


class NewTokenSchema(Schema):
    """The session's new token; the one before is worth nothing from here on."""

    token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    session_id = IdField(required=True)
    expires_at = InstantField(required=True)


class StaffProofSchema(Schema):
    """A code of the authenticator app."""

    code = TextField(12, required=True)


class LenderChoiceSchema(Schema):
    """Where to go on."""

    lender = TextField(64, required=True, metadata={"description": "Code of a lender you work for."})


class PasswordChangeSchema(Schema):
    """The present password and the one to come."""

    password = TextField(256, required=True)
    new_password = TextField(256, required=True, metadata={"description": "12 to 128 characters."})


class LanguageChoiceSchema(Schema):
    """The language of the console."""

    locale = fields.String(required=True, validate=validate.OneOf(LOCALES))


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_EXAMPLE = {
    "key_id": _ID,
    "staff": "Wang Fang",
    "role": "compliance",
    "lender": "harbour",
    "staff_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d11",
    "session_id": _ID,
    "proved_at": "2026-11-23T09:00:00Z",
    "locale": "zh-CN",
    "lenders": ["harbour"],
    "permissions": ["account.use", "audit.read", "borrowers.open"],
}
_SESSION = {
    "id": _ID,
    "label": "Firefox on Linux",
    "lender": "harbour",
    "created_at": "2026-11-23T09:00:00Z",
    "last_used_at": "2026-11-23T09:40:00Z",
    "expires_at": "2026-11-23T21:00:00Z",
    "current": True,
}
_NEW_TOKEN = {
    "token": "dcs_kq1Z3uVv0T9mJc0m2b6yVwQx5l8s7d4e1f0g9h8i7j6",
    "token_type": "Bearer",
    "session_id": _ID,
    "expires_at": "2026-11-23T21:00:00Z",
}


@door.get("/me")
@permits("account.use")
@answers(200, StaffSchema, example=_EXAMPLE)
def get_staff() -> dict[str, Any]:
    """Show who this token stands for, what they are here, and what they may do."""
    who = desk()
    code = get_lender_code(reads(), who.lender_id)
    places = find_memberships(reads(), who.staff_id) if who.staff_id else ()
    return {
        "key_id": who.key_id, "staff": who.staff, "role": who.role, "lender": code, "staff_id": who.staff_id,
        "session_id": who.session_id, "proved_at": who.proved_at, "locale": who.locale,
        "lenders": [each.code for each in places] or [code],
        "permissions": sorted(name for name in PERMISSIONS if may(who.role, name)),
    }  # fmt: skip


@door.post("/sign-out")
@permits("account.use")
@answers(204)
def sign_out() -> Answer:
    """End this session. The token is worth nothing from the answer on."""
    who = account()
    with unit_of_work() as work:
        staff_sessions.end_session(work, who.staff_id, who.session_id, by=who.name, reason="signed_out", now=machine_now())
    return Answer(None)


@door.get("/sessions")
@permits("account.use")
@answers(200, StaffSessionsSchema, example={"items": [_SESSION]})
def list_staff_sessions() -> dict[str, Any]:
    """List where you are signed in."""
    who = account()
    rows = staff_sessions.live_sessions(reads(), who.staff_id, now=machine_now())
    return {"items": [{**row._mapping, "current": row.id == who.session_id} for row in rows]}


@door.delete("/sessions/<id:session_id>")
@permits("account.use")
@answers(204)
def end_staff_session(session_id: str) -> Answer:
    """End one of your sessions."""
    who = account()
    with unit_of_work() as work:
        staff_sessions.end_session(work, who.staff_id, session_id, by=who.name, now=machine_now())
    return Answer(None)


@door.post("/sessions/switch")
@permits("account.use")
@door.takes(LenderChoiceSchema, example={"lender": "saffron"})
@answers(200, NewTokenSchema, example=_NEW_TOKEN)
def switch_lender(body: dict[str, Any]) -> dict[str, Any]:
    """Go on at another lender you work for: this session ends, and one with a new token takes its place."""
    who = account()
    with unit_of_work() as work:
        made = staff_sessions.switch_lender(work, who.session_id, body["lender"], by=who.name, now=machine_now())
    return _token(made)


@door.post("/proofs")
@permits("account.use")
@door.takes(StaffProofSchema, example={"code": "492039"})
@answers(200, NewTokenSchema, example=_NEW_TOKEN, problems=("otp-invalid",))
def prove_second_factor(body: dict[str, Any]) -> dict[str, Any]:
    """Prove your second factor anew, for what asks for a fresh proof. The session goes on under a new token."""
    who = account()
    made = staff_sign_in.prove(
        who.staff_id, who.session_id, "".join(body["code"].split()), address_prefix(), now=machine_now()
    )
    return _token(made)


@door.post("/me/password")
@permits("account.use")
@door.takes(PasswordChangeSchema, example={"password": "seven quiet herons", "new_password": "eight loud magpies"})
@answers(204, problems=("credentials-invalid",))
def change_password(body: dict[str, Any]) -> Answer:
    """Change your password. Your other sessions end."""
    who = account()
    staff_profiles.change_password(
        who.staff_id, body["password"], body["new_password"], session_id=who.session_id, now=machine_now()
    )
    return Answer(None)


@door.put("/me/language")
@permits("account.use")
@door.takes(LanguageChoiceSchema, example={"locale": "zh-CN"})
@answers(204)
def choose_language(body: dict[str, Any]) -> Answer:
    """Choose the language you read."""
    who = account()
    with unit_of_work() as work:
        staff_profiles.change_locale(work, who.staff_id, body["locale"], now=machine_now())
    return Answer(None)


@door.post("/me/recovery-codes")
@permits("account.use")
@answers(
    200, RecoveryCodesSchema, example={"recovery_codes": ["k3f7qa-mn2pxe-7hd4wr-a5tz2y"]}, problems=("step-up-required",)
)
def renew_recovery_codes() -> dict[str, Any]:
    """Get new recovery codes in place of the old; they are told once. Asks for a fresh second factor."""
    who = account()
    with unit_of_work() as work:
        codes = staff_profiles.renew_recovery_codes(work, who.staff_id, asks=desk(), now=machine_now())
    return {"recovery_codes": codes}


def _token(made: staff_sessions.StaffSession) -> dict[str, Any]:
    return {"token": made.token, "session_id": made.id, "expires_at": made.expires_at}
