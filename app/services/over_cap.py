"""A loan that asks more than its cap allows, or whose cap is not known: a task for a person once money of it is due.

What is over a cap is told to the borrower and to the lender's systems at once; both are listed whether money is due or not.
What is above the cap is not collected from the day it became known (`domain/ceilings.py`). What was paid above it before is
reckoned and shown to staff; it is set against principal or given back by a person, never by itself.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.domain.caps import CAP_UNKNOWN, CN_SOURCE, OVER_CAP
from app.domain.law.questions import start_of_day
from app.domain.plans import version_for
from app.domain.replay import allocate, terms_under
from app.domain.times import business_date
from app.persistence.models.loans import LoanRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.queries.loans import get_loan
from app.persistence.queries.notices import find_notice
from app.persistence.queries.positions import load_ledger
from app.persistence.unit_of_work import Work
from app.services.follow_ups import follow_up_at
from app.services.notices import tell_borrower
from app.services.positions import Loan, position_of
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
    """Make a loan's task, once while money of it is due, or take it back. Whoever calls holds the agenda row.

    Where nothing is due yet, it is looked at again on the day on which something falls due.
    """
    loan = get_loan(work.session, loan_id)
    today = business_date(now, loan.zone)
    is_unknown = bool(loan.cap and loan.cap.get("may_bind"))
    if not loan.over_cap_minor:
        finish_task(work, _key(OVER_CAP, loan), reason="it keeps its cap", by=_BY, now=now)
    if not is_unknown:
        finish_task(work, _key(CAP_UNKNOWN, loan), reason="its cap is known", by=_BY, now=now)
    if not loan.over_cap_minor and not is_unknown:
        return
    found = above_cap(work.session, loan, today) if loan.over_cap_minor else None
    if found is not None:
        _tell_once(work, loan, found, now)
    position = position_of(work.session, loan, today)
    if loan.status == "active" and position.due_to_date.total > 0:
        task = _unknown(loan) if found is None else _over(loan, found)
        add_task(work, task, now=now)
    elif loan.status == "active" and position.next_due_on is not None:
        due_on = max(position.next_due_on, today + timedelta(days=1))
        follow_up_at(work, OVER_CAP, loan.id, loan.borrower_id, at=start_of_day(due_on, loan.zone))


def _unknown(loan: LoanRow) -> NewTask:
    assert loan.cap is not None
    facts = {"code": loan.cap["code"], "currency": loan.currency}
    return NewTask(_key(CAP_UNKNOWN, loan), loan.borrower_id, CAP_UNKNOWN, QUEUE, loan_id=loan.id, facts=facts)


def _over(loan: LoanRow, found: AboveCap) -> NewTask:
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
    return NewTask(_key(OVER_CAP, loan), loan.borrower_id, OVER_CAP, QUEUE, loan_id=loan.id, facts=facts)


def _tell_once(work: Work, loan: LoanRow, found: AboveCap, now: datetime) -> None:
    assert loan.cap is not None
    key = f"charges:{loan.id}:over_cap"
    if find_notice(work.session, loan.borrower_id, key) is not None:
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
    tell_borrower(work, loan.borrower_id, "charges_over_cap", told, now=now, loan_id=loan.id, key=key)


def _key(kind: str, loan: LoanRow) -> str:
    return f"{kind}/{loan.id}"
