"""The rules in force: active policies loaded for those who decide, and the default that ships with the product."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import ConflictError
from app.domain.policies import Policy, Rules
from app.persistence.ids import new_id
from app.persistence.models.reminders import PolicyRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.policies import (
    ActiveRules,
    add_policy,
    exists_policy,
    find_active_rules,
    find_content_version,
    get_policy,
    lock_rules,
    make_active,
    note_content,
    raise_rules_epoch,
)
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services.policy_documents import DEFAULT_POLICY, check_document, content_hash, parse_policy
from app.services.policy_files import read_document
from app.services.rule_parts import content_version, outward_channels, parts_of_rules


class PolicyTamperedError(RuntimeError):
    """A stored document is not the one that was approved. Nothing is decided by it until someone has looked."""


def load_rules(session: Session) -> Rules | None:
    """Return the rules in force, or None while no policy is active for everyone.

    One statement, and the same object for as long as the epoch and the policies are the same: it is asked for before every
    sweep and every batch. Raises PolicyTamperedError.
    """
    active = find_active_rules(session)
    if active is None:
        return None
    key = active, outward_channels()
    rules = _loaded.get(key)
    if rules is None:
        _loaded.clear()  # of an older epoch; policies by themselves stay in _parsed
        rules = _loaded[key] = _rules_of(session, active)
    return rules


_loaded: dict[tuple[ActiveRules, frozenset[str]], Rules] = {}
_parsed: dict[str, Policy] = {}
"""Policies by id: an approved document never changes, so it is read once per process."""


def _rules_of(session: Session, active: ActiveRules) -> Rules:
    """Put together what decides. Whatever else rules are made of (law, calendars, templates) is filled in here."""
    by_lender = {lender_id: policy_version(session, policy_id) for lender_id, policy_id in active.by_lender}
    return Rules(policy_version(session, active.id), active.rules_epoch, by_lender, **parts_of_rules(session))


def policy_version(session: Session, policy_id: str) -> Policy:
    """Return a stored version as values, read once per process. Raises NotFoundError, PolicyTamperedError."""
    policy = _parsed.get(policy_id)
    if policy is None:
        row = get_policy(session, policy_id)
        refuse_tampered(row)
        policy = _parsed[policy_id] = parse_policy(row.document, policy_id)
    return policy


def refuse_tampered(row: PolicyRow) -> None:
    """Raise PolicyTamperedError when a stored document is not the one its hash was taken of."""
    if content_hash(row.document) != row.content_hash:
        raise PolicyTamperedError(f"The document of policy {row.key}@{row.version_no} was changed after it was recorded.")


@lru_cache(maxsize=1)
def shipped_policy() -> Policy:
    """Return the policy that ships with the product, for what is asked before any is active."""
    return parse_policy(read_document(DEFAULT_POLICY.read_text(encoding="utf-8")), "shipped")


def adopt_content(*, now: datetime) -> bool:
    """Have everyone looked at again when this release or its settings bring other law, texts or channels; say whether so.

    What waits to leave was decided under the older ones and is decided again before it does.
    """
    version = content_version()
    with reading() as session:
        if find_content_version(session) == version:
            return False
    with unit_of_work() as work:
        lock_rules(work.session)
        is_other = note_content(work.session, version)
        if is_other:
            raise_rules_epoch(work.session)
            facts = {"content_version": version}
            add_audit(work.session, at=now, actor="release", action="rules.content_adopted", borrower_id=None, facts=facts)
    return is_other


def ensure_default_policy(*, now: datetime) -> None:
    """Activate the policy that ships with the product when none has ever been."""
    with reading() as session:
        if find_active_rules(session) is not None:
            return
    with unit_of_work() as work:
        lock_rules(work.session)  # of engines that start together one does it
        if find_active_rules(work.session) is None:
            document = read_document(DEFAULT_POLICY.read_text(encoding="utf-8"))
            activate_document(work, document, author="duecourse", now=now)


def activate_document(work: Work, document: dict[str, Any], *, author: str, now: datetime) -> PolicyRow:
    """Check a document for everyone, make it the active version and raise the epoch, so that everyone is looked at again.

    For what needs no second person: the default that ships, and books that are made up. A lender's own goes the way of
    policy_versions.py. Raises ValidationError, ConflictError (there is such a version).
    """
    check_document(document)
    lock_rules(work.session)
    if exists_policy(work.session, document["policy"], document["version"]):
        raise ConflictError(f"Policy {document['policy']} has a version {document['version']}; give the new one a higher.")
    row = PolicyRow(
        id=new_id(),
        key=document["policy"],
        version_no=document["version"],
        status="approved",
        document=document,
        content_hash=content_hash(document),
        author=author,
        created_at=now,
    )
    add_policy(work.session, row)
    make_active(work.session, row, by=author, now=now)
    return row
