"""Accepting an invitation. Its token stands behind # in the link, which no server and no log sees, or is pasted in."""

from typing import Any

import segno
from flask import request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, refused
from app.console.frame import PREFIX, entry, go, page
from app.console.secret_forms import take
from app.domain.errors import DomainError, LinkExpiredError
from app.services import staff_invitations
from app.services.staff_profiles import LOCALES
from app.web.fields import TextField
from app.web.languages import request_locale
from app.web.rate_limit import address_prefix
from app.web.request_context import machine_now
from app.wording.console_words import console_words


class TokenFormSchema(Schema):
    """The token of the link."""

    token = TextField(100, required=True)


class AcceptanceFormSchema(Schema):
    """Password, code, language."""

    token = TextField(100, required=True)
    password = TextField(256, required=True)
    password_again = TextField(256, required=True)
    code = TextField(12, required=True)
    username = TextField(254, metadata={"description": "For password managers; not read."})
    locale = fields.String(validate=validate.OneOf(LOCALES))


@entry.get("/invitations")
def invitation() -> BaseResponse:
    """Ask for the token; the script takes it from behind the #."""
    return _asked(Form())


@entry.get("/invitations/accept")
def invitation_again() -> BaseResponse:
    """Somebody loads the second page anew: it begins with the first."""
    return go(f"{PREFIX}/invitations")


@entry.post("/invitations")
def open_invitation() -> BaseResponse:
    """Show for whom it is, the secret for the app, and the form that sets the account up."""
    return take(
        TokenFormSchema,
        lambda values: _set_up(Form(), values["token"].strip()),
        lambda form: _asked(form, status=422),
    )


@entry.post("/invitations/accept")
def accept_invitation() -> BaseResponse:
    """Set the account up and show its recovery codes, once."""
    token = request.form.get("token", "").strip()

    def act(values: dict[str, Any]) -> BaseResponse:
        if values["password"] != values["password_again"]:
            return _set_up(Form(request.form, {"password_again": _differ()}), token, status=422)
        codes = staff_invitations.accept_invitation(
            token, values["password"], values["code"], address_prefix(), locale=values.get("locale"), now=machine_now()
        )
        return page("sign_in/recovery_codes.html", codes=codes, after=f"{PREFIX}/sign-in")

    return take(AcceptanceFormSchema, act, lambda form: _set_up(form, token, status=422))


def _asked(form: Form, *, status: int = 200) -> BaseResponse:
    return page("sign_in/token.html", status=status, form=form)


def _set_up(form: Form, token: str, *, status: int = 200) -> BaseResponse:
    try:
        opened = staff_invitations.open_invitation(token, address_prefix(), now=machine_now())
    except DomainError as error:
        if isinstance(error, LinkExpiredError) or status != 200:
            return _asked(Form(detail=refused(error).detail), status=422)
        raise
    return page("sign_in/set_up.html", status=status, form=form, token=token, opened=opened, code_svg=qr_svg(opened.uri))


def qr_svg(uri: str) -> str:
    """Return a QR code (ISO/IEC 18004) as inline SVG, dark on light in every colour scheme."""
    made: str = segno.make(uri, error="m").svg_inline(scale=5, border=4, dark="#000", light="#fff")
    return made


def _differ() -> str:
    return console_words("sign_in.differ", request_locale())
