"""A month's account from the month before and the position as kept, without the ledger: for loans to which little happened.

Most loans of a book were paid as agreed, or not at all, since the month before. What a report says of them follows from
three small things: what was told then, where the loan stands now, and this month's rows and money. It is the same to the
field as `credit_months.account_on(loan, as_of, previous)`, or None: then the ledger must be looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.domain.credit_accounts import CreditAccount, CreditConsumer, Standing
from app.domain.credit_histories import (
    DELINQUENT_DAYS,
    Delinquency,
    Step,
    days_at,
    five_grade,
    follow,
    late_rows,
    month_code,
    rolled,
    rolled_codes,
)
from app.domain.credit_months import owed_on
from app.domain.positions import Snapshot
from app.domain.terms import LoanTerms


@dataclass(frozen=True, slots=True)
class QuietLoan:
    """A loan of which no plan, charge, reversal or event came since the month before. Fields as in `CreditLoan`.

    `snapshot` is the position as kept; `due` are (due date, minor units) of the rows of its plan that fell due since, in
    order; `paid` are (day, minor units) of the money that came since, all of it by `as_of`.
    """

    lender_code: str
    loan_id: str
    loan_no: str
    borrower_id: str
    currency: str
    opened_on: date
    product: str
    original_minor: int
    consumer: CreditConsumer
    snapshot: Snapshot
    terms: LoanTerms
    unit_minor: int
    due: Sequence[tuple[date, int]] = ()
    paid: Sequence[tuple[date, int]] = ()
    is_secured: bool = False


def goes_on_plainly(previous: CreditAccount, as_of: date) -> bool:
    """Return whether what was told then needs no event to be told on: of the month just before, open, nothing else."""
    return (
        previous.as_of_on == as_of.replace(day=1) - timedelta(days=1)
        and previous.standing is Standing.OPEN
        and previous.was is Standing.OPEN
        and previous.lost_on is None
        and previous.closed_on is None
        and previous.charge_off_minor == 0
        and previous.arrangement is None
        and previous.holder_change is None
        and previous.number_change is None
        and not previous.is_sold_collateral
        and not previous.original_creditor
        and not previous.associated
    )


def stands_on(snapshot: Snapshot, as_of: date, terms: LoanTerms) -> bool:
    """Return whether the position as kept is that of the end of `as_of`: never where interest follows the balance or a law
    stops it, since then rows change without an entry."""
    last, until = snapshot.last_effective_on, snapshot.holds_until
    return (
        terms.contract is None
        and not terms.stopped.interest
        and snapshot.anchor_no > 0
        and (last is None or last <= as_of)
        and (until is None or until >= as_of)
    )


def continued(previous: CreditAccount, loan: QuietLoan, as_of: date) -> CreditAccount | None:
    """Return what a report says of the loan at the end of `as_of`; None: this is not enough to say it.

    `goes_on_plainly` and `stands_on` hold.
    """
    snapshot = loan.snapshot
    if snapshot.settled or loan.consumer.indicator:
        return None  # how it ended, or what its person went through, is told by days that only the ledger has
    last = snapshot.last_effective_on
    if last is not None and last > previous.as_of_on and all(day != last for day, _ in loan.paid):
        return None  # collecting what is above a cap ended in this month, say
    late = late_rows(snapshot, loan.unit_minor)
    first_open_on = late[0].due_on if late else None
    days = days_at(first_open_on, as_of)
    first = _first(previous, first_open_on, days, as_of, has_paid=bool(loan.paid))
    if first is None:
        return None
    due_minor = sum(minor for _, minor in loan.due)
    told: dict[str, Any] = owed_on(snapshot, as_of, loan.terms, loan.unit_minor)
    code = month_code(Standing.OPEN, days, is_due=due_minor > 0)
    paid_on = [day for day, _ in loan.paid]
    if previous.last_paid_on is not None:
        paid_on.append(previous.last_paid_on)
    return CreditAccount(
        lender_code=loan.lender_code,
        loan_id=loan.loan_id,
        borrower_id=loan.borrower_id,
        loan_no=loan.loan_no,
        currency=loan.currency,
        as_of_on=as_of,
        opened_on=loan.opened_on,
        product=loan.product,
        original_minor=loan.original_minor,
        terms=previous.terms,
        consumer=loan.consumer,
        frequency=previous.frequency,
        ends_on=previous.ends_on,
        scheduled_minor=previous.scheduled_minor,
        due_minor=due_minor,
        due_on=loan.due[-1][0] if loan.due else None,
        paid_minor=sum(minor for _, minor in loan.paid),
        last_paid_on=max(paid_on, default=None),
        days_past_due=days,
        terms_left=previous.terms_left - len(loan.due),
        first_delinquent_on=first.first_on,
        set_aside_on=first.set_aside_on,
        to_make_good_minor=first.to_make_good_minor,
        history=rolled(previous, as_of),
        month_codes=rolled_codes(previous, as_of, code),
        five_grade=five_grade(Standing.OPEN, days),
        is_secured=loan.is_secured,
        **told,
    )


def _first(
    previous: CreditAccount, first_open_on: date | None, days: int, as_of: date, *, has_paid: bool
) -> Delinquency | None:
    """Return the first delinquency at the end of `as_of`; None: it depends on the days between."""
    before = Delinquency(previous.first_delinquent_on, previous.set_aside_on, previous.to_make_good_minor)
    if not has_paid:
        return follow(before, [Step(previous.as_of_on, first_open_on)], as_of)
    if days < DELINQUENT_DAYS and before.set_aside_on is None and not before.to_make_good_minor:
        # By money alone it is under 30 days: whatever began before, or in between, that ended it.
        return Delinquency()
    return None
