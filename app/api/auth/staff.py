"""Signing in at the desk, and invitations: what staff do before they have a session."""

from typing import Any

from marshmallow import Schema, fields, validate

from app.services import staff_invitations, staff_sign_in
from app.services.staff_profiles import LOCALES
from app.web.doors import Door, answers
from app.web.fields import InstantField, TextField
from app.web.rate_limit import address_prefix
from app.web.request_context import machine_now

door = Door(
    "staff-sign-in",
    "How staff sign in: e-mail and password, then a code of their authenticator app; and how they accept an invitation. "
    "Instants here are of the machine's clock.",
    prefix="/v1/auth/staff",
)

_TOKEN_HELP = "From the link that an admin handed over."  # noqa: S105 - words about one


class StaffCredentialsSchema(Schema):
    """The first factor."""

    email = TextField(254, required=True)
    password = TextField(256, required=True)


class StaffChallengeSchema(Schema):
    """What to send back with the second factor."""

    challenge = fields.String(required=True)
    expires_at = InstantField(required=True)


class StaffCodeSchema(Schema):
    """The second factor: six digits of the authenticator app, or a recovery code."""

    challenge = TextField(100, required=True)
    code = TextField(40, required=True)
    lender = TextField(64, metadata={"description": "Code of the lender to work for; without it, the first of yours."})
    label = TextField(80, metadata={"description": "What your list of sessions calls this program."})


class StaffTokenSchema(Schema):
    """A session. Its token goes into the Authorization header of /v1/desk; there is no refresh token."""

    token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    session_id = fields.String(required=True)
    expires_at = InstantField(
        required=True, metadata={"description": "At the latest; 30 minutes without a request end it before."}
    )
    lender = fields.String(required=True)
    lenders = fields.List(fields.String(), required=True, metadata={"description": "All you may work for."})
    recovery_codes_left = fields.Integer(required=True)


class InvitationTokenSchema(Schema):
    """An invitation."""

    token = TextField(100, required=True, metadata={"description": _TOKEN_HELP})


class StaffInvitationSchema(Schema):
    """For whom an invitation is, and the secret for their authenticator app."""

    name = fields.String(required=True)
    email = fields.String(required=True)
    lenders = fields.List(fields.String(), required=True)
    purpose = fields.String(required=True, metadata={"enum": list(staff_invitations.LIVES)})
    expires_at = InstantField(required=True)
    secret = fields.String(required=True, metadata={"description": "Base32, to type into an authenticator app."})
    uri = fields.String(required=True, metadata={"description": "otpauth://, to show as a QR code."})


class InvitationAcceptanceSchema(Schema):
    """What makes the account usable."""

    token = TextField(100, required=True, metadata={"description": _TOKEN_HELP})
    password = TextField(256, required=True, metadata={"description": "12 to 128 characters."})
    code = TextField(12, required=True, metadata={"description": "What the authenticator app shows now."})
    locale = fields.String(validate=validate.OneOf(LOCALES))


class RecoveryCodesSchema(Schema):
    """Each stands in for the second factor once. They are told once."""

    recovery_codes = fields.List(fields.String(), required=True)


_AT = "2026-11-23T09:05:00Z"
_CODES = {"recovery_codes": ["k3f7qa-mn2pxe-7hd4wr-a5tz2y"]}
_TOKEN = "dci_2Yb0k8rXv3mQ5s7d4e1f0g9h8i7j6kLmNoPqRsTuVwX"  # noqa: S105 - an example


@door.post("")
@door.takes(StaffCredentialsSchema, example={"email": "wang.fang@harbour.example", "password": "seven quiet herons"})
@answers(200, StaffChallengeSchema, example={"challenge": "5f2b0c…", "expires_at": _AT}, problems=("credentials-invalid",))
def begin_staff_sign_in(body: dict[str, Any]) -> staff_sign_in.StaffChallenge:
    """Check e-mail and password, and get a challenge for the second factor, good for 5 minutes.

    What does not fit is answered alike, and after the same time, whether or not there is such an account.
    """
    return staff_sign_in.begin(body["email"], body["password"], address_prefix(), now=machine_now())


@door.post("/token")
@door.takes(StaffCodeSchema, example={"challenge": "5f2b0c…", "code": "492039"})
@answers(
    200,
    StaffTokenSchema,
    example={
        "token": "dcs_kq1Z3uVv0T9mJc0m2b6yVwQx5l8s7d4e1f0g9h8i7j6",
        "token_type": "Bearer",
        "session_id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10",
        "expires_at": "2026-11-23T21:05:00Z",
        "lender": "harbour",
        "lenders": ["harbour"],
        "recovery_codes_left": 10,
    },
    problems=("otp-invalid", "otp-expired", "otp-locked"),
)
def finish_staff_sign_in(body: dict[str, Any]) -> dict[str, Any]:
    """Exchange the challenge and a second factor for a session. Each code is good once."""
    made = staff_sign_in.finish(
        body["challenge"], body["code"], address_prefix(), lender=body.get("lender"), label=body.get("label"),
        now=machine_now(),
    )  # fmt: skip
    return {
        "token": made.session.token, "session_id": made.session.id, "expires_at": made.session.expires_at,
        "lender": made.lender, "lenders": made.lenders, "recovery_codes_left": made.recovery_codes_left,
    }  # fmt: skip


@door.post("/invitations/open")
@door.takes(InvitationTokenSchema, example={"token": _TOKEN})
@answers(
    200,
    StaffInvitationSchema,
    example={
        "name": "Wang Fang",
        "email": "wang.fang@harbour.example",
        "lenders": ["Harbour Finance"],
        "purpose": "invitation",
        "expires_at": "2026-11-26T09:00:00Z",
        "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "uri": "otpauth://totp/Duecourse%20Harbour%20Finance:wang.fang%40harbour.example?secret=JBSWY3DPEHPK3PXP",
    },
    problems=("link-expired",),
)
def open_staff_invitation(body: dict[str, Any]) -> staff_invitations.OpenedInvitation:
    """See for whom an invitation is, and the secret for the authenticator app; the same however often it is opened."""
    return staff_invitations.open_invitation(body["token"], address_prefix(), now=machine_now())


@door.post("/invitations/accept")
@door.takes(InvitationAcceptanceSchema, example={"token": _TOKEN, "password": "seven quiet herons", "code": "492039"})
@answers(200, RecoveryCodesSchema, example=_CODES, problems=("link-expired", "otp-invalid"))
def accept_staff_invitation(body: dict[str, Any]) -> dict[str, Any]:
    """Set password and second factor, once; the answer tells the recovery codes, which are not told again."""
    codes = staff_invitations.accept_invitation(
        body["token"], body["password"], body["code"], address_prefix(), locale=body.get("locale"), now=machine_now()
    )
    return {"recovery_codes": codes}
