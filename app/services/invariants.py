"""Asking the oracle: does the book show anything that must never be?"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.policies import Policy
from app.domain.times import business_date, local_instant
from app.persistence.queries.invariants import (
    count_candidates,
    count_invariants,
    find_due_dates_and_zones,
    iterate_handed_over,
)
from app.persistence.queries.policies import find_rules_since
from app.services.policies import load_rules


def check_invariants(session: Session, *, until: datetime) -> dict[str, int]:
    """Return NAME -> count for every invariant; each must be 0. `until`: what is due later is not yet asked for."""
    rules = load_rules(session)
    if rules is None:
        return {}
    counts = {"candidates_without_decision": count_candidates_without_decision(session, until=until)}
    counts |= count_invariants(session, until=until, contacts_per_day=rules.policy.contacts_per_day)
    quiet, twice = _count_hand_overs(session, rules.policy)
    counts["contacts_in_quiet_hours"] = quiet
    counts["borrowers_with_two_contacts_in_a_day"] += twice
    return counts


def count_candidates_without_decision(session: Session, *, until: datetime) -> int:
    """The reconciler: steps reached while their instalment was open, as known then, that have no decision."""
    rules = load_rules(session)
    if rules is None:
        return 0
    dates, zones = find_due_dates_and_zones(session)
    instants = _instants(rules.policy, dates, zones, until)
    return count_candidates(session, instants, since=find_rules_since(session), until=until)


def _instants(
    policy: Policy, dates: list[date], zones: list[str], until: datetime
) -> Iterator[tuple[str, str, date, datetime]]:
    last = until.date() + timedelta(days=1)
    for step in policy.steps:
        for due_on in dates:
            on = due_on + timedelta(days=step.offset_days)
            if on <= last:
                for zone in zones:
                    yield zone, step.key, due_on, local_instant(on, step.at, zone)


def _count_hand_overs(session: Session, policy: Policy) -> tuple[int, int]:
    """Count contacts handed over in quiet hours, and borrower-days on which more contacts left than allowed."""
    quiet: set[str] = set()
    contacts: dict[tuple[str, date], set[str]] = defaultdict(set)
    for one in iterate_handed_over(session):
        if any(policy.quiet_hours.holds(one.started_at, zone) for zone in one.zones):
            quiet.add(one.contact_id)
        contacts[one.borrower_id, business_date(one.started_at, one.zones[0])].add(one.contact_id)
    return len(quiet), sum(1 for made in contacts.values() if len(made) > policy.contacts_per_day)
