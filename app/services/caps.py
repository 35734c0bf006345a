"""Caps of loans whose rate was not on record: looked up again once a newer table is."""

from dataclasses import dataclass
from datetime import datetime

from app.persistence.models.lenders import LenderRow
from app.persistence.queries.loans import page_loans, set_loans
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.positions import rebuild_positions
from app.services.terms import cap_at_signing


@dataclass(frozen=True, slots=True)
class CapsLookedUp:
    """How many loans had a cap that may bind and was not known, and of how many it is known now."""

    unknown: int
    found: int


def look_up_caps(work: Work, lender: LenderRow, *, now: datetime, page: int = 300) -> CapsLookedUp:
    """Look the unknown caps of a lender's loans up in the table in use; overdue interest is then charged up to the cap."""
    unknown = found = 0
    after = ""
    while loans := page_loans(work.session, lender_id=lender.id, after=after, limit=page):
        after = loans[-1].id
        loans = [loan for loan in loans if loan.cap and loan.cap["may_bind"]]
        unknown += len(loans)
        changed = [
            (loan, cap) for loan in loans if (cap := cap_at_signing(loan.contract, loan.disbursed_on, lender)) != loan.cap
        ]
        found += sum(not cap["may_bind"] for _, cap in changed)
        agenda.touch(work, {loan.borrower_id for loan, _ in changed}, now=now)
        set_loans(work.session, [{"id": loan.id, "cap": cap, "version": loan.version + 1} for loan, cap in changed])
        rebuild_positions(work, [loan.id for loan, _ in changed])
    return CapsLookedUp(unknown, found)
