"""The rules of a rehearsal: those in force, with the policy that is tried out in place of one of them."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError, ValidationError
from app.domain.policies import OUTWARD_CHANNELS, Rules
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.policies import find_policy
from app.services.policies import load_rules, shipped_policy
from app.services.policy_documents import check_document, parse_policy
from app.services.rule_parts import parts_of_rules

ACTIVE = "active"


def rules_under(session: Session, policy: dict[str, Any] | str, channels: tuple[str, ...] | None = None) -> Rules:
    """Return the rules in force with `policy` (a document, KEY@VERSION or `active`) in place of the one it would replace.

    A policy of one lender replaces that lender's; one of everyone leaves lenders' own in force. While none is in force yet,
    the one that ships with the product stands for it, as it will once an engine runs: a rehearsal activates nothing.
    Raises ValidationError, NotFoundError.
    """
    rules = load_rules(session) or Rules(shipped_policy(), 0, **parts_of_rules(session))
    document = document_of(session, policy)
    if document is not None:
        parsed = parse_policy(document, "")
        code = document.get("lender")
        if code is None:
            rules = replace(rules, policy=parsed)
        else:
            lender = find_lender(session, code)
            if lender is None:
                raise NotFoundError(f"The policy is for the lender {code}, which is not here.")
            rules = replace(rules, by_lender={**rules.by_lender, lender.id: parsed})
    if channels is not None:
        unknown = set(channels) - set(OUTWARD_CHANNELS)
        if unknown:
            raise ValidationError(f"{sorted(unknown)[0]!r} is no channel; there are {', '.join(OUTWARD_CHANNELS)}.")
        rules = replace(rules, channels=frozenset(channels))
    return rules


def document_of(session: Session, policy: dict[str, Any] | str) -> dict[str, Any] | None:
    """Return the document that is meant, checked; None: what is in force. Raises ValidationError, NotFoundError."""
    if isinstance(policy, dict):
        check_document(policy)
        return policy
    if policy == ACTIVE:
        return None
    key, _, number = policy.rpartition("@")
    row = find_policy(session, key, int(number)) if key and number.isascii() and number.isdigit() else None
    if row is None:
        raise NotFoundError(f"There is no policy {policy}; write KEY@VERSION, or `active`.")
    document: dict[str, Any] = row.document
    return document
