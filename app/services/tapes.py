"""Tapes: what the core says of its loans on a day, kept beside our own figures and never mixed with them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from app.domain.book import PutResult
from app.domain.errors import CurrencyMismatchError, DomainError, NotFoundError
from app.domain.tapes import CoreFigures, TapeValues, figures_of
from app.persistence.queries import tapes as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.loans import find_loan_owners, find_tapes, set_tapes
from app.persistence.unit_of_work import Work


def put_tapes(
    work: Work, lender_id: str, as_of: date, batch: Sequence[TapeValues], *, now: datetime
) -> list[PutResult | DomainError]:
    """Keep what the core says of these loans at the end of `as_of`, each loan at most once.

    The same facts again change nothing. The newest day a loan has is also kept on the loan itself; an older one never
    replaces it.
    """
    session = work.session
    numbers = [values.loan_no for values in batch]
    lock_agenda(session, [owner for _, owner in find_loan_owners(session, lender_id, numbers).values()])
    loans = queries.find_taped_loans(session, lender_id, numbers)
    present = find_tapes(session, as_of, [loan.id for loan in loans.values()])
    results: list[PutResult | DomainError] = []
    added: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    newest: list[tuple[queries.TapedLoan, CoreFigures]] = []
    for values in batch:
        loan = loans.get(values.loan_no)
        if loan is None:
            results.append(NotFoundError(f"There is no loan {values.loan_no}; send the loan first."))
            continue
        if values.currency not in (None, loan.currency):
            results.append(CurrencyMismatchError(f"Loan {values.loan_no} is in {loan.currency}, not {values.currency}."))
            continue
        facts = dict(values.facts)
        row = {
            "loan_id": loan.id,
            "as_of": as_of,
            "borrower_id": loan.borrower_id,
            "facts": facts,
            "imported_at": now,
        }
        if loan.id not in present:
            added.append(row)
        elif present[loan.id] != facts:
            changed.append(row)
        core = figures_of(facts, as_of)
        if loan.core != core and (loan.core is None or loan.core.as_of <= as_of):
            newest.append((loan, core))
        is_new = loan.id not in present
        results.append(PutResult(loan.id, created=is_new, changed=is_new or present[loan.id] != facts))
    set_tapes(session, added, changed)
    queries.set_core_figures(session, newest)
    return results
