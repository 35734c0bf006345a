"""The lender's staff: who works here, as what, who is invited, and who does no more."""

from collections.abc import Callable
from typing import Any

from flask import current_app, request
from marshmallow import Schema, fields, validate
from werkzeug.wrappers import Response as BaseResponse

from app.console.forms import Form, submit
from app.console.frame import PREFIX, page, pages
from app.console.secret_forms import take
from app.domain.permissions import AGENT, PERMISSIONS, ROLES
from app.persistence.db import vault
from app.persistence.unit_of_work import Work, unit_of_work
from app.services import staff
from app.services.staff_invitations import Invitation
from app.web.auth import desk, permits
from app.web.fields import TextField
from app.web.reads import reads
from app.web.request_context import machine_now
from config import Settings

_PATH = "/staff"
_MEMBER = f"{_PATH}/<id:staff_id>"


class _TermsFormSchema(Schema):
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    teams = TextField(400, load_default="")
    languages = TextField(200, load_default="")


class InviteFormSchema(_TermsFormSchema):
    """Who is invited."""

    name = TextField(64, required=True)
    email = TextField(254, required=True)


class MembershipFormSchema(_TermsFormSchema):
    """As what somebody works here."""


class NothingSchema(Schema):
    """A button."""


@pages.get(_PATH)
@permits("staff.manage")
def staff_list() -> BaseResponse:
    """List who works here, with the form that invites."""
    return _listed(Form({"role": AGENT}))


@pages.post(_PATH)
@permits("staff.manage")
def invite_staff() -> BaseResponse:
    """Invite somebody and show the link to hand over, once."""

    def act(values: dict[str, Any]) -> BaseResponse:
        new = staff.NewMember(values["name"], values["email"], values["role"], **_lists(values))
        with unit_of_work() as work:
            _, made = staff.invite(work, desk().lender_id, new, manager=_manager(), now=machine_now())
        assert made is not None  # an account from elsewhere is refused to an admin
        return _invited(values["name"], made)

    return take(InviteFormSchema, act, lambda form: _listed(form, status=422))


@pages.get("/staff/roles")
@permits("staff.manage")
def roles() -> BaseResponse:
    """Show what each role may do."""
    return page("staff/roles.html", permissions=PERMISSIONS.values(), roles=ROLES)


@pages.get(_MEMBER)
@permits("staff.manage")
def staff_member(staff_id: str) -> BaseResponse:
    """Show one of them with the forms that change it."""
    return _shown(staff_id, Form())


@pages.post(_MEMBER)
@permits("staff.manage")
def change_membership(staff_id: str) -> BaseResponse:
    """Say as what they work here."""

    def act(work: Work, values: dict[str, Any]) -> str:
        terms = {"role": values["role"], **_lists(values)}
        staff.change_membership(work, desk().lender_id, staff_id, **terms, manager=_manager(), now=machine_now())
        return f"{PREFIX}{_PATH}"

    return submit(MembershipFormSchema, act, lambda form: _shown(staff_id, form, status=422))


@pages.post(f"{_MEMBER}/disable")
@permits("staff.manage")
def disable_staff(staff_id: str) -> BaseResponse:
    """Let them in no more."""
    return _pressed(staff_id, staff.disable)


@pages.post(f"{_MEMBER}/enable")
@permits("staff.manage")
def enable_staff(staff_id: str) -> BaseResponse:
    """Let them in again."""
    return _pressed(staff_id, staff.enable)


@pages.post(f"{_MEMBER}/end-sessions")
@permits("staff.manage")
def end_sessions(staff_id: str) -> BaseResponse:
    """End their sessions here."""
    return _pressed(staff_id, staff.end_sessions_here)


@pages.post(f"{_MEMBER}/reset")
@permits("staff.manage")
def reset_staff(staff_id: str) -> BaseResponse:
    """Take password and second factor away and show the link by which new ones are set."""
    return _handed_over(staff_id, staff.reset)


@pages.post(f"{_MEMBER}/invite")
@permits("staff.manage")
def invite_again(staff_id: str) -> BaseResponse:
    """Show a new link for who has not accepted theirs."""
    return _handed_over(staff_id, staff.invite_again)


def _pressed(staff_id: str, change: Callable[..., Any]) -> BaseResponse:
    def act(work: Work, _values: dict[str, Any]) -> str:
        change(work, desk().lender_id, staff_id, manager=_manager(), now=machine_now())
        return f"{PREFIX}{_PATH}/{staff_id}"

    return submit(NothingSchema, act, lambda form: _shown(staff_id, form, status=422))


def _handed_over(staff_id: str, make: Callable[..., Invitation]) -> BaseResponse:
    def act(_values: dict[str, Any]) -> BaseResponse:
        with unit_of_work() as work:
            made = make(work, desk().lender_id, staff_id, manager=_manager(), now=machine_now())
            name = staff.get_member(work.session, work.vault, desk().lender_id, staff_id).name
        return _invited(name, made)

    return take(NothingSchema, act, lambda form: _shown(staff_id, form, status=422))


def _invited(name: str, made: Invitation) -> BaseResponse:
    settings: Settings = current_app.config["SETTINGS"]
    link = f"{settings.public_url or request.host_url.rstrip('/')}{PREFIX}/invitations#{made.token}"
    return page("staff/invited.html", name=name, link=link, expires_at=made.expires_at)


def _listed(form: Form, *, status: int = 200) -> BaseResponse:
    members = staff.list_members(reads(), vault(), desk().lender_id)
    return page("staff/list.html", status=status, form=form, members=members, roles=ROLES)


def _shown(staff_id: str, form: Form, *, status: int = 200) -> BaseResponse:
    who = desk()
    member = staff.get_member(reads(), vault(), who.lender_id, staff_id)
    return page(
        "staff/member.html",
        status=status,
        form=form,
        fresh=Form(),
        member=member,
        roles=ROLES,
        is_me=staff_id == who.staff_id,
    )


def _lists(values: dict[str, Any]) -> dict[str, list[str]]:
    """Return what is written as words between commas."""
    return {
        name: [each.strip() for each in values[name].replace("，", ",").split(",") if each.strip()]
        for name in ("teams", "languages")
    }


def _manager() -> staff.Manager:
    who = desk()
    return staff.Manager(who.name, who.staff_id, who)
