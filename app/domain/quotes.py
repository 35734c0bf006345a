"""What it takes to pay a loan off on a day: by component, with what each further day costs and until when it stands.

A quote is not a formula beside the ledger: it is what the ledger would do with more than enough money on that day. So paying
the quote on its day closes the loan to zero, by construction. Source: the defects that came of two formulas, apache/fineract
4771, 4798, 5360 (study: loan servicing §1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow
from app.domain.replay import Account, allocate
from app.domain.splits import NOTHING, Split
from app.domain.terms import PLAIN, LoanTerms

MORE_THAN_ENOUGH_MINOR = 10**18
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PayoffQuote:
    """What closes the loan at the end of `on`. Minor units. `per_diem` is what the next day adds, by component."""

    on: date
    owed: Split
    overpaid_minor: int
    """What was paid over before, and will be given back or set off; not taken off `owed`."""
    saved_interest_minor: int
    """Interest of the plan that need not be paid because the loan ends early."""
    per_diem: Split
    expires_on: date
    """Last day on which this very amount closes the loan."""

    @property
    def total_minor(self) -> int:
        """The amount to pay."""
        return self.owed.total


def pay_off(
    rows: Sequence[PlanRow], entries: Sequence[LedgerEntry], on: date, terms: LoanTerms = PLAIN
) -> tuple[Split, Account, Account]:
    """Return what closes the loan on that day, and the account before and after paying it."""
    counting = [entry for entry in entries if entry.effective_on <= on]
    before = allocate(rows, counting, terms)
    before.accrue(on)
    payment = LedgerEntry("\uffff", EntryKind.REPAYMENT, MORE_THAN_ENOUGH_MINOR, on, _LAST)
    after = allocate(rows, [*counting, payment], terms)
    owed = NOTHING
    for allocation in after.allocations:
        if allocation.entry_id == payment.entry_id:
            owed = owed.plus(allocation.split)
    return owed, before, after


def payoff_quote(rows: Sequence[PlanRow], entries: Sequence[LedgerEntry], on: date, terms: LoanTerms = PLAIN) -> PayoffQuote:
    """Return the payoff quote for a day. Entries after it do not count."""
    owed, before, _ = pay_off(rows, entries, on, terms)
    expires_on, tomorrow = on, owed
    for ahead in range(1, 32):
        later, _, _ = pay_off(rows, entries, on + timedelta(days=ahead), terms)
        tomorrow = later if ahead == 1 else tomorrow
        if later != owed:
            break
        expires_on = on + timedelta(days=ahead)
    planned = sum(row.open[1] for row in before.rows)
    return PayoffQuote(
        on=on,
        owed=owed,
        overpaid_minor=before.unapplied_minor,
        saved_interest_minor=max(planned - owed.interest, 0),
        per_diem=tomorrow.minus(owed),
        expires_on=expires_on,
    )
