"""One's own account: language, password, lender, sessions, recovery codes."""

from typing import Any

from flask import request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, go, page, pages
from app.console.secret_forms import take
from app.console.sessions import go_with
from app.persistence.queries.staff_accounts import count_recovery_codes, find_memberships
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services import assignments, staff_profiles, staff_sessions
from app.services.staff_profiles import LOCALES
from app.web.auth import account, desk, permits
from app.web.fields import TextField
from app.web.languages import request_locale
from app.web.reads import reads
from app.web.request_context import machine_now, now
from app.wording.console_words import console_words

_PATH = "/profile"


class LanguageFormSchema(Schema):
    """The language of the console."""

    locale = fields.String(required=True, validate=validate.OneOf(LOCALES))


class DutyFormSchema(Schema):
    """Whether one is away."""

    is_away = fields.Boolean(required=True, truthy={"true"}, falsy={"false"})


class LenderFormSchema(Schema):
    """Where to go on."""

    lender = TextField(64, required=True)


class PasswordChangeFormSchema(Schema):
    """The present password, and twice the one to come."""

    password = TextField(256, required=True)
    new_password = TextField(256, required=True)
    new_password_again = TextField(256, required=True)


@pages.get(_PATH)
@permits("account.use")
def profile() -> BaseResponse:
    """Show one's own account."""
    return _shown(Form())


@pages.post(f"{_PATH}/language")
@permits("account.use")
def choose_language() -> BaseResponse:
    """Choose the language of the console."""
    who = account()

    def act(work: Work, values: dict[str, Any]) -> str:
        staff_profiles.change_locale(work, who.staff_id, values["locale"], now=machine_now())
        return f"{PREFIX}{_PATH}"

    return submit(LanguageFormSchema, act, lambda form: _shown(form, status=422))


@pages.post(f"{_PATH}/duty")
@permits("conversations.act")
def change_duty() -> BaseResponse:
    """Say that one is away, and is given no conversations, or is at the desk again."""
    who, staff = desk(), account()

    def act(work: Work, values: dict[str, Any]) -> str:
        assignments.put_absence(work, who.lender_id, staff.staff_id, is_away=values["is_away"], by=who.name, now=now())
        return f"{PREFIX}{_PATH}"

    return submit(DutyFormSchema, act, lambda form: _shown(form, status=422))


@pages.post(f"{_PATH}/password")
@permits("account.use")
def change_password() -> BaseResponse:
    """Change the password; the other sessions end."""
    who = account()

    def act(values: dict[str, Any]) -> BaseResponse:
        if values["new_password"] != values["new_password_again"]:
            differ = console_words("sign_in.differ", request_locale())
            return _shown(Form(request.form, {"new_password_again": differ}), status=422)
        staff_profiles.change_password(
            who.staff_id, values["password"], values["new_password"], session_id=who.session_id, now=machine_now()
        )
        return go(f"{PREFIX}{_PATH}?changed=password")

    return take(PasswordChangeFormSchema, act, lambda form: _shown(form, status=422))


@pages.post(f"{_PATH}/lender")
@permits("account.use")
def switch_lender() -> BaseResponse:
    """Go on at another lender, in a session with a new token."""
    who = account()

    def act(values: dict[str, Any]) -> BaseResponse:
        with unit_of_work() as work:
            made = staff_sessions.switch_lender(work, who.session_id, values["lender"], by=who.name, now=machine_now())
        return go_with(made, PREFIX)

    return take(LenderFormSchema, act, lambda form: _shown(form, status=422))


@pages.post(f"{_PATH}/sessions/<id:session_id>/end")
@permits("account.use")
def end_session(session_id: str) -> BaseResponse:
    """End one of one's sessions."""
    who = account()
    with unit_of_work() as work:
        staff_sessions.end_session(work, who.staff_id, session_id, by=who.name, now=machine_now())
    return go(f"{PREFIX}{_PATH}")


@pages.post(f"{_PATH}/recovery-codes")
@permits("account.use")
def renew_recovery_codes() -> BaseResponse:
    """Show new recovery codes, once; the old ones are good for nothing. Asks for a fresh code of the app."""
    who = account()
    with unit_of_work() as work:
        codes = staff_profiles.renew_recovery_codes(work, who.staff_id, asks=desk(), now=machine_now())
    return page("sign_in/recovery_codes.html", codes=codes, after=f"{PREFIX}{_PATH}")


def _shown(form: Form, *, status: int = 200) -> BaseResponse:
    who, desk_who = account(), desk()
    with reading() as session:
        away = assignments.is_away(session, desk_who.lender_id, who.staff_id)
    return page(
        "profile.html",
        status=status,
        form=form,
        fresh=Form(),
        changed=request.args.get("changed") == "password",
        sessions=staff_sessions.live_sessions(reads(), who.staff_id, now=machine_now()),
        places=find_memberships(reads(), who.staff_id),
        lender_id=desk_who.lender_id,
        locales=LOCALES,
        away=away,
        codes_left=count_recovery_codes(reads(), who.staff_id),
    )
