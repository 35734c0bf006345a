"""Itemisations of letters that have to show how a debt came to be what it is (the validation notice of a collector)."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.domain.itemisations import Itemisation, itemisation_day, itemised
from app.domain.letters import LetterRefusedError
from app.domain.positions import replay
from app.persistence.queries.positions import load_ledgers
from app.services.positions import position_by
from app.services.terms import kernel_terms


def itemisations_of(
    session: Session, wanted: Iterable[tuple[Any, date]]
) -> dict[tuple[str, date], Itemisation | LetterRefusedError]:
    """Return (loan, day) -> its itemisation at the end of that day, or why there is none; two statements for all."""
    pairs = {(loan.id, on): loan for loan, on in wanted}
    ledgers = load_ledgers(session, {loan.id for loan in pairs.values()}) if pairs else {}
    found: dict[tuple[str, date], Itemisation | LetterRefusedError] = {}
    for (loan_id, on), loan in pairs.items():
        versions, entries = ledgers[loan_id]
        terms = kernel_terms(loan).terms
        try:
            since, basis = itemisation_day(loan.loan_no, entries, loan.disbursed_on, on)
            then, now = (
                position_by(replay(loan.principal_minor, versions, entries, day, None, terms), loan, day)
                for day in (since, on)
            )
            found[loan_id, on] = itemised(loan.loan_no, loan.currency, basis, then, now)
        except LetterRefusedError as refusal:
            found[loan_id, on] = refusal
    return found
