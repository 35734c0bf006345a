"""Staff check, compare, submit, approve and activate their lender's reminder policies."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, validate

from app.api.desk.staff import door
from app.domain.errors import FieldError, ForbiddenError, ValidationError
from app.domain.policy_diff import diff_policies
from app.persistence.models.reminders import PolicyRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.policies import page_policies
from app.persistence.unit_of_work import Work, in_unit_of_work, reading
from app.services import policy_versions
from app.services.policy_documents import parse_policy
from app.services.policy_review import review_document
from app.web.answers import Answer
from app.web.auth import desk, permits
from app.web.doors import answers
from app.web.fields import InstantField, PageQuerySchema, PatternField
from app.web.pagination import Key, page_answer, requested_key
from app.web.request_context import now

_VERSION = "/policies/<number:key>/versions/<int:version_no>"
_KEY_PATTERN = "[a-z][a-z0-9-]{0,62}"


class PolicyVersionSchema(Schema):
    """One version of a policy, without its document."""

    policy = fields.String(required=True)
    version = fields.Integer(required=True)
    status = fields.String(required=True, metadata={"enum": list(policy_versions.STATUSES)})
    lender = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "Whose loans it is for; null: every lender without its own."},
    )
    author = fields.String(required=True)
    approved_by = fields.String(required=True, allow_none=True)
    activated_by = fields.String(required=True, allow_none=True)
    content_hash = fields.String(required=True, metadata={"description": "SHA-256 of the document's canonical JSON, hex."})
    created_at = InstantField(required=True)
    submitted_at = InstantField(required=True, allow_none=True)
    approved_at = InstantField(required=True, allow_none=True)
    activated_at = InstantField(required=True, allow_none=True)
    retired_at = InstantField(required=True, allow_none=True)


class PolicyVersionsSchema(Schema):
    """A page, newest first."""

    items = fields.List(fields.Nested(PolicyVersionSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class PolicySchema(PolicyVersionSchema):
    """One version with its document."""

    document = fields.Dict(required=True, keys=fields.String())


class PoliciesQuerySchema(PageQuerySchema):
    """Which versions."""

    key = PatternField(_KEY_PATTERN, metadata={"description": "Only versions of this policy."})
    status = fields.String(validate=validate.OneOf(policy_versions.STATUSES))


class DocumentSchema(Schema):
    """A policy document, as content/policies/README.md of the product describes it."""

    document = fields.Dict(required=True, keys=fields.String())


class PolicyProblemSchema(Schema):
    """One thing that is wrong."""

    pointer = fields.String(required=True, metadata={"description": "RFC 6901, into the document."})
    code = fields.String(required=True, metadata={"description": "What kind of fault; `law`: a rule forbids it."})
    detail = fields.String(required=True)


class PolicyCheckSchema(Schema):
    """What a check found."""

    is_in_order = fields.Boolean(required=True)
    law = fields.List(
        fields.String(), required=True, metadata={"description": "Jurisdictions of the law packs it was held against."}
    )
    problems = fields.List(fields.Nested(PolicyProblemSchema), required=True)


class PolicyDiffQuerySchema(Schema):
    """What to compare with."""

    against = PatternField(
        _KEY_PATTERN + "@[1-9][0-9]{0,6}", required=True, metadata={"description": "POLICY@VERSION, the older."}
    )


class PolicyChangeSchema(Schema):
    """One difference in words."""

    kind = fields.String(required=True, metadata={"enum": ["added", "removed", "moved", "changed", "renamed"]})
    subject = fields.String(required=True, metadata={"description": "Key of a step, or what of the policy."})
    words = fields.String(required=True)


class PolicyDiffSchema(Schema):
    """Every difference; none: both decide the same."""

    changes = fields.List(fields.Nested(PolicyChangeSchema), required=True)


_SUMMARY = {
    "policy": "harbour-cn",
    "version": 3,
    "status": "in_review",
    "lender": "harbour",
    "author": "staff:Wang Fang",
    "approved_by": None,
    "activated_by": None,
    "content_hash": "9d4e1e23bd5b727046a9e3b4b7db57bd8d6ee684a1f2d9b2a5d9c5a1cf2f1b07",
    "created_at": "2026-11-20T02:15:00Z",
    "submitted_at": "2026-11-20T02:15:00Z",
    "approved_at": None,
    "activated_at": None,
    "retired_at": None,
}
_DOCUMENT = {
    "policy": "harbour-cn",
    "version": 3,
    "lender": "harbour",
    "caps": [{"per": "borrower", "window": "P1D", "max": 1}],
    "quiet_hours": {"start": "21:00", "end": "09:00"},
    "stages": [{"key": "early", "from": 1, "to": 30}],
    "steps": [{"key": "d+3", "offset_days": 3, "template": "overdue_early", "ladder": [{"channel": "push"}]}],
}
_PROBLEM = {
    "pointer": "/steps/0/at",
    "code": "law",
    "detail": "Step 'd+3' calls at 23:00; contact is allowed from 08:00 to 22:00. CN law: Quiet hours (CN-QUIET; ...).",
}
_CHANGE = {"kind": "moved", "subject": "d+3", "words": "Step d+3 moves: 2 days after the due date at 10:00 -> ..."}
_PROBLEMS = ("conflict",)


@door.get("/policies")
@permits("policies.read")
@door.asks(PoliciesQuerySchema)
@answers(200, PolicyVersionsSchema, example={"items": [_SUMMARY], "next_cursor": None})
def list_policies(query: dict[str, Any]) -> Answer:
    """List versions of your lender's policies, and of those that are for everyone."""
    begin = requested_key(query)
    with reading() as session:
        rows = page_policies(
            session,
            key=query.get("key"),
            status=query.get("status"),
            for_lender=desk().lender_id,
            after=(begin.at, begin.row_id) if begin else None,
            limit=query["limit"] + 1,
        )
        return page_answer([_view(row) for row in rows], [Key(row.created_at, row.id) for row in rows], query)


@door.post("/policies")
@permits("policies.submit")
@door.takes(DocumentSchema, example={"document": _DOCUMENT})
@answers(201, PolicyVersionSchema, example=_SUMMARY, problems=_PROBLEMS)
def submit_policy(body: dict[str, Any]) -> dict[str, Any]:
    """Keep a document as a version of your lender's policy and hand it over for approval.

    It names your lender, and a version that is not taken. Everything that is wrong is said at once, the law included.
    """
    who, at = desk(), now()

    def act(work: Work) -> dict[str, Any]:
        row = policy_versions.save_draft(work, body["document"], by=who.name, now=at, of_lender=who.lender_id)
        handed = policy_versions.submit_policy(work, row.key, row.version_no, by=who.name, now=at, of_lender=who.lender_id)
        return _view(handed)

    try:
        return in_unit_of_work(act)
    except ValidationError as refusal:
        raise _in_document(refusal) from None


@door.post("/policies/check")
@permits("policies.read")
@door.takes(DocumentSchema, example={"document": _DOCUMENT})
@answers(200, PolicyCheckSchema, example={"is_in_order": False, "law": ["CN"], "problems": [_PROBLEM]})
def check_policy(body: dict[str, Any]) -> dict[str, Any]:
    """Check a document without keeping it: its form, its meaning, and the law of those it is for."""
    document = dict(body["document"])
    with reading() as session:
        own = get_lender(session, desk().lender_id).code
        if document.setdefault("lender", own) != own:
            raise ForbiddenError(f"You check policies of your own lender: leave `lender` out, or write {own}.")
        review = review_document(session, document, on=now().date())
    return {"is_in_order": not review.problems, "law": list(review.packs), "problems": review.problems}


@door.get(_VERSION)
@permits("policies.read")
@answers(200, PolicySchema, example={**_SUMMARY, "document": _DOCUMENT})
def get_policy(key: str, version_no: int) -> dict[str, Any]:
    """Show one version with its document."""
    with reading() as session:
        row = policy_versions.get_version(session, key, version_no, for_lender=desk().lender_id)
        return {**_view(row), "document": row.document}


@door.get(_VERSION + "/diff")
@permits("policies.read")
@door.asks(PolicyDiffQuerySchema)
@answers(200, PolicyDiffSchema, example={"changes": [_CHANGE]})
def diff_policy(query: dict[str, Any], key: str, version_no: int) -> dict[str, Any]:
    """Say in words how a version differs from another."""
    other, _, number = query["against"].rpartition("@")
    lender_id = desk().lender_id
    with reading() as session:
        new = policy_versions.get_version(session, key, version_no, for_lender=lender_id)
        old = policy_versions.get_version(session, other, int(number), for_lender=lender_id)
        changes = diff_policies(parse_policy(old.document, old.id), parse_policy(new.document, new.id))
    return {"changes": changes}


@door.post(_VERSION + "/approve")
@permits("policies.approve")
@answers(200, PolicyVersionSchema, example={**_SUMMARY, "status": "approved"}, problems=_PROBLEMS)
def approve_policy(key: str, version_no: int) -> dict[str, Any]:
    """Approve a submitted version, which from then on never changes. Its author may not."""
    return _moved(policy_versions.approve_policy, key, version_no)


@door.post(_VERSION + "/return")
@permits("policies.approve")
@answers(200, PolicyVersionSchema, example={**_SUMMARY, "status": "draft"}, problems=_PROBLEMS)
def return_policy(key: str, version_no: int) -> dict[str, Any]:
    """Give a submitted version back to its author."""
    return _moved(policy_versions.return_policy, key, version_no)


@door.post(_VERSION + "/activate")
@permits("policies.activate")
@answers(200, PolicyVersionSchema, example={**_SUMMARY, "status": "active"}, problems=_PROBLEMS)
def activate_policy(key: str, version_no: int) -> dict[str, Any]:
    """Put an approved version in force, or an older one again; everyone is looked at anew. What was decided stays so."""
    return _moved(policy_versions.activate_policy, key, version_no)


@door.post(_VERSION + "/retire")
@permits("policies.activate")
@answers(200, PolicyVersionSchema, example={**_SUMMARY, "status": "retired"}, problems=_PROBLEMS)
def retire_policy(key: str, version_no: int) -> dict[str, Any]:
    """Take a version out of use. In force until then, your lender's loans go by the policy of everyone."""
    return _moved(policy_versions.retire_policy, key, version_no)


def _moved(act: Callable[..., PolicyRow], key: str, version_no: int) -> dict[str, Any]:
    who, at = desk(), now()
    return in_unit_of_work(lambda work: _view(act(work, key, version_no, by=who.name, now=at, of_lender=who.lender_id)))


def _view(row: PolicyRow) -> dict[str, Any]:
    return {
        "policy": row.key,
        "version": row.version_no,
        "status": row.status,
        "lender": row.document.get("lender"),
        "author": row.author,
        "approved_by": row.approved_by,
        "activated_by": row.activated_by,
        "content_hash": row.content_hash,
        "created_at": row.created_at,
        "submitted_at": row.submitted_at,
        "approved_at": row.approved_at,
        "activated_at": row.activated_at,
        "retired_at": row.retired_at,
    }


def _in_document(refusal: ValidationError) -> ValidationError:
    """The same refusal, its pointers led into the body."""
    errors = tuple(FieldError(f"/document{each.pointer}", each.code, each.detail) for each in refusal.errors)
    return ValidationError(refusal.detail, refusal.facts, errors)
