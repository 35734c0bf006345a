"""The loans that a contact by hand may be about, as they stand now: also those of which nothing is open."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.contact_gates import LoanNow
from app.persistence.queries.case_loans import ENDED, LOANS, loan_facts_of, open_subjects


def find_loans_now(session: Session, borrower_id: str, lender_id: str, now: datetime, *, horizon: date) -> list[LoanNow]:
    """Return a borrower's loans with one lender, by number; of each what is open up to the horizon, as a case has it."""
    rows = LOANS.all(session.connection(), {"b_ids": [borrower_id]})
    found = [_loan_now(row, now, horizon) for row in rows if row.lender_id == lender_id]
    return sorted(found, key=lambda loan: loan.loan_no)


def find_loans_of(
    session: Session, borrower_ids: Collection[str], now: datetime, *, horizon: date
) -> Mapping[str, list[LoanNow]]:
    """Return borrower -> all their loans, by number, as `find_loans_now` has them; one statement for all."""
    found: dict[str, list[LoanNow]] = defaultdict(list)
    for row in LOANS.all(session.connection(), {"b_ids": list(borrower_ids)}) if borrower_ids else ():
        found[row.borrower_id].append(_loan_now(row, now, horizon))
    for loans in found.values():
        loans.sort(key=lambda loan: loan.loan_no)
    return found


def _loan_now(row: Any, now: datetime, horizon: date) -> LoanNow:
    subjects = open_subjects(row, now, horizon)
    return LoanNow(
        row.id, row.loan_no, row.lender_id, row.zone, row.currency,
        subjects[0].loan if subjects else loan_facts_of(row, now, []),
        tuple(sorted(subjects, key=lambda each: (each.due_on, each.row_no))),
        ENDED.get(row.status),
    )  # fmt: skip
