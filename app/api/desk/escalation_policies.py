"""Staff write, rehearse, approve and activate their lender's escalation policies."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.errors import FieldError, ValidationError
from app.domain.escalation_runs import Assumptions
from app.persistence.models.escalations import EscalationPolicyRow
from app.persistence.queries.escalation_policies import list_rehearsals, list_versions
from app.persistence.unit_of_work import Work, in_unit_of_work, reading
from app.services import escalation_policies
from app.services.escalation_documents import find_problems
from app.services.escalation_rehearsals import rehearse_version
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import IdField, InstantField
from app.web.reads import reads
from app.web.request_context import now

_VERSION = "/escalation-policies/<number:key>/versions/<int:version_no>"
MOST_DAYS = 400


class EscalationPolicySchema(Schema):
    """One version of an escalation policy, without its document."""

    policy = fields.String(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True, metadata={"enum": list(escalation_policies.MOVES)})
    author = fields.String(required=True)
    approved_by = fields.String(required=True, allow_none=True)
    activated_by = fields.String(required=True, allow_none=True)
    content_hash = fields.String(required=True, metadata={"description": "SHA-256 of the document's canonical JSON, hex."})
    created_at = InstantField(required=True)
    approved_at = InstantField(required=True, allow_none=True)
    activated_at = InstantField(required=True, allow_none=True)
    retired_at = InstantField(required=True, allow_none=True)


class EscalationPoliciesSchema(Schema):
    """A lender's versions, those in force first; at most 200."""

    items = fields.List(fields.Nested(EscalationPolicySchema), required=True)


class WholeEscalationPolicySchema(EscalationPolicySchema):
    """One version with its document."""

    document = fields.Dict(required=True, keys=fields.String())


class EscalationDocumentSchema(Schema):
    """An escalation policy, as docs/escalation.md of the product describes it."""

    document = fields.Dict(required=True, keys=fields.String())


class EscalationProblemSchema(Schema):
    """One thing that is wrong."""

    pointer = fields.String(required=True, metadata={"description": "RFC 6901, into the document."})
    code = fields.String(required=True)
    detail = fields.String(required=True)


class EscalationCheckSchema(Schema):
    """What a check found."""

    is_in_order = fields.Boolean(required=True)
    problems = fields.List(fields.Nested(EscalationProblemSchema), required=True)


class EscalationAssumptionsSchema(Schema):
    """What a rehearsal takes for granted; nobody pays."""

    days = fields.Integer(load_default=90, strict=True, validate=validate.Range(1, MOST_DAYS))
    delivery_days = fields.Integer(load_default=3, strict=True, validate=validate.Range(0, 60))
    approval_days = fields.Integer(load_default=1, strict=True, validate=validate.Range(0, 60))
    approves = fields.Boolean(load_default=True)
    custody_days = fields.Integer(load_default=None, allow_none=True, strict=True, validate=validate.Range(0, 365))


class EscalationRehearsalSchema(Schema):
    """What a version would do."""

    id = IdField(required=True)
    made_at = InstantField(required=True)
    asked_by = fields.String(required=True)
    content_hash = fields.String(required=True, metadata={"description": "Of the document that was rehearsed."})
    assumptions = fields.Dict(required=True, keys=fields.String())
    result = fields.Dict(
        required=True, keys=fields.String(),
        metadata={"description": "start, days, loans; by_day: [day, kind, outcome, count]; "
                  "standing: [kind, outcome, reason, count] at the end."},
    )  # fmt: skip


class EscalationRehearsalsSchema(Schema):
    """The newest first; at most 20."""

    items = fields.List(fields.Nested(EscalationRehearsalSchema), required=True)


_SUMMARY = {
    "policy": "cn-micro-loan", "version": 1, "status": "draft", "author": "staff:Wang Fang", "approved_by": None,
    "activated_by": None, "content_hash": "9d4e1e23bd5b727046a9e3b4b7db57bd8d6ee684a1f2d9b2a5d9c5a1cf2f1b07",
    "created_at": "2026-11-20T02:15:00Z", "approved_at": None, "activated_at": None, "retired_at": None,
}  # fmt: skip
_DOCUMENT = {
    "escalation_policy": "cn-micro-loan",
    "version": 1,
    "begins": {"days_past_due": 8},
    "steps": [
        {"key": "notice", "kind": "arrears_notice", "days_past_due": 8,
         "notice": {"kind": "arrears_notice", "template": "letter_arrears"}},
    ],
}  # fmt: skip
_REHEARSAL = {
    "id": "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", "made_at": "2026-11-20T02:20:00Z", "asked_by": "staff:Wang Fang",
    "content_hash": _SUMMARY["content_hash"],
    "assumptions": {"days": 90, "delivery_days": 3, "approval_days": 1, "approves": True, "payments": "none"},
    "result": {"start": "2026-11-20T02:20:00Z", "days": 90, "loans": 412, "by_day":
               [["2026-11-21", "arrears_notice", "handed_over", 37]], "standing": []},
}  # fmt: skip
_PROBLEMS = ("conflict",)


@door.get("/escalation-policies")
@permits("escalation_policies.read")
@answers(200, EscalationPoliciesSchema, example={"items": [_SUMMARY]})
def list_escalation_policies() -> dict[str, Any]:
    """List the versions of your lender's escalation policies."""
    return {"items": [_view(row) for row in list_versions(reads(), desk().lender_id)]}


@door.post("/escalation-policies")
@permits("escalation_policies.draft")
@door.takes(EscalationDocumentSchema, example={"document": _DOCUMENT})
@answers(201, EscalationPolicySchema, example=_SUMMARY, problems=_PROBLEMS)
def draft_escalation_policy(body: dict[str, Any]) -> dict[str, Any]:
    """Keep a document as a draft: a new version, or in place of the draft it was. Somebody else approves it."""
    who, at = desk(), now()

    def act(work: Work) -> dict[str, Any]:
        return _view(escalation_policies.save_draft(work, who.lender_id, body["document"], by=who.name, now=at))

    try:
        return in_unit_of_work(act)
    except ValidationError as refusal:
        errors = tuple(FieldError(f"/document{each.pointer}", each.code, each.detail) for each in refusal.errors)
        raise ValidationError(refusal.detail, refusal.facts, errors) from None


@door.post("/escalation-policies/check")
@permits("escalation_policies.read")
@door.takes(EscalationDocumentSchema, example={"document": _DOCUMENT})
@answers(200, EscalationCheckSchema, example={"is_in_order": True, "problems": []})
def check_escalation_policy(body: dict[str, Any]) -> dict[str, Any]:
    """Check a document without keeping it."""
    problems = find_problems(body["document"])
    return {"is_in_order": not problems, "problems": problems}


@door.get(_VERSION)
@permits("escalation_policies.read")
@answers(200, WholeEscalationPolicySchema, example={**_SUMMARY, "document": _DOCUMENT})
def get_escalation_policy(key: str, version_no: int) -> dict[str, Any]:
    """Show one version with its document."""
    with reading() as session:
        row = escalation_policies.get_version(session, desk().lender_id, key, version_no)
        return {**_view(row), "document": row.document}


@door.get(_VERSION + "/rehearsals")
@permits("escalation_policies.read")
@answers(200, EscalationRehearsalsSchema, example={"items": [_REHEARSAL]})
def list_escalation_rehearsals(key: str, version_no: int) -> dict[str, Any]:
    """List what was rehearsed of a version."""
    with reading() as session:
        row = escalation_policies.get_version(session, desk().lender_id, key, version_no)
        return {"items": [dict(each._mapping) for each in list_rehearsals(session, row.id)]}


@door.post(_VERSION + "/rehearsals")
@permits("escalation_policies.draft")
@door.takes(EscalationAssumptionsSchema, example={"days": 90, "delivery_days": 3})
@answers(201, EscalationRehearsalSchema, example=_REHEARSAL, problems=_PROBLEMS)
def rehearse_escalation_policy(body: dict[str, Any], key: str, version_no: int) -> dict[str, Any]:
    """Say what a version would do over the book of your lender if nobody paid. It reads the whole book, and takes long."""
    who, at = desk(), now()
    days = body.pop("days")

    def act(work: Work) -> dict[str, Any]:
        row = escalation_policies.get_version(work.session, who.lender_id, key, version_no)
        kept = rehearse_version(work, row, by=who.name, now=at, days=days, assumed=Assumptions(**body))
        names = ("id", "made_at", "asked_by", "content_hash", "assumptions", "result")
        return {name: getattr(kept, name) for name in names}

    return in_unit_of_work(act)


@door.post(_VERSION + "/approve")
@permits("escalation_policies.approve")
@answers(200, EscalationPolicySchema, example={**_SUMMARY, "status": "approved"}, problems=_PROBLEMS)
def approve_escalation_policy(key: str, version_no: int) -> dict[str, Any]:
    """Approve a draft that somebody else wrote and that was rehearsed as it is; from then on it never changes."""
    return _moved(escalation_policies.approve, key, version_no)


@door.post(_VERSION + "/activate")
@permits("escalation_policies.approve")
@answers(200, EscalationPolicySchema, example={**_SUMMARY, "status": "active"}, problems=_PROBLEMS)
def activate_escalation_policy(key: str, version_no: int) -> dict[str, Any]:
    """Put an approved version in force, or an older one again."""
    return _moved(escalation_policies.activate, key, version_no)


@door.post(_VERSION + "/retire")
@permits("escalation_policies.approve")
@answers(200, EscalationPolicySchema, example={**_SUMMARY, "status": "retired"}, problems=_PROBLEMS)
def retire_escalation_policy(key: str, version_no: int) -> dict[str, Any]:
    """Take a version out of use; of the one in force, nothing happens by it any more."""
    return _moved(escalation_policies.retire, key, version_no)


def _moved(move: Callable[..., None], key: str, version_no: int) -> dict[str, Any]:
    who, at = desk(), now()

    def act(work: Work) -> dict[str, Any]:
        row = escalation_policies.get_version(work.session, who.lender_id, key, version_no)
        move(work, row, by=who.name, now=at)
        return _view(row)

    return in_unit_of_work(act)


def _view(row: EscalationPolicyRow | Any) -> dict[str, Any]:
    names = ("status", "author", "approved_by", "activated_by", "content_hash", "created_at", "approved_at",
             "activated_at", "retired_at")  # fmt: skip
    return {"policy": row.key, "version": row.version_no, **{name: getattr(row, name) for name in names}}
