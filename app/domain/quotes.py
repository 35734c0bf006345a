"""What it takes to pay a loan off on a day, and what paying more than is due would change.

A quote is not a formula beside the ledger: it is what the ledger would do with that money on that day. So paying the payoff
quote on its day closes the loan to zero, by construction. Source: the defects that came of two formulas, apache/fineract
4771, 4798, 5360 (study: loan servicing §1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.domain.allocation import Component, Surplus
from app.domain.errors import ConflictError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow
from app.domain.replay import Account, allocate
from app.domain.splits import NOTHING, Split
from app.domain.terms import PLAIN, EarlySettlement, LoanTerms

MORE_THAN_ENOUGH_MINOR = 10**18
LONGEST_DAYS = 31
"""How many days ahead a quote looks for the day its amount changes."""
_PAYMENT = "\uffff"
LAST_OF_DAY = datetime.max.replace(tzinfo=UTC)
"""The payment asked about comes after everything else of its day."""


@dataclass(frozen=True, slots=True)
class PayoffQuote:
    """What closes the loan at the end of `on`. Minor units."""

    on: date
    owed: Split
    """By component, none below zero: interest paid ahead that will not be earned is set against principal."""
    overpaid_minor: int
    """What was paid over before, and will be given back or set off; not taken off `owed`."""
    saved_interest_minor: int
    """Interest of the plan that need not be paid because the loan ends early."""
    per_diem: Split
    """What the next day adds, by component."""
    expires_on: date
    """Last day on which this very amount closes the loan."""

    @property
    def total_minor(self) -> int:
        """The amount to pay."""
        return self.owed.total


@dataclass(frozen=True, slots=True)
class PrepaymentChoice:
    """What the rest of the loan looks like when money that is more than what is due goes one way."""

    surplus: Surplus
    instalments_left: int
    next_due_on: date | None
    next_due_minor: int
    last_due_on: date | None
    interest_left_minor: int
    saved_interest_minor: int
    """Less interest than without the payment, over the rest of the loan."""
    unapplied_minor: int


def pay_off(
    rows: Sequence[PlanRow], entries: Sequence[LedgerEntry], on: date, terms: LoanTerms = PLAIN
) -> tuple[Split, Account]:
    """Return what closes the loan on that day, and the account after paying it. Entries after the day do not count."""
    owed, left_minor = NOTHING, 0
    after = _with_payment(rows, entries, MORE_THAN_ENOUGH_MINOR, on, terms)
    for allocation in after.allocations:
        if allocation.entry_id == _PAYMENT:
            owed = owed.plus(allocation.split)
            left_minor += allocation.unapplied_minor
    # Money given back that was never received is owed beside the rows (`never_below_zero`).
    return owed.plus(Split(max(left_minor - after.unapplied_minor, 0))), after


def payoff_quote(rows: Sequence[PlanRow], entries: Sequence[LedgerEntry], on: date, terms: LoanTerms = PLAIN) -> PayoffQuote:
    """Return the payoff quote for a day. Entries after it do not count."""
    split, _ = pay_off(rows, entries, on, terms)
    owed = _none_below_zero(split)
    before = _until(rows, entries, on, terms)
    tomorrow, expires_on = owed, on + timedelta(days=LONGEST_DAYS)
    if _moves_daily(terms):
        for ahead in range(1, LONGEST_DAYS + 1):
            later = _none_below_zero(pay_off(rows, entries, on + timedelta(days=ahead), terms)[0])
            tomorrow = later if ahead == 1 else tomorrow
            if later != owed:
                expires_on = on + timedelta(days=ahead - 1)
                break
    planned = sum(row.open[1] for row in before.rows)
    return PayoffQuote(
        on=on,
        owed=owed,
        overpaid_minor=max(before.unapplied_minor, 0),
        saved_interest_minor=max(planned - split.interest, 0),
        per_diem=tomorrow.minus(owed),
        expires_on=expires_on,
    )


def _none_below_zero(split: Split) -> Split:
    """Set what comes back of interest against the other components; the total stays."""
    back, found = max(-split.interest, 0), [*split._replace(interest=max(split.interest, 0))]
    for component in (Component.PRINCIPAL, Component.FEES, Component.PENALTIES):
        part = min(found[component], back)
        found[component] -= part
        back -= part
    return Split(*found)


def check_quotable(
    principal_balance_minor: int,
    rows: Sequence[PlanRow],
    entries: Sequence[LedgerEntry],
    on: date,
    terms: LoanTerms = PLAIN,
) -> None:
    """Refuse a quote where the rows are not all that is owed: paying them would leave a balance, or pay too much.

    Raises ConflictError.
    """
    if terms.to_be_paid_out_minor(on):
        raise ConflictError("Parts of the loan are still to be paid out, so no amount can be quoted; ask the lender.")
    account = _until(rows, entries, on, terms)
    given_back_minor = max(-account.unapplied_minor, 0)
    if sum(row.open[0] for row in account.rows) + given_back_minor != principal_balance_minor:
        raise ConflictError(
            "The plan's rows do not add up to the principal owed, so no amount can be quoted; ask the lender."
        )


def prepayment_choices(
    rows: Sequence[PlanRow], entries: Sequence[LedgerEntry], amount_minor: int, on: date, terms: LoanTerms = PLAIN
) -> tuple[PrepaymentChoice, ...]:
    """Return what paying `amount_minor` on that day would leave, for each way its surplus can go."""
    before = _until(rows, entries, on, terms)
    planned = sum(row.open[1] for row in before.rows)
    choices: list[PrepaymentChoice] = []
    for surplus in Surplus:
        after = _with_payment(rows, entries, amount_minor, on, terms, surplus)
        paid = sum(a.split.interest for a in after.allocations if a.entry_id == _PAYMENT)
        left = [row for row in after.rows if sum(row.open) > 0]
        ahead = [row for row in left if row.due_on > on]
        interest = sum(row.open[1] for row in left)
        choices.append(
            PrepaymentChoice(
                surplus=surplus,
                instalments_left=len(left),
                next_due_on=ahead[0].due_on if ahead else None,
                next_due_minor=sum(ahead[0].open) if ahead else 0,
                last_due_on=left[-1].due_on if left else None,
                interest_left_minor=interest,
                saved_interest_minor=max(planned - paid - interest, 0),
                unapplied_minor=after.unapplied_minor - before.unapplied_minor,
            )
        )
    return tuple(choices)


def _moves_daily(terms: LoanTerms) -> bool:
    """Whether what closes the loan can change from one day to the next without anything happening."""
    as_planned = terms.early_settlement is EarlySettlement.AS_PLANNED
    return terms.late is not None or terms.contract is not None or not as_planned


def _until(rows: Sequence[PlanRow], entries: Sequence[LedgerEntry], on: date, terms: LoanTerms) -> Account:
    account = allocate(rows, [entry for entry in entries if entry.effective_on <= on], terms)
    account.accrue(on)
    return account


def _with_payment(
    rows: Sequence[PlanRow],
    entries: Sequence[LedgerEntry],
    amount_minor: int,
    on: date,
    terms: LoanTerms,
    surplus: Surplus | None = None,
) -> Account:
    payment = LedgerEntry(_PAYMENT, EntryKind.REPAYMENT, amount_minor, on, LAST_OF_DAY, surplus=surplus)
    return allocate(rows, [*(entry for entry in entries if entry.effective_on <= on), payment], terms)
