"""Sign-in by a code sent to the phone, and keeping the session alive."""

from typing import Any

from marshmallow import INCLUDE, Schema, fields, post_load, validate

from app.services import sessions, sign_in
from app.web.doors import Door, answers
from app.web.fields import NUMBER_PATTERN, PHONE_PATTERN, IdField, InstantField, PatternField, TextField
from app.web.languages import request_locale
from app.web.rate_limit import address_prefix
from app.web.request_context import now

door = Door("sign-in", "A code by SMS, then tokens.", prefix="/v1/auth")

_INSTALLATION_HELP = "Made by the app at its first start: 1 to 64 of A-Z a-z 0-9 . _ : -"


class CodeRequestSchema(Schema):
    """Who wants a code, and on which device."""

    phone = PatternField(PHONE_PATTERN, required=True, metadata={"description": "E.164."})
    installation_id = PatternField(NUMBER_PATTERN, required=True, metadata={"description": _INSTALLATION_HELP})


class ChallengeSchema(Schema):
    """What to send back with the code."""

    challenge_id = IdField(required=True)
    expires_at = InstantField(required=True)
    resend_after_seconds = fields.Integer(required=True)


class CodeGrantSchema(Schema):
    """A code with its challenge, on the device that asked for it."""

    grant_type = fields.String(required=True, validate=validate.Equal("otp"), metadata={"const": "otp"})
    challenge_id = IdField(required=True)
    code = PatternField("[0-9]{6}", required=True)
    installation_id = PatternField(NUMBER_PATTERN, required=True, metadata={"description": _INSTALLATION_HELP})
    device_label = TextField(80, metadata={"description": "What the borrower's list of sessions calls this device."})


class RefreshGrantSchema(Schema):
    """A refresh token, good once."""

    grant_type = fields.String(required=True, validate=validate.Equal("refresh_token"), metadata={"const": "refresh_token"})
    refresh_token = TextField(200, required=True)


class TokenRequestSchema(Schema):
    """Either of the two, told apart by `grant_type`."""

    class Meta:
        """Everything but `grant_type` is checked by the form it names."""

        unknown = INCLUDE

    grant_type = fields.String(required=True, validate=validate.OneOf(["otp", "refresh_token"]))

    @post_load
    def _by_form(self, data: dict[str, Any], **_kwargs: Any) -> Any:
        form = CodeGrantSchema() if data["grant_type"] == "otp" else RefreshGrantSchema()
        return form.load(data)


class TokensSchema(Schema):
    """A session's tokens."""

    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds the access token lives."})
    refresh_token = fields.String(required=True, metadata={"description": "Good once; the answer holds its successor."})
    session_id = IdField(required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_TOKENS = {
    "access_token": "kq1Z3uVv0T9mJc0m2b6yVwQx5l8s7d4e1f0g9h8i7j6",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "5f2b0c…",
    "session_id": _ID,
}


@door.post("/otp")
@door.takes(CodeRequestSchema, example={"phone": "+8613800138000", "installation_id": "d3a1c6f0"})
@answers(
    202,
    ChallengeSchema,
    example={"challenge_id": _ID, "expires_at": "2026-11-23T09:05:00Z", "resend_after_seconds": 30},
)
def request_code(body: dict[str, Any]) -> sign_in.Challenge:
    """Ask for a one-time code by SMS.

    The answer is the same whether or not the number is known. A code is good for 5 minutes, once, on this device.
    """
    caller = sign_in.Caller(body["installation_id"], address_prefix(), request_locale())
    return sign_in.request_code(body["phone"], caller, now=now())


@door.post("/token")
@door.takes(
    TokenRequestSchema,
    one_of=(CodeGrantSchema, RefreshGrantSchema),
    example={"grant_type": "otp", "challenge_id": _ID, "code": "123456", "installation_id": "d3a1c6f0"},
)
@answers(
    200,
    TokensSchema,
    example=_TOKENS,
    problems=("otp-invalid", "otp-expired", "otp-locked", "unauthenticated", "token-expired", "session-revoked"),
)
def issue_tokens(body: dict[str, Any]) -> sessions.Tokens:
    """Exchange a code, or a refresh token, for tokens.

    A refresh token is good once. For 15 seconds after that it returns the same successor, for a phone that lost the answer;
    later it ends the session, since two must hold it.
    """
    if body["grant_type"] == "refresh_token":
        return sessions.refresh(body["refresh_token"], now=now())
    caller = sign_in.Caller(body["installation_id"], address_prefix(), request_locale())
    return sign_in.sign_in(body["challenge_id"], body["code"], caller, device_label=body.get("device_label"), now=now())
