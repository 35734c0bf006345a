"""What would be decided about steps to come, as things stand: `decide` itself, asked on today's case for their instants."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.cases import Case, DecisionKey
from app.domain.decided import Verdict
from app.domain.decisions import decide
from app.domain.policies import Rules
from app.persistence.queries.cases import load_cases

MOST_INSTANTS = 60
"""Instants asked about at once; a borrower with a few loans has some twenty within a month."""


def load_case(session: Session, borrower_id: str, rules: Rules, *, now: datetime) -> Case | None:
    """Return a borrower's case as it stands, to be looked at and not to be acted on; None: there is none to decide about."""
    loaded = load_cases(session, [borrower_id], now=now, rules=rules).get(borrower_id)
    return None if loaded is None else loaded.case


def outlook(case: Case, rules: Rules, instants: Collection[datetime]) -> dict[tuple[DecisionKey, datetime], Verdict]:
    """Return (candidate, its instant) -> the verdict there would be if nothing changed until then.

    Contacts that would be made in between are not counted: each instant is asked by itself.
    """
    found: dict[tuple[DecisionKey, datetime], Verdict] = {}
    for at in sorted(set(instants))[:MOST_INSTANTS]:
        for verdict in decide(case, rules, at).verdicts:
            if verdict.occurs_at == at:
                found[verdict.key, at] = verdict
    return found
