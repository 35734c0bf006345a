"""Asking the oracle: does the book show anything that must never be?"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from app.domain.candidates import step_date
from app.domain.cases import PROMISE
from app.domain.policies import Rules
from app.domain.times import business_date, local_instant
from app.persistence.queries.invariants import (
    StepInstant,
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
    most = max(policy.contacts_per_day for policy in rules.policies)
    counts |= count_invariants(session, until=until, contacts_per_day=most)
    quiet, twice = _count_hand_overs(session, rules, most)
    counts["contacts_in_quiet_hours"] = quiet
    counts["borrowers_with_two_contacts_in_a_day"] += twice
    return counts


def count_candidates_without_decision(session: Session, *, until: datetime) -> int:
    """The reconciler: steps reached while their instalment was open, as known then, that have no decision."""
    rules = load_rules(session)
    if rules is None:
        return 0
    due, zones = find_due_dates_and_zones(session)
    instants = _instants(rules, due, zones, until)
    return count_candidates(session, instants, since=find_rules_since(session), until=until)


def _instants(
    rules: Rules, due: Sequence[tuple[str, str, date]], zones: Sequence[str], until: datetime
) -> Iterator[StepInstant]:
    """Yield when each step is reached for each lender's due dates, in each zone that steps may be counted in."""
    last = until.date() + timedelta(days=1)
    for kind, lender_id, due_on in due:
        calendar, policy = rules.calendars.get(lender_id), rules.policy_of(lender_id)
        for step in policy.promise_steps if kind == PROMISE else policy.steps:
            on = step_date(step, due_on, calendar)
            if on <= last:
                for zone in zones:
                    first = local_instant(on, step.at, zone)
                    latest = first if step.until is None else local_instant(on, step.until, zone)
                    yield StepInstant(kind, lender_id, zone, step.key, due_on, first, latest)


def _count_hand_overs(session: Session, rules: Rules, most: int) -> tuple[int, int]:
    """Count contacts handed over in quiet hours, and borrower-days on which more contacts left than allowed."""
    quiet: set[str] = set()
    contacts: dict[tuple[str, date], set[str]] = defaultdict(set)
    policies = {policy.policy_id: policy for policy in rules.policies}
    for one in iterate_handed_over(session):
        # Under an older version other hours may have held; of a contact without a decision nobody knows which.
        policy = rules.policy if one.policy_id is None else policies.get(one.policy_id)
        if policy is not None and any(policy.quiet_hours.holds(one.started_at, zone) for zone in one.zones):
            quiet.add(one.contact_id)
        if one.slot_no is not None:
            contacts[one.borrower_id, business_date(one.started_at, one.zones[0])].add(one.contact_id)
    return len(quiet), sum(1 for made in contacts.values() if len(made) > most)
