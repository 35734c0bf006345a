"""Policies as staff work on them: a text with all its faults by their lines, and a version beside the one in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import FieldError, ForbiddenError, ValidationError
from app.domain.policies import Policy
from app.domain.policy_diff import Change, diff_policies
from app.persistence.models.reminders import PolicyRow
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.policies import find_active_for
from app.services.policy_documents import parse_policy
from app.services.policy_files import lines_of, read_document
from app.services.policy_review import review_document
from app.services.policy_versions import get_version

LONGEST_TEXT = 200_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `line` from 1; None: it is about all of the text, or says its line itself."""

    line: int | None
    pointer: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class CheckedText:
    """A text and what was found. `document` None: it cannot be read."""

    document: dict[str, Any] | None
    findings: Sequence[Finding]
    packs: Sequence[str]
    """Jurisdictions of the law packs it was held against."""


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """A version as values, with the one it would replace, and how they differ."""

    row: PolicyRow
    policy: Policy
    active: PolicyRow | None
    """What is in force for the same lenders; None: nothing, or it is this one."""
    changes: Sequence[Change]


def check_text(session: Session, text: str, lender_id: str, *, on: date) -> CheckedText:
    """Check the text of a policy of a lender: its form, its meaning, the law. Raises ForbiddenError for another lender's."""
    try:
        document = read_document(text)
    except ValidationError as refusal:
        errors = refusal.errors or (FieldError("", "unreadable", refusal.detail),)
        return CheckedText(None, _found(text, errors), ())
    if not isinstance(document, dict):
        return CheckedText(None, [Finding(1, "", "type", "A policy is a list of names and values.")], ())
    own = get_lender(session, lender_id).code
    if document.setdefault("lender", own) != own:
        raise ForbiddenError(f"You check policies of your own lender: leave `lender` out, or write {own}.")
    review = review_document(session, document, on=on)
    return CheckedText(document, _found(text, review.problems), review.packs)


def show_version(session: Session, key: str, version_no: int, lender_id: str) -> ShownVersion:
    """Return a version with what it changes. Raises NotFoundError, PolicyTamperedError."""
    row = get_version(session, key, version_no, for_lender=lender_id)
    policy = parse_policy(row.document, row.id)
    active = find_active_for(session, row.lender_id) or find_active_for(session, None)
    if active is None or active.id == row.id:
        return ShownVersion(row, policy, None, ())
    return ShownVersion(row, policy, active, diff_policies(parse_policy(active.document, active.id), policy))


def findings_of(session: Session, row: PolicyRow, *, on: date) -> CheckedText:
    """Return what is wrong with a version by today's law."""
    review = review_document(session, row.document, on=on)
    return CheckedText(row.document, [Finding(None, each.pointer, each.code, each.detail) for each in review.problems],
                       review.packs)  # fmt: skip


def _found(text: str, problems: Sequence[FieldError]) -> list[Finding]:
    lines = lines_of(text, {each.pointer for each in problems})
    found = [Finding(lines.get(each.pointer), each.pointer, each.code, each.detail) for each in problems]
    return sorted(found, key=lambda each: (each.line or 0, each.pointer))
