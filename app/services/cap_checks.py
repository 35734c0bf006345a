"""Whether what was charged on a loan until today keeps its cap: interest, fees and what lateness cost, taken together.

The plan as a whole is one check (`services/disclosures.py`); this is the other. The principal counts for the days on which
it was really outstanding. Source: SPC provisions on private lending (2nd amendment of 2020), art. 28 and 29.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from app.domain.account_rows import Allocation
from app.domain.caps import Cap, CapCheck, principal_days, within_cap
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import version_for
from app.domain.replay import Account, allocate, terms_under
from app.persistence.queries.positions import load_ledger
from app.services.positions import Loan
from app.services.terms import kernel_terms


@dataclass(frozen=True, slots=True)
class ToDate:
    """What was charged until the end of a day, in minor units, and what of a loan is above its cap in all."""

    charged_minor: int
    """Interest, fees and penalties fallen due by then, what lateness cost, and fees up front."""
    paid_minor: int
    """What of it was paid."""
    check: CapCheck
    over_minor: int
    """What the whole plan and its charges ask above the cap."""
    not_collected_minor: int
    paid_above_minor: int
    """What of that was paid before collecting it ended: for a person to set against principal, or to give back."""
    kept_from: date | None
    """Since when nothing above the cap is collected; None where nothing is above it."""
    stopped_minor: int
    """Interest that a law stopped, of rows due by then."""


def to_date(session: Session, loan: Loan, cap: Cap, fees_upfront_minor: int, today: date) -> ToDate:
    """Return what was charged on a loan by the end of a day against its cap; two statements."""
    versions, entries = load_ledger(session, loan.id)
    version = version_for(versions, today, None)
    counting = [entry for entry in entries if entry.effective_on <= today]
    terms = kernel_terms(loan).terms
    account = allocate(version.rows if version else (), counting, terms_under(version, terms))
    account.accrue(today)
    due = [row for row in account.rows if row.due_on <= today]
    charged = fees_upfront_minor + sum(sum(row.due[1:]) for row in due)
    paid = fees_upfront_minor + sum(sum(row.due[1:]) - sum(row.open[1:]) for row in due)
    check = CapCheck(None, None)
    if loan.principal_minor and loan.disbursed_on is not None and loan.disbursed_on <= today:
        advances = [(loan.disbursed_on, loan.principal_minor)]
        advances += [(each.on, each.amount_minor) for each in terms.paid_out_later if each.on <= today]
        back = [(loan.disbursed_on, fees_upfront_minor), *_principal_paid(account, counting)]
        back.append((today, sum(minor for _, minor in advances)))
        check = within_cap(cap, charged, principal_days(advances, back))
    over, paid_above = account.over_cap_minor, account.paid_above_cap_minor
    return ToDate(
        charged_minor=charged,
        paid_minor=paid,
        check=check,
        over_minor=over,
        not_collected_minor=over - paid_above,
        paid_above_minor=paid_above,
        kept_from=account.cut_on if over else None,
        stopped_minor=sum(row.stopped_minor for row in due),
    )


def _principal_paid(account: Account, entries: list[LedgerEntry]) -> list[tuple[date, int]]:
    """Return what of the principal came back, by day; a waiver of it is no payment, and lessens what is outstanding too."""
    on = {entry.entry_id: entry.effective_on for entry in entries if entry.kind is not EntryKind.CHARGE}
    by_day: dict[date, int] = defaultdict(int)
    allocation: Allocation
    for allocation in account.allocations:
        if allocation.split.principal and allocation.entry_id in on:
            by_day[on[allocation.entry_id]] += allocation.split.principal
    return sorted(by_day.items())
