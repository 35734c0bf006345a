"""Visits as staff read them, and what a lender allows of them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain import visits as domain
from app.domain.errors import refused_at
from app.domain.visits import Visitor, VisitRules
from app.persistence.db import vault
from app.persistence.queries import visits as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.promises import find_zone
from app.persistence.unit_of_work import Work
from app.services.visits import Actor, override_reason_of, place_of


@dataclass(frozen=True, slots=True)
class ShownVisit:
    """A visit as staff see it. `address`, `people`, `notes`, `override_reason`: None in lists."""

    row: Any
    """Its columns, with `borrower_no`."""
    loan_nos: Sequence[str]
    people: Sequence[Visitor] | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)
    notes: str | None = field(default=None, repr=False)
    override_reason: str | None = field(default=None, repr=False)


def list_visits(
    reads: Connection | Session, lender_id: str, *, state: str | None = None, borrower_no: str | None = None,
    before: tuple[datetime, str] | None = None, limit: int = 50,
) -> list[ShownVisit]:  # fmt: skip
    """Return a lender's visits, the latest first, without addresses and names."""
    rows = queries.page_visits(reads, lender_id, state=state, borrower_no=borrower_no, before=before, limit=limit)
    numbers = queries.find_loan_numbers(reads, {loan_id for row in rows for loan_id in row.loan_ids}) if rows else {}
    return [ShownVisit(row, [numbers[loan_id] for loan_id in row.loan_ids if loan_id in numbers]) for row in rows]


def open_visit(work: Work, visit_id: str, *, actor: Actor, now: datetime) -> ShownVisit:
    """Return a visit with where to go and who goes; that it was read is written down. Raises NotFoundError."""
    row = queries.get_shown(work.session, visit_id, actor.lender_id)
    facts = {"visit_id": visit_id}
    add_audit(work.session, at=now, actor=actor.by, action="visit.read", borrower_id=row.borrower_id, facts=facts)
    return shown(work.session, row)


def shown(session: Session, row: Any) -> ShownVisit:
    """Return all of a visit."""
    ring = vault()
    people = orjson.loads(ring.open(row.people_sealed, place=place_of("people", row.id)) or "[]")
    address = ring.open(row.address_sealed, place=place_of("address", row.id)) or _own_address(session, row)
    numbers = queries.find_loan_numbers(session, row.loan_ids)
    return ShownVisit(
        row,
        [numbers[loan_id] for loan_id in row.loan_ids if loan_id in numbers],
        [Visitor(**each) for each in people],
        address,
        ring.open(row.notes_sealed, place=place_of("notes", row.id)),
        override_reason_of(ring, row),
    )


def _own_address(session: Session, row: Any) -> str | None:
    borrower = get_borrower(session, row.borrower_id)
    lines = vault().open(borrower.address_sealed, place=f"borrowers.address:{borrower.id}")
    return ", ".join(orjson.loads(lines)) if lines else None


def read_rules(reads: Connection | Session, lender_id: str) -> VisitRules:
    """Return what a lender allows of visits."""
    return queries.find_rules(reads, lender_id)


def put_rules(work: Work, rules: VisitRules, *, actor: Actor, now: datetime) -> None:
    """Say what the lender allows of visits. Raises ValidationError."""
    if not 1 <= rules.most_people <= domain.MOST_PEOPLE:
        raise refused_at("/most_people", f"most_people is 1 to {domain.MOST_PEOPLE}.")
    queries.put_rules(work.session, actor.lender_id, rules, by=actor.by, now=now)
    add_audit(work.session, at=now, actor=actor.by, action="visits.rules", borrower_id=None, facts=asdict(rules))


def get_visit(session: Session, visit_id: str, lender_id: str) -> ShownVisit:
    """Return a visit without address and names, as lists show it. Raises NotFoundError."""
    row = queries.get_shown(session, visit_id, lender_id)
    numbers = queries.find_loan_numbers(session, row.loan_ids)
    return ShownVisit(row, [numbers[loan_id] for loan_id in row.loan_ids if loan_id in numbers])


def zone_of(session: Session, row: Any) -> str:
    """Return where a visit's times are shown: where the borrower lives, else where the lender is."""
    return find_zone(session, row.borrower_id) or get_lender(session, row.lender_id).zone
