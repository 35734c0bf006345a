"""Signing in to the console: a password, then a code; signing out; and a fresh code for what asks for one."""

from typing import Any

from flask import request
from marshmallow import Schema
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, refused
from app.console.frame import PREFIX, entry, go, page, pages
from app.console.secret_forms import take
from app.console.sessions import browser_label, forget, go_with, is_signed_in, own_page
from app.domain.errors import OtpExpiredError, OtpLockedError
from app.persistence.unit_of_work import unit_of_work
from app.services import staff_sessions, staff_sign_in
from app.web.auth import account, permits
from app.web.fields import TextField
from app.web.rate_limit import address_prefix
from app.web.request_context import machine_now


class PasswordFormSchema(Schema):
    """The first step."""

    email = TextField(254, required=True)
    password = TextField(256, required=True)
    next = TextField(500)


class CodeFormSchema(Schema):
    """The second step."""

    challenge = TextField(100, required=True)
    code = TextField(40, required=True)
    next = TextField(500)


class ProofFormSchema(Schema):
    """A fresh code."""

    code = TextField(12, required=True)
    next = TextField(500)


@entry.get("/sign-in")
def sign_in() -> BaseResponse:
    """Ask for e-mail and password; whoever is signed in goes on."""
    after = own_page(request.args.get("next"))
    if is_signed_in():
        return go(after)
    return _first_step(Form(), after)


@entry.post("/sign-in")
def take_password() -> BaseResponse:
    """Check the password and ask for the code."""
    after = own_page(request.form.get("next"))

    def act(values: dict[str, Any]) -> BaseResponse:
        made = staff_sign_in.begin(values["email"], values["password"], address_prefix(), now=machine_now())
        return _second_step(Form(), after, made.challenge)

    return take(PasswordFormSchema, act, lambda form: _first_step(form, after, status=422))


@entry.get("/sign-in/code")
def code_again() -> BaseResponse:
    """Somebody loads the second step anew: it begins with the first."""
    return go(f"{PREFIX}/sign-in")


@entry.post("/sign-in/code")
def take_code() -> BaseResponse:
    """Check the code and open the session."""
    after = own_page(request.form.get("next"))

    def act(values: dict[str, Any]) -> BaseResponse:
        try:
            made = staff_sign_in.finish(
                values["challenge"], values["code"], address_prefix(), label=browser_label(), now=machine_now()
            )
        except (OtpExpiredError, OtpLockedError) as error:
            return _first_step(Form(detail=refused(error).detail), after, status=422)
        return go_with(made.session, after)

    return take(CodeFormSchema, act, lambda form: _second_step(form, after, request.form.get("challenge", ""), status=422))


@pages.post("/sign-out")
@permits("account.use")
def sign_out() -> BaseResponse:
    """End the session."""
    who = account()
    with unit_of_work() as work:
        staff_sessions.end_session(work, who.staff_id, who.session_id, by=who.name, reason="signed_out", now=machine_now())
    return forget(go(f"{PREFIX}/sign-in"))


@pages.get("/proof")
@permits("account.use")
def proof() -> BaseResponse:
    """Ask for a fresh code."""
    return _proof(Form(), own_page(request.args.get("next")))


@pages.post("/proof")
@permits("account.use")
def take_proof() -> BaseResponse:
    """Check it; the session goes on under a new token."""
    after, who = own_page(request.form.get("next")), account()

    def act(values: dict[str, Any]) -> BaseResponse:
        code = "".join(values["code"].split())
        made = staff_sign_in.prove(who.staff_id, who.session_id, code, address_prefix(), now=machine_now())
        return go_with(made, after)

    return take(ProofFormSchema, act, lambda form: _proof(form, after, status=422))


def _first_step(form: Form, after: str, *, status: int = 200) -> BaseResponse:
    return page("sign_in/password.html", status=status, form=form, after=after)


def _second_step(form: Form, after: str, challenge: str, *, status: int = 200) -> BaseResponse:
    return page("sign_in/code.html", status=status, form=form, after=after, challenge=challenge)


def _proof(form: Form, after: str, *, status: int = 200) -> BaseResponse:
    return page("sign_in/proof.html", status=status, form=form, after=after)
