"""The life of a policy's versions: drafted by one person, approved by another, in force until the next; every move is kept.

draft -> in_review -> approved -> active -> retired, and back to force by activating an older version. A document changes in
draft alone. What was decided under a version stays decided under the next: keys of decisions do not name the version.

Everywhere `by` is who acts, for the audit trail, and `of_lender` whose staff they are; None: the operator.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import ConflictError, ForbiddenError, NotFoundError, ValidationError
from app.persistence.ids import new_id
from app.persistence.models.reminders import PolicyRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.policies import add_policy, find_policy, lock_rules, make_active, raise_rules_epoch
from app.persistence.unit_of_work import Work
from app.services.policies import refuse_tampered
from app.services.policy_documents import check_document, content_hash
from app.services.policy_review import known_names, review_document

MOVES: Mapping[str, tuple[str, ...]] = {
    "draft": ("in_review", "retired"),
    "in_review": ("draft", "approved", "retired"),
    "approved": ("active", "retired"),
    "active": ("retired",),
    "retired": ("active",),
}
"""Status -> what it may become. A retired version comes back only if it was approved once, or in force."""
STATUSES = tuple(MOVES)
HIGHEST_VERSION = 1_000_000
"""As the schema has it; a column holds no number that is much larger."""


def save_draft(work: Work, document: dict[str, Any], *, by: str, now: datetime, of_lender: str | None = None) -> PolicyRow:
    """Keep a document as a draft: a new version, or in place of the draft it was; who saves it last is its author.

    Raises ValidationError (its form or its meaning), ConflictError (the version is no draft any more).
    """
    check_document(document, known_names())
    lock_rules(work.session)
    lender_id = _lender_id(work, document)
    _refuse_foreign(lender_id, of_lender)
    row = find_policy(work.session, document["policy"], document["version"])
    if row is None:
        row = PolicyRow(id=new_id(), key=document["policy"], version_no=document["version"], status="draft", created_at=now)
    elif row.status != "draft" or row.lender_id != lender_id:
        raise ConflictError(f"{named(row)} is {row.status} and does not change any more; give the new one a higher version.")
    row.document, row.content_hash, row.author, row.lender_id = document, content_hash(document), by, lender_id
    add_policy(work.session, row)
    _kept(work, row, "drafted", by, now)
    return row


def submit_policy(
    work: Work, key: str, version_no: int, *, by: str, now: datetime, of_lender: str | None = None
) -> PolicyRow:
    """Hand a draft over for approval. Raises ValidationError that lists everything that is wrong, the law included."""
    row = _moved(work, key, version_no, "in_review", of_lender)
    review_document(work.session, row.document, on=now.date()).refuse()
    row.submitted_at = now
    _kept(work, row, "submitted", by, now)
    return row


def return_policy(
    work: Work, key: str, version_no: int, *, by: str, now: datetime, of_lender: str | None = None
) -> PolicyRow:
    """Give a submitted version back to its author to change."""
    row = _moved(work, key, version_no, "draft", of_lender)
    row.submitted_at = None
    _kept(work, row, "returned", by, now)
    return row


def approve_policy(
    work: Work, key: str, version_no: int, *, by: str, now: datetime, of_lender: str | None = None
) -> PolicyRow:
    """Approve a submitted version, which from then on never changes. Raises ForbiddenError for its own author."""
    row = _moved(work, key, version_no, "approved", of_lender)
    if _same_person(row.author, by):
        raise ForbiddenError(f"{by} wrote {named(row)}; somebody else approves it.")
    review_document(work.session, row.document, on=now.date()).refuse()
    row.approved_by, row.approved_at = by, now
    _kept(work, row, "approved", by, now)
    return row


def activate_policy(
    work: Work, key: str, version_no: int, *, by: str, now: datetime, of_lender: str | None = None
) -> PolicyRow:
    """Put an approved version in force, or an older one again, and have everyone looked at anew.

    The version that was in force for the same lenders retires. Raises ValidationError where the law has changed since.
    """
    row = _moved(work, key, version_no, "active", of_lender)
    review_document(work.session, row.document, on=now.date()).refuse()
    make_active(work.session, row, by=by, now=now)
    _kept(work, row, "activated", by, now)
    return row


def retire_policy(
    work: Work, key: str, version_no: int, *, by: str, now: datetime, of_lender: str | None = None
) -> PolicyRow:
    """Take a version out of use. Raises ConflictError for the one in force for everyone: another takes its place instead."""
    before = get_version(work.session, key, version_no, lock=True, for_lender=of_lender).status
    row = _moved(work, key, version_no, "retired", of_lender)
    if before == "active" and row.lender_id is None:
        raise ConflictError(f"{named(row)} is in force for every lender without its own; activate another in its place.")
    row.retired_at = now
    work.session.flush()
    if before == "active":
        raise_rules_epoch(work.session)
    _kept(work, row, "retired", by, now)
    return row


def get_version(
    session: Session, key: str, version_no: int, *, lock: bool = False, for_lender: str | None = None
) -> PolicyRow:
    """Return a version. `for_lender`: another lender's does not exist. Raises NotFoundError, PolicyTamperedError."""
    if lock:
        lock_rules(session)
    row = find_policy(session, key, version_no) if version_no <= HIGHEST_VERSION else None
    if row is None or (for_lender is not None and row.lender_id not in (None, for_lender)):
        raise NotFoundError(f"There is no policy {key}@{version_no}.")
    refuse_tampered(row)
    return row


def named(row: PolicyRow) -> str:
    """Return how a version is called: consumer-cn@3."""
    return f"{row.key}@{row.version_no}"


def _moved(work: Work, key: str, version_no: int, to: str, of_lender: str | None) -> PolicyRow:
    row = get_version(work.session, key, version_no, lock=True, for_lender=of_lender)
    _refuse_foreign(row.lender_id, of_lender)
    was_good = row.approved_at is not None or row.activated_at is not None
    if to not in MOVES[row.status] or (row.status == "retired" and not was_good):
        raise ConflictError(f"{named(row)} is {row.status}; it cannot become {to}.")
    if to != "active":
        row.status = to
    return row


def _refuse_foreign(lender_id: str | None, of_lender: str | None) -> None:
    """Staff of one lender touch its own policies alone; those of everyone are the operator's."""
    if of_lender is not None and lender_id != of_lender:
        raise ForbiddenError("The policy is not your lender's own: it names your lender's code, or the operator changes it.")


def _lender_id(work: Work, document: dict[str, Any]) -> str | None:
    if "lender" not in document:
        return None
    lender = find_lender(work.session, document["lender"])
    if lender is None:
        raise ValidationError(f"There is no lender {document['lender']!r} here.")
    return lender.id


def _kept(work: Work, row: PolicyRow, what: str, by: str, now: datetime) -> None:
    facts = {"policy": row.key, "version": row.version_no, "content_hash": row.content_hash}
    work.session.flush()
    add_audit(work.session, at=now, actor=by, action=f"policy.{what}", borrower_id=None, facts=facts)


def _same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are typed."""
    folded = (" ".join(unicodedata.normalize("NFKC", each).casefold().split()) for each in (one, other))
    return len(set(folded)) == 1
