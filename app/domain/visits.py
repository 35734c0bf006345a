"""Visits to borrowers: what one has to say when it is planned, which way it may go, and what may come of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.domain.errors import ConflictError, refused_at

PLACES = ("home", "workplace", "elsewhere")
STATES = ("planned", "started", "ended", "cancelled")
MOVES: Mapping[str, frozenset[str]] = {
    "planned": frozenset({"started", "cancelled"}),
    "started": frozenset({"ended"}),
    "ended": frozenset(),
    "cancelled": frozenset(),
}
OUTCOMES = ("met", "not_met", "third_party_met", "refused", "promise", "address_wrong", "unsafe")
REACHED = frozenset({"met", "refused", "promise"})
"""Outcomes by which the borrower was spoken with."""
WITHDRAWN = ("paid", "not_allowed", "not_started", "asked", "other")
"""Why one does not take place: nothing is overdue, law or person is against it, its time passed, the borrower asked."""
LONGEST = timedelta(hours=4)
FARTHEST_AHEAD = timedelta(days=60)
MOST_PEOPLE = 3
"""More than three at a door is a threat, whoever allows it."""
LONGEST_NOTES = 2000
MOST_EVIDENCE = 10
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who goes. `identity_no`: of the card they show. `authorisation`: reference of the lender's letter, for an agency's."""

    name: str = field(repr=False)
    identity_no: str
    agency: str | None = None
    """None: the lender's own staff."""
    authorisation: str | None = None


@dataclass(frozen=True, slots=True)
class VisitRules:
    """What a lender allows."""

    allowed: bool = False
    """Also where no rule of law speaks of visits."""
    workplace: bool = False
    most_people: int = 2


@dataclass(frozen=True, slots=True)
class VisitPlan:
    """A visit as it is planned. `until_at`: exclusive; it is not begun from then on."""

    place: str
    from_at: datetime
    until_at: datetime
    people: Sequence[Visitor]
    address: str | None = field(default=None, repr=False)
    """One line; None: the borrower's own address, which is home."""


@dataclass(frozen=True, slots=True)
class Recording:
    """That a visit was recorded, and of which bytes: they stay with who made them."""

    sha256: str
    seconds: int
    kept_at: str


def check_plan(plan: VisitPlan, rules: VisitRules, *, now: datetime) -> None:
    """Refuse what cannot be a visit, or what the lender does not allow. Raises ValidationError, ConflictError."""
    if plan.place not in PLACES:
        raise refused_at("/place", f"place is not one of {', '.join(PLACES)}.")
    if plan.from_at < now:
        raise refused_at("/from", "from is past; plan a visit before it begins.")
    if plan.from_at > now + FARTHEST_AHEAD:
        raise refused_at("/from", f"from is more than {FARTHEST_AHEAD.days} days ahead.")
    if not plan.from_at < plan.until_at <= plan.from_at + LONGEST:
        raise refused_at("/until", "until is after from, by four hours at most.")
    if plan.place != "home" and plan.address is None:
        raise refused_at("/address", "Say where: only at home is it the borrower's own address.")
    if plan.place == "workplace" and not rules.workplace:
        raise ConflictError("This lender's rules allow no visits at a place of work.", {"rule": "visits.workplace"})
    _check_people(plan.people, rules)


def _check_people(people: Sequence[Visitor], rules: VisitRules) -> None:
    most = min(rules.most_people, MOST_PEOPLE)
    if not 1 <= len(people) <= most:
        raise refused_at("/people", f"Say who goes: one person, {most} at most.")
    for index, person in enumerate(people):
        if person.agency is not None and not person.authorisation:
            at = f"/people/{index}/authorisation"
            raise refused_at(at, "Who comes from an agency shows the lender's letter of authorisation; say its reference.")


def check_move(state: str, to: str) -> None:
    """Refuse a step that a visit cannot take. Raises ConflictError."""
    if to not in MOVES[state]:
        raise ConflictError(f"The visit is {state}; it cannot be {to} any more.")


def check_end(outcome: str, recording: Recording | None, evidence: int) -> None:
    """Refuse an end that says too little or too much. Raises ValidationError."""
    if outcome not in OUTCOMES:
        raise refused_at("/outcome", f"outcome is not one of {', '.join(OUTCOMES)}.")
    if evidence > MOST_EVIDENCE:
        raise refused_at("/attachments", f"attachments are more than {MOST_EVIDENCE}.")
    if recording is not None and not _SHA256.fullmatch(recording.sha256):
        raise refused_at("/recording/sha256", "sha256 is 64 hexadecimal digits.")
