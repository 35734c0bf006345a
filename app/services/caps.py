"""Caps of loans: what each is under, for many at once, and looked up again once a newer table of rates is known."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.domain.caps import OVER_CAP, UNKNOWN
from app.domain.times import business_date
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.caps import find_caps
from app.persistence.queries.follow_ups import put_follow_ups
from app.persistence.queries.loans import page_loans, set_loans
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.positions import rebuild_positions
from app.services.terms import cap_at_signing


@dataclass(frozen=True, slots=True)
class CapState:
    """The cap of one loan as stored with it, and whether the loan keeps it."""

    loan_id: str
    status: str
    """applies, outside, or unknown (domain/caps.py)."""
    code: str | None
    """Why, one of `domain.caps.CODES`; None: it was never looked at."""
    annual_rate: Decimal | None
    """A fraction; present where the cap applies."""
    may_bind: bool
    """A cap may govern and its figure is missing: no letter and no report that needs the cap may leave."""
    over_cap_minor: int
    """What is asked for above the cap and not collected; 0 where the cap is kept or not known."""

    @property
    def is_unknown(self) -> bool:
        """Whether what needs the cap must wait until it is known."""
        return self.may_bind or self.code is None

    @property
    def is_kept(self) -> bool | None:
        """Whether nothing is above the cap; None: no cap is known to apply."""
        return self.over_cap_minor == 0 if self.annual_rate is not None else None


def cap_states(session: Session, loan_ids: Collection[str]) -> Mapping[str, CapState]:
    """Return the cap of each loan by its id; a statement for each 500 loans."""
    return {
        row.id: CapState(row.id, *_stored(row.cap), over_cap_minor=row.over_cap_minor)
        for row in find_caps(session, loan_ids)
    }


def _stored(cap: Mapping[str, Any] | None) -> tuple[str, str | None, Decimal | None, bool]:
    if cap is None:
        return UNKNOWN, None, None, False
    rate = cap["annual_rate"]
    return cap["status"], cap["code"], None if rate is None else Decimal(rate), bool(cap["may_bind"])


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
        loans = [loan for loan in loans if not _is_settled(loan.cap)]
        unknown += sum(loan.cap is None or loan.cap["may_bind"] for loan in loans)
        changed = [(loan, cap) for loan in loans if (cap := _looked_up(loan, lender, now)) != loan.cap]
        found += sum((loan.cap is None or loan.cap["may_bind"]) and not cap["may_bind"] for loan, cap in changed)
        was_unknown = {loan.id: loan.borrower_id for loan, _ in changed if loan.cap is None or loan.cap["may_bind"]}
        agenda.touch(work, {loan.borrower_id for loan, _ in changed}, now=now)
        set_loans(
            work.session,
            [
                {"id": loan.id, "cap": cap, "cap_unknown": cap["may_bind"], "version": loan.version + 1}
                for loan, cap in changed
            ],
        )
        rebuild_positions(work, [loan.id for loan, _ in changed])
        put_follow_ups(work.session, OVER_CAP, was_unknown, at=now)
    return CapsLookedUp(unknown, found)


def _is_settled(cap: Mapping[str, Any] | None) -> bool:
    """Whether nothing is to be found out: it is known, and so is from which day on it is kept."""
    return cap is not None and not cap["may_bind"] and (cap["annual_rate"] is None or bool(cap.get("kept_from")))


def _looked_up(loan: LoanRow, lender: LenderRow, now: datetime) -> dict[str, Any]:
    return cap_at_signing(loan.contract, loan.disbursed_on, lender, today=business_date(now, loan.zone), before=loan.cap)
