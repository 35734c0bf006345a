"""Escalation policies: which are in force, and the life of their versions.

draft -> approved -> active -> retired. A document changes in draft alone; it is approved by another person than its author,
once it was rehearsed as it is; an older approved version comes back by being activated again. Every move is kept.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.actors import same_person
from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, refused_at
from app.domain.escalation_policies import EscalationPolicy
from app.persistence.ids import new_id
from app.persistence.models.escalations import EscalationPolicyRow
from app.persistence.queries import escalation_policies as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.escalation_policies import find_version
from app.persistence.unit_of_work import Work
from app.services.escalation_documents import check_document, content_hash, parse_document
from app.services.policies import PolicyTamperedError

MOVES: Mapping[str, tuple[str, ...]] = {
    "draft": ("approved", "retired"),
    "approved": ("active", "retired"),
    "active": ("retired",),
    "retired": ("active",),
}
"""Status -> what it may become. A retired version comes back only if it was approved once."""
HIGHEST_VERSION = 1_000_000
"""As the schema has it; a column holds no number that is much larger."""
_parsed: dict[str, EscalationPolicy] = {}
"""By id and hash: an approved document never changes, so it is read once per process."""


def policies_in_force(session: Session) -> Mapping[str, EscalationPolicy]:
    """Return lender -> the policy that its arrears escalate by; lenders without one are absent. One statement.

    Raises PolicyTamperedError: a stored document is not the one that was approved, and then nothing happens by it.
    """
    found: dict[str, EscalationPolicy] = {}
    for row in queries.find_active(session):
        found[row.lender_id] = replace(as_values(row), in_force_since=row.activated_at)
    return found


def as_values(row: Any) -> EscalationPolicy:
    """Return a stored version as values. Raises PolicyTamperedError."""
    key = f"{row.id}/{row.content_hash}"
    policy = _parsed.get(key)
    if policy is None:
        if content_hash(row.document) != row.content_hash:
            told = f"The document of escalation policy {row.key} v{row.version_no} was changed after it was recorded."
            raise PolicyTamperedError(told)
        policy = _parsed[key] = parse_document(row.document, row.id)
    return policy


def save_draft(work: Work, lender_id: str, document: dict[str, Any], *, by: str, now: datetime) -> EscalationPolicyRow:
    """Keep a document as a draft: a new version, or in place of the draft it was; who saves it last is its author.

    Raises ValidationError (its form or its meaning), ConflictError (the version is no draft any more).
    """
    check_document(document)
    queries.lock_lender(work.session, lender_id)
    _check_kinds(work.session, lender_id, document)
    row = find_version(work.session, lender_id, document["escalation_policy"], document["version"])
    if row is None:
        row = EscalationPolicyRow(
            id=new_id(), lender_id=lender_id, key=document["escalation_policy"], version_no=document["version"],
            status="draft", created_at=now,
        )  # fmt: skip
    elif row.status != "draft":
        raise ConflictError(f"{named(row)} is {row.status} and does not change any more; give the new one a higher version.")
    row.document, row.content_hash, row.author = document, content_hash(document), by
    work.session.add(row)
    _kept(work, row, "drafted", by, now)
    return row


def approve(work: Work, row: EscalationPolicyRow, *, by: str, now: datetime) -> None:
    """Approve a draft that somebody else wrote, and that was rehearsed as it is.

    Raises ForbiddenError (the author), ConflictError (no draft, not rehearsed), ValidationError (the law has changed since).
    """
    queries.lock_lender(work.session, row.lender_id)
    work.session.refresh(row)
    _check_move(row, "approved")
    if same_person(by, row.author):
        raise ForbiddenError(f"{named(row)} was written by you; somebody else approves it.")
    if not queries.exists_rehearsal(work.session, row.id, row.content_hash):
        raise ConflictError(f"{named(row)} was not rehearsed as it is; rehearse it, and look at what it would do.")
    check_document(row.document)
    _check_kinds(work.session, row.lender_id, row.document)
    row.status, row.approved_by, row.approved_at = "approved", by, now
    _kept(work, row, "approved", by, now)


def activate(work: Work, row: EscalationPolicyRow, *, by: str, now: datetime) -> None:
    """Put an approved version in force for its lender; the one before is retired, and every borrower is looked at again.

    Raises ConflictError, PolicyTamperedError.
    """
    queries.lock_lender(work.session, row.lender_id)
    work.session.refresh(row)
    _check_move(row, "active")
    if row.approved_at is None:
        raise ConflictError(f"{named(row)} was never approved.")
    as_values(row)
    before = queries.find_active_of(work.session, row.lender_id)
    if before is not None:
        before.status, before.retired_at = "retired", now
        work.session.flush()
    row.status, row.activated_by, row.activated_at, row.retired_at = "active", by, now, None
    queries.look_again(work.session, row.lender_id, now=now)
    _kept(work, row, "activated", by, now)


def retire(work: Work, row: EscalationPolicyRow, *, by: str, now: datetime) -> None:
    """Take a version out of use. Of one in force, nothing happens by it from now on, and what has not left does not leave.

    Raises ConflictError.
    """
    queries.lock_lender(work.session, row.lender_id)
    work.session.refresh(row)
    _check_move(row, "retired")
    if row.status == "active":
        queries.look_again(work.session, row.lender_id, now=now)
    row.status, row.retired_at = "retired", now
    _kept(work, row, "retired", by, now)


def get_version(session: Session, lender_id: str, key: str, version_no: int) -> EscalationPolicyRow:
    """Return a version of a lender's. Raises NotFoundError."""
    row = find_version(session, lender_id, key, version_no) if version_no <= HIGHEST_VERSION else None
    if row is None:
        raise NotFoundError(f"There is no escalation policy {key} v{version_no} here.")
    return row


def named(row: EscalationPolicyRow) -> str:
    """Return how a version is called."""
    return f"Escalation policy {row.key} v{row.version_no}"


def _check_kinds(session: Session, lender_id: str, document: Mapping[str, Any]) -> None:
    """Refuse a step under a key that is another kind of step in an approved version: what happened is told by its key."""
    steps = {step["key"]: (index, step["kind"]) for index, step in enumerate(document["steps"])}
    for row in queries.find_documents(session, lender_id):
        for before in row.document["steps"]:
            index, kind = steps.get(before["key"], (0, before["kind"]))
            if kind != before["kind"]:
                stands = f"{before['key']} is of kind {before['kind']} in {row.key} v{row.version_no}"
                raise refused_at(f"/steps/{index}/key", f"{stands}; give this step another key.")


def _check_move(row: EscalationPolicyRow, to: str) -> None:
    if to not in MOVES[row.status]:
        raise ConflictError(f"{named(row)} is {row.status} and cannot become {to}.")


def _kept(work: Work, row: EscalationPolicyRow, what: str, by: str, now: datetime) -> None:
    work.session.flush()
    facts = {"policy": row.key, "version": row.version_no, "hash": row.content_hash, "lender_id": row.lender_id}
    add_audit(work.session, at=now, actor=by, action=f"escalation_policy.{what}", borrower_id=None, facts=facts)
