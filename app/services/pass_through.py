"""Passing on to funders what was recovered: booked once per ledger entry, and again only as the difference.

The engine looks for funded loans whose ledger or shares changed (`pass_on_due`); whoever wants it at once calls
`pass_on_loans`. Doing it again changes nothing, and doing it from the beginning gives the same.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from app.domain.pass_through import Passed, changed, pass_on, read_service_fee
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.queries import funding as funded_queries
from app.persistence.queries import pass_through as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.lenders import get_zone
from app.persistence.unit_of_work import Work, looking, unit_of_work
from app.services.funding_shares import shares_of

LOANS_AT_ONCE = 20
"""One unit of work passes on as many: a loan may have a thousand funders."""
ROWS_AT_ONCE = 10_000
"""So many rows are gathered before they are written: of shares told late all payments are passed on at once."""


def pass_on_due(*, now: datetime, lender_id: str | None = None) -> int:
    """Pass on everything that waits, loans by loans; return how many rows were booked."""
    booked, after = 0, ""
    while True:
        with looking() as session:
            due = funded_queries.find_unpassed(session, after=after, limit=LOANS_AT_ONCE, lender_id=lender_id)
        if not due:
            return booked
        after = due[-1].loan_id  # what changes behind it meanwhile is for the next time: no loan is looked at twice
        with unit_of_work() as work:
            lock_agenda(work.session, [row.borrower_id for row in due])
            booked += pass_on_loans(work, [row.loan_id for row in due], now=now)


def pass_on_loans(work: Work, loan_ids: Collection[str], *, now: datetime) -> int:
    """Pass on what these loans' ledgers say; loans that nobody funded are left out. Return how many rows were booked.

    The caller holds the agenda rows of their borrowers, so that no entry is booked meanwhile.
    """
    session = work.session
    funded = funded_queries.find_funded(session, loan_ids)
    if not funded:
        return 0
    transfers = funded_queries.find_transfers(session, funded)
    recoveries = queries.find_recoveries(session, funded)
    marks = queries.find_marks(session, funded)
    standing = queries.find_standing(session, funded)
    versions = queries.find_snapshot_versions(session, funded)
    shares = {key: shares_of(row, transfers[key]) for key, row in funded.items()}
    again = {
        each.entry_id: key for key in funded for each in changed(shares[key], recoveries[key], marks[key])
    }  # fmt: skip
    parts = queries.find_parts(session, again)
    booked, rows = 0, list[dict[str, Any]]()
    added: list[Mapping[str, Any]] = []
    updated: list[Mapping[str, Any]] = []
    days: dict[str, date] = {}
    for key, loan in funded.items():
        fee = read_service_fee(loan.service_fee)
        if loan.lender_id not in days:
            days[loan.lender_id] = business_date(now, get_zone(session, loan.lender_id))
        on = days[loan.lender_id]
        for each in pass_on(shares[key], fee, recoveries[key], marks[key], parts, standing[key]):
            rows += _rows(loan, each, on, now)
            (updated if each.entry_id in marks[key] else added).append(_mark(loan, each))
            if len(rows) >= ROWS_AT_ONCE:
                queries.add_passed(session, rows)
                booked, rows = booked + len(rows), []
    queries.add_passed(session, rows)
    queries.set_marks(session, added, updated)
    funded_queries.mark_passed(session, {key: versions[key][0] for key in funded if key in versions})
    return booked + len(rows)


def _rows(loan: Any, passed: Passed, on: date, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "id": new_id(), "lender_id": loan.lender_id, "loan_id": loan.loan_id, "entry_id": passed.entry_id,
            "revision": passed.mark.revision, "funder_id": holder or None, "currency": loan.currency,
            "effective_on": passed.mark.effective_on, "booked_on": on, "booked_at": now, "is_money": passed.mark.is_money,
            "principal_minor": part.split.principal, "interest_minor": part.split.interest,
            "fees_minor": part.split.fees, "penalties_minor": part.split.penalties,
            "service_fee_minor": part.service_fee_minor,
        }
        for holder, part in passed.parts.items()
    ]  # fmt: skip


def _mark(loan: Any, passed: Passed) -> Mapping[str, Any]:
    mark = passed.mark
    return {
        "entry_id": passed.entry_id, "loan_id": loan.loan_id, "revision": mark.revision, "effective_on": mark.effective_on,
        "is_money": mark.is_money, "principal_minor": mark.split.principal, "interest_minor": mark.split.interest,
        "fees_minor": mark.split.fees, "penalties_minor": mark.split.penalties, "shares_hash": mark.shares_key,
    }  # fmt: skip
