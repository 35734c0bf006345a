"""A loan that asks more than its cap allows: flagged for a person, told to the borrower and to the lender's systems.

What is above the cap is not collected from the day it became known (`domain/ceilings.py`). What was paid above it before is
reckoned and shown to staff; it is set against principal or given back by a person, never by itself.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.caps import CN_SOURCE, OVER_CAP
from app.domain.plans import version_for
from app.domain.replay import allocate, terms_under
from app.domain.times import business_date
from app.persistence.models.loans import LoanRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.queries.loans import get_loan
from app.persistence.queries.positions import load_ledger
from app.persistence.unit_of_work import Work
from app.services.notices import tell_borrower
from app.services.positions import Loan
from app.services.tasks import NewTask, add_task, finish_task
from app.services.terms import kernel_terms
from app.services.webhook_events import announce
from app.wording.variables import Value

QUEUE = "compliance"
_BY = "engine:caps"
RECKONING = (
    "SPC provisions on private lending (2nd amendment of 2020), art. 25, 29; "
    "that it is set against principal first is recalled, unverified"
)
"""What becomes of what was paid above a cap, and how well that is known."""


@dataclass(frozen=True, slots=True)
class AboveCap:
    """What of a loan is above its cap, in minor units."""

    over_minor: int
    """All that was asked above it."""
    not_collected_minor: int
    """What of it is open no more."""
    paid_minor: int
    """What of it was paid, or kept back at the start: to be set against principal, or given back, by a person."""
    from_on: date | None
    """Since when nothing above the cap is collected; None where nothing is above it."""


def above_cap(session: Session, loan: Loan, today: date) -> AboveCap:
    """Return what of a loan is above its cap at the end of a day; two statements."""
    versions, entries = load_ledger(session, loan.id)
    version = version_for(versions, today, None)
    counting = [entry for entry in entries if entry.effective_on <= today]
    terms = terms_under(version, kernel_terms(loan).terms)
    account = allocate(version.rows if version else (), counting, terms)
    account.accrue(today)
    over, paid = account.over_cap_minor, account.paid_above_cap_minor
    return AboveCap(over, over - paid, paid, account.cut_on if over else None)


def follow(work: Work, loan_id: str, *, now: datetime) -> None:
    """Flag a loan that is over its cap, or take the flag back. The follow-up that calls this holds the agenda row."""
    loan = get_loan(work.session, loan_id)
    key = _key(loan)
    if not loan.over_cap_minor:
        finish_task(work, key, reason="it keeps its cap", by=_BY, now=now)
        return
    found = above_cap(work.session, loan, business_date(now, loan.zone))
    assert loan.cap is not None
    facts: dict[str, Any] = {
        "over_minor": found.over_minor,
        "paid_minor": found.paid_minor,
        "currency": loan.currency,
        "annual_rate": loan.cap["annual_rate"],
        "kept_from": loan.cap.get("kept_from"),
        "source": CN_SOURCE,
        "reckoning": RECKONING,
    }
    made = add_task(work, NewTask(key, loan.borrower_id, OVER_CAP, QUEUE, loan_id=loan.id, facts=facts), now=now)
    if not made.created:
        return
    audited = {"loan_id": loan.id, "over_minor": found.over_minor, "paid_minor": found.paid_minor}
    add_audit(work.session, at=now, actor=_BY, action="loan.over_cap", borrower_id=loan.borrower_id, facts=audited)
    data = {
        "loan_no": loan.loan_no,
        "borrower_no": find_borrower_nos(work.session, [loan.borrower_id])[loan.borrower_id],
        "amount": {"amount_minor": found.over_minor, "currency": loan.currency},
        "annual_rate": loan.cap["annual_rate"],
        "kept_from": loan.cap.get("kept_from"),
    }
    announce(work, loan.lender_id, "charges.over_cap.v1", data, now=now, borrower_id=loan.borrower_id)
    told: dict[str, Value] = {"amount": {loan.currency: found.over_minor}, "loan": loan.loan_no}
    tell_borrower(
        work, loan.borrower_id, "charges_over_cap", told, now=now, loan_id=loan.id, key=f"charges:{loan.id}:over_cap"
    )


def _key(loan: LoanRow) -> str:
    rate = None if loan.cap is None else loan.cap.get("annual_rate")
    return f"{OVER_CAP}/{loan.id}/{rate}"
