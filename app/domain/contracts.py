"""A loan's contract: everything from which its plan follows. Nothing about a loan is a constant in code.

A contract is stored with the loan as a JSON object; `contract_from` reads it and names every field that cannot be true.
Imported plans are kept as given whatever their contract says; a contract without a plan gets one (`amortisation.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from app.domain.calendars import BusinessDayRule
from app.domain.charges import Fee
from app.domain.day_counts import DayCount
from app.domain.errors import ValidationError, refused_at
from app.domain.periods import MONTHLY, DayOfMonth, Frequency
from app.domain.rounding import Rounding


class Method(StrEnum):
    """How principal is paid back."""

    EQUAL_INSTALMENT = "equal_instalment"
    """等额本息: one level amount, interest on the declining balance."""
    EQUAL_PRINCIPAL = "equal_principal"
    """等额本金: one level principal, interest on the declining balance."""
    FLAT = "flat"
    """Interest on the first balance throughout, both spread evenly."""
    INTEREST_ONLY = "interest_only"
    """先息后本: interest in every row, principal in the last."""
    SINGLE_PAYMENT = "single_payment"
    """One row with everything."""
    FIXED_INSTALMENT = "fixed_instalment"
    """The instalment is given, the number of rows follows."""


class Remainder(StrEnum):
    """Which row takes what rounding leaves."""

    LAST = "last"
    FIRST = "first"


class Prepayment(StrEnum):
    """What money paid before it is due does to the rows that follow, on a loan with interest on the actual balance."""

    REDUCE_INSTALMENT = "reduce_instalment"
    """The same number of rows, each smaller."""
    REDUCE_TERM = "reduce_term"
    """The same instalment, fewer rows."""
    PAY_AHEAD = "pay_ahead"
    """The next instalments shrink until the plan has caught up; interest still falls due in each."""
    NEXT_ROWS = "next_rows"
    """The next rows are paid in advance, as they stand; the last one shrinks by the interest saved."""


@dataclass(frozen=True, slots=True)
class Disbursement:
    """A part of the principal paid out after the start of the loan."""

    on: date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class RateChange:
    """From that day on (inclusive), interest runs at another annual rate."""

    on: date
    annual_rate: Fraction


@dataclass(frozen=True, slots=True)
class Contract:
    """The terms. Rates are fractions of one a year (0.154 for 15.4 %); amounts are minor units; counts are of rows.

    `principal_minor` is paid out on `starts_on`; `disbursements` come on top (with no principal, they are all there is).
    `first_due_on` None: one period later.
    `instalment_minor` fixes the instalment instead of having it worked out. The number of rows is contractual, except for
    a fixed instalment, where it follows.
    """

    method: Method
    principal_minor: int
    starts_on: date
    instalments: int
    annual_rate: Fraction = Fraction(0)
    frequency: Frequency = MONTHLY
    first_due_on: date | None = None
    due_dates: tuple[date, ...] = ()
    """Due dates agreed one by one, instead of a frequency's; under 30/360 each row counts as one whole period."""
    day_of_month: DayOfMonth = DayOfMonth.SAME
    business_day_rule: BusinessDayRule = BusinessDayRule.NONE
    day_count: DayCount = DayCount.THIRTY_360
    rounding: Rounding = Rounding.HALF_EVEN
    """Of interest and of parts; the instalment's own is `instalment_rounding`."""
    instalment_rounding: Rounding = Rounding.HALF_EVEN
    instalment_multiple_minor: int = 1
    instalment_minor: int | None = None
    level_by_nominal_days: bool = False
    """Work the level instalment out as if every month had 30 days, though interest counts the days there are."""
    remainder: Remainder = Remainder.LAST
    even_out: bool = False
    """Spread the last row's difference over all rows once, when it is more than half a minor unit a row."""
    principal_grace: int = 0
    """Rows at the start without principal."""
    interest_grace: int = 0
    """Rows at the start whose interest falls due in the first row after them; deferred, not forgiven."""
    interest_free: int = 0
    """Rows at the start that bear no interest at all."""
    down_payment: Fraction = Fraction(0)
    """Share of each disbursement that falls due on its day."""
    disbursements: tuple[Disbursement, ...] = ()
    rate_changes: tuple[RateChange, ...] = ()
    fees: tuple[Fee, ...] = ()
    on_actual_balance: bool = False
    """Interest follows what is really owed each day, so late money costs more and early money less."""
    whole_periods: bool = False
    """On the actual balance: money paid inside a period counts from the next one, and a payoff pays the period out."""
    prepayment: Prepayment = Prepayment.REDUCE_INSTALMENT

    @property
    def lent_minor(self) -> int:
        """All that is lent, what is paid out later included."""
        return self.principal_minor + sum(each.amount_minor for each in self.disbursements)

    @property
    def down_payment_days(self) -> tuple[date, ...]:
        """The days on which down payments fall due, one for each payout."""
        return (self.starts_on, *(each.on for each in self.disbursements)) if self.down_payment else ()

    @property
    def rows_with_principal(self) -> int:
        """How many rows pay principal back."""
        return self.instalments - self.principal_grace


def refused(term: str, detail: str) -> ValidationError:
    """Return the refusal of a contract, with the place of the term to change, under the name it is stored by."""
    return refused_at(f"/contract/{term}", detail)


Terms = Mapping[str, object]
"""A contract as stored: the JSON object of `loans.contract`."""
