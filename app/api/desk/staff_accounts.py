"""A lender's admins keep its staff: who works here, as what, and who does no more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.permissions import ROLES
from app.persistence.db import vault
from app.persistence.unit_of_work import Work
from app.services import staff
from app.services.staff_invitations import Invitation
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField, TextField
from app.web.idempotency import answer_once
from app.web.reads import reads
from app.web.request_context import machine_now

_TEAMS_HELP = "Queues whose conversations and tasks come to them; none: all."


class MemberSchema(Schema):
    """One member of this lender's staff."""

    id = IdField(required=True)
    name = fields.String(required=True, metadata={"description": "As the audit trail names them: staff:NAME."})
    email = fields.String(required=True)
    role = fields.String(required=True, metadata={"enum": list(ROLES)})
    teams = fields.List(fields.String(), required=True, metadata={"description": _TEAMS_HELP})
    languages = fields.List(fields.String(), required=True)
    state = fields.String(required=True, metadata={"enum": ["invited", "active", "disabled"]})
    since_at = InstantField(required=True)
    last_used_at = InstantField(required=True, allow_none=True)


class MembersSchema(Schema):
    """All staff of this lender by name."""

    items = fields.List(fields.Nested(MemberSchema), required=True)


class _TermsSchema(Schema):
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    teams = fields.List(TextField(32), load_default=list, metadata={"description": _TEAMS_HELP})
    languages = fields.List(TextField(35), load_default=list, metadata={"description": "Tags: en, zh-CN ..."})


class NewMemberSchema(_TermsSchema):
    """Who is invited, and as what."""

    name = TextField(64, required=True)
    email = TextField(254, required=True)


class MembershipSchema(_TermsSchema):
    """As what somebody works here."""


class NewInvitationSchema(Schema):
    """An invitation to hand over. Put the token into the fragment of a link: /desk/invitations#TOKEN."""

    id = IdField(required=True, metadata={"description": "Of the account."})
    token = fields.String(
        required=True, allow_none=True, metadata={"description": "Told once; null when the answer is a replay."}
    )
    expires_at = InstantField(required=True)


_ID = "01981e6a-7c1e-7000-8000-3f1c2a5b9d10"
_TERMS = {"role": "agent", "teams": ["disputes"], "languages": ["en", "zh-CN"]}
_MEMBER = {
    "id": _ID, "name": "Wang Fang", "email": "wang.fang@harbour.example", **_TERMS, "state": "active",
    "since_at": "2026-11-23T09:00:00Z", "last_used_at": None,
}  # fmt: skip
_INVITATION = {
    "id": _ID, "token": "dci_2Yb0k8rXv3mQ5s7d4e1f0g9h8i7j6kLmNoPqRsTuVwX", "expires_at": "2026-11-26T09:00:00Z",
}  # fmt: skip
_INVITED = NewInvitationSchema()
_SHOWN = MemberSchema()


@door.get("/staff")
@permits("staff.manage")
@answers(200, MembersSchema, example={"items": [_MEMBER]})
def list_staff() -> dict[str, Any]:
    """List who works here."""
    return {"items": staff.list_members(reads(), vault(), desk().lender_id)}


@door.get("/staff/<id:staff_id>")
@permits("staff.manage")
@answers(200, MemberSchema, example=_MEMBER)
def get_staff_member(staff_id: str) -> staff.Member:
    """Show one of them."""
    return staff.get_member(reads(), vault(), desk().lender_id, staff_id)


@door.post("/staff")
@permits("staff.manage")
@door.takes(NewMemberSchema, example={"name": "Wang Fang", "email": "wang.fang@harbour.example", **_TERMS})
@answers(
    201, NewInvitationSchema, example=_INVITATION,
    problems=("conflict", "step-up-required", "idempotency-mismatch", "idempotency-in-flight"),
)  # fmt: skip
def invite_staff(body: dict[str, Any]) -> Answer:
    """Invite somebody; hand them the token. A role above agent asks for a fresh second factor."""

    def act(work: Work) -> tuple[str, Invitation]:
        new = staff.NewMember(**body)
        staff_id, made = staff.invite(work, desk().lender_id, new, manager=_manager(), now=machine_now())
        assert made is not None  # an account from elsewhere is refused to an admin
        return staff_id, made

    return _told_once(act, 201)


@door.post("/staff/<id:staff_id>/invite")
@permits("staff.manage")
@answers(
    200, NewInvitationSchema, example=_INVITATION,
    problems=("conflict", "step-up-required", "idempotency-mismatch", "idempotency-in-flight"),
)  # fmt: skip
def invite_staff_again(staff_id: str) -> Answer:
    """Make a new invitation for who has not accepted theirs, which ends."""

    def act(work: Work) -> tuple[str, Invitation]:
        return staff_id, staff.invite_again(work, desk().lender_id, staff_id, manager=_manager(), now=machine_now())

    return _told_once(act, 200)


@door.put("/staff/<id:staff_id>/membership")
@permits("staff.manage")
@door.takes(MembershipSchema, example=_TERMS)
@answers(200, MemberSchema, example=_MEMBER, problems=("conflict", "step-up-required"))
def change_staff_membership(body: dict[str, Any], staff_id: str) -> Answer:
    """Say as what somebody works here, for which teams, in which languages.

    Not of oneself; the last admin stays one. A new role asks for a fresh second factor and ends their sessions here.
    """

    def act(work: Work) -> Answer:
        staff.change_membership(work, desk().lender_id, staff_id, **body, manager=_manager(), now=machine_now())
        return _member(work, staff_id)

    return answer_once(act)


@door.post("/staff/<id:staff_id>/disable")
@permits("staff.manage")
@answers(200, MemberSchema, example=_MEMBER, problems=("conflict", "idempotency-mismatch", "idempotency-in-flight"))
def disable_staff(staff_id: str) -> Answer:
    """Let somebody in here no more; their sessions end with the answer. Not oneself, and not the last admin."""

    def act(work: Work) -> Answer:
        staff.disable(work, desk().lender_id, staff_id, manager=_manager(), now=machine_now())
        return _member(work, staff_id)

    return answer_once(act)


@door.post("/staff/<id:staff_id>/enable")
@permits("staff.manage")
@answers(200, MemberSchema, example=_MEMBER, problems=("step-up-required", "idempotency-mismatch", "idempotency-in-flight"))
def enable_staff(staff_id: str) -> Answer:
    """Let somebody in again. A role above agent asks for a fresh second factor."""

    def act(work: Work) -> Answer:
        staff.enable(work, desk().lender_id, staff_id, manager=_manager(), now=machine_now())
        return _member(work, staff_id)

    return answer_once(act)


@door.post("/staff/<id:staff_id>/reset")
@permits("staff.manage")
@answers(
    200, NewInvitationSchema, example=_INVITATION,
    problems=("conflict", "step-up-required", "idempotency-mismatch", "idempotency-in-flight"),
)  # fmt: skip
def reset_staff(staff_id: str) -> Answer:
    """Take password, second factor and sessions away; hand over the token by which new ones are set.

    Asks for a fresh second factor. Not of oneself, nor of who works for another lender too.
    """

    def act(work: Work) -> tuple[str, Invitation]:
        return staff_id, staff.reset(work, desk().lender_id, staff_id, manager=_manager(), now=machine_now())

    return _told_once(act, 200)


@door.post("/staff/<id:staff_id>/end-sessions")
@permits("staff.manage")
@answers(204, problems=("idempotency-mismatch", "idempotency-in-flight"))
def end_sessions_of_staff(staff_id: str) -> Answer:
    """End somebody's sessions at this lender."""

    def act(work: Work) -> Answer:
        staff.end_sessions_here(work, desk().lender_id, staff_id, manager=_manager(), now=machine_now())
        return Answer(None, 204)

    return answer_once(act)


def _manager() -> staff.Manager:
    who = desk()
    return staff.Manager(who.name, who.staff_id, who)


def _told_once(act: Callable[[Work], tuple[str, Invitation]], status: int) -> Answer:
    """Run `act` once per Idempotency-Key; what is kept for a replay is without the token."""
    told: dict[str, str] = {}

    def kept(work: Work) -> Answer:
        staff_id, made = act(work)
        told["token"] = made.token
        return Answer(_INVITED.dump({"id": staff_id, "token": None, "expires_at": made.expires_at}), status, dumped=True)

    answer = answer_once(kept)
    return answer if "Idempotency-Replayed" in answer.headers else replace(answer, value=answer.value | told)


def _member(work: Work, staff_id: str) -> Answer:
    work.session.flush()
    return Answer(_SHOWN.dump(staff.get_member(work.session, work.vault, desk().lender_id, staff_id)), dumped=True)
