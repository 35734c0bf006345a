"""Forgetting whom a frozen report names, once what it told may be told no longer; the facts and the chain stay.

What was told against a person counts as their retention does (`credit_retention`); what was not, from its month on.
"""

from datetime import date, datetime
from typing import NamedTuple

from app.domain.credit_gates import POSITIVE
from app.domain.times import business_date
from app.persistence.queries import credit_people as queries
from app.persistence.queries.audit import add_audit
from app.persistence.queries.law_cases import find_governing
from app.persistence.queries.loans import find_told_loans
from app.persistence.unit_of_work import Work
from app.services.credit_retention import ended_on, ends_of_arrears, retention_of

PAGE = 500
_SHORTEST_YEARS = 5
"""Of all packs and the table: no row is looked at before."""


class Place(NamedTuple):
    """Where to go on: after this row."""

    snapshot_id: str
    loan_id: str


def forget_page(work: Work, *, now: datetime, after: Place | None = None, page: int = PAGE) -> Place | None:
    """Forget the people of the next rows whose time is over; return where to go on, None at the end."""
    rows = queries.page_named(work.session, before=_years_before(now.date()), after=after, limit=page)
    loan_ids = sorted({row.loan_id for row in rows})
    countries = {each.id: each.country or each.jurisdiction for each in find_governing(work.session, loan_ids)}
    loans = find_told_loans(work.session, loan_ids)
    ends = ends_of_arrears(work.session, [row.loan_id for row in rows if row.kind != POSITIVE], now=now)
    over = []
    for row in rows:
        if row.kind == POSITIVE:
            ended, first = row.as_of, row.as_of
        else:
            ended, first = ended_on(row.account, ends.get(row.loan_id)), row.first_delinquency_on
        kept = retention_of(countries[row.loan_id], ended_on=ended, first_delinquency_on=first, now=now)
        if kept is not None and kept.until_on < business_date(now, loans[row.loan_id].zone):
            over.append((row.snapshot_id, row.loan_id))
    if over:
        queries.mark_forgotten(work.session, over)
        facts = {"reports": len(over), "snapshot_ids": sorted({snapshot_id for snapshot_id, _ in over})}
        add_audit(work.session, at=now, actor="system", action="credit.people_forgotten", borrower_id=None, facts=facts)
    return Place(rows[-1].snapshot_id, rows[-1].loan_id) if len(rows) == page else None


def _years_before(day: date) -> date:
    return date(day.year - _SHORTEST_YEARS, day.month, min(day.day, 28))
