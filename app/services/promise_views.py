"""Promises to pay as borrowers and staff see them, and what may be promised now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from app.domain.money import Money
from app.domain.promise_terms import Asked, PromiseTerms, by_staff_only
from app.domain.promises import STATES
from app.persistence.queries import promises as queries
from app.persistence.unit_of_work import Work, reading
from app.services.promise_terms import terms_of
from app.services.promises import what_stands


@dataclass(frozen=True, slots=True)
class PromiseChange:
    """One change of a promise. `by`: borrower, staff:NAME, core:CODE, ledger, calendar."""

    at: datetime
    state: str
    paid: Money
    by: str


@dataclass(frozen=True, slots=True)
class ShownPromise:
    """A promise with all that became of it."""

    id: str
    group_id: str
    loan_id: str
    loan_no: str
    amount: Money
    paid: Money
    promised_on: date
    timezone: str
    ends_at: datetime
    state: str
    made_at: datetime
    made_by: str
    channel: str
    reference: str | None
    replaced_by: str | None
    settled_at: datetime | None
    version: int
    history: Sequence[PromiseChange]


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be promised on a loan now. `most` 0 or `parts` 0: nothing."""

    first_on: date
    last_on: date
    least: Money
    most: Money
    parts: int
    by_staff_only: bool
    """So many promises were not kept, or taken back, that only a person at the lender may take another."""


def list_promises(
    reads: Connection, borrower_id: str, *, loan_id: str | None = None, lender_id: str | None = None
) -> list[ShownPromise]:
    """Return a borrower's promises, the newest first. Raises NotFoundError for a loan that is not theirs."""
    if loan_id is not None:
        queries.get_promised_loan(reads, borrower_id, loan_id)
    return _shown(reads, queries.find_shown(reads, borrower_id, loan_id=loan_id, lender_id=lender_id))


def shown_promises(work: Work, borrower_id: str, promise_ids: Sequence[str]) -> list[ShownPromise]:
    """Return these promises of a borrower, by their day."""
    reads = work.session.connection()
    found = [row for row in queries.find_shown(reads, borrower_id) if row.id in promise_ids]
    return sorted(_shown(reads, found), key=lambda each: (each.promised_on, each.id))


def count_promises(reads: Connection, borrower_id: str, lender_id: str | None) -> dict[str, int]:
    """Return state -> how many promises of a borrower to a lender; every state is named."""
    found = queries.count_by_state(reads, borrower_id, lender_id=lender_id)
    return {state: found.get(state, 0) for state in STATES}


def allowed_by(asked: Asked, terms: PromiseTerms) -> Allowed:
    """Return what `check_parts` would let through."""
    left = max(asked.owed_minor - sum(each.amount_minor for each in asked.open), 0)
    least = min(terms.least.get(asked.currency, 1), max(left, 1))
    return Allowed(
        first_on=asked.today,
        last_on=asked.today + timedelta(days=terms.farthest_days),
        least=Money(least, asked.currency),
        most=Money(left, asked.currency),
        parts=max(min(terms.most_parts, terms.most_open - len(asked.open)), 0) if left else 0,
        by_staff_only=by_staff_only(asked, terms),
    )


def _shown(reads: Connection, rows: Sequence[Any]) -> list[ShownPromise]:
    events = queries.find_events(reads, [row.id for row in rows])
    return [
        ShownPromise(
            id=row.id,
            group_id=row.group_id,
            loan_id=row.loan_id,
            loan_no=row.loan_no,
            amount=Money(row.amount_minor, row.currency),
            paid=Money(row.paid_minor, row.currency),
            promised_on=row.promised_on,
            timezone=row.zone,
            ends_at=row.ends_at,
            state=row.state,
            made_at=row.made_at,
            made_by=row.made_by,
            channel=row.channel,
            reference=None if row.reference is None else row.reference.partition("/")[2],
            replaced_by=row.replaced_by_id,
            settled_at=row.settled_at,
            version=row.version,
            history=[
                PromiseChange(each.at, each.state, Money(each.paid_minor, row.currency), each.by) for each in events[row.id]
            ],
        )
        for row in rows
    ]


def allowed_now(borrower_id: str, loan_id: str, *, now: datetime) -> Allowed:
    """Return what a borrower may promise on a loan now. Raises NotFoundError."""
    with reading() as session:
        loan = queries.get_promised_loan(session, borrower_id, loan_id)
        zone = queries.find_zone(session, borrower_id) or loan.lender_zone
        return allowed_by(what_stands(session, loan, zone, now=now), terms_of(loan.jurisdiction))
