"""A funder's statement for a period: what stood at its beginning, what was passed on, what stood at its end; loan by loan.

closing = opening + moved - principal passed on - principal given up, to the unit, and what all holders of a loan have
outstanding at the end adds up to the loan's principal balance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.domain.errors import refused_at
from app.domain.splits import NOTHING, Split, total_of

LONGEST_PERIOD_DAYS = 366


@dataclass(frozen=True, slots=True)
class FunderLine:
    """One loan. Amounts are minor units of its currency."""

    loan_id: str
    loan_no: str
    currency: str
    opening_minor: int
    moved_minor: int
    """Funded, bought or sold: what is outstanding changed hands."""
    passed: Split
    service_fee_minor: int
    given_up_minor: int
    """Principal that the lender gave up or adjusted; nobody is paid for it."""
    closing_minor: int

    @property
    def net_minor(self) -> int:
        """What of the money passed on is the funder's."""
        return self.passed.total - self.service_fee_minor


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """All loans in one currency. `paid_out_minor`: in the period; `payable_minor`: at its end, negative: owed back.

    payable = payable before + passed - service fee - paid out.
    """

    currency: str
    opening_minor: int
    moved_minor: int
    passed: Split
    service_fee_minor: int
    given_up_minor: int
    closing_minor: int
    payable_before_minor: int
    """Before the first day."""
    paid_out_minor: int
    payable_minor: int


@dataclass(frozen=True, slots=True)
class FunderStatement:
    """The whole of it. Both days inclusive, as booked."""

    funder_no: str
    first: date
    last: date
    lines: Sequence[FunderLine]
    totals: Sequence[CurrencyTotal]


def check_period(first: date, last: date, today: date) -> None:
    """Refuse a period that cannot be stated. Raises ValidationError."""
    if last < first:
        raise refused_at("/query/to", "The period ends before it begins.")
    if last > today:
        raise refused_at("/query/to", "The period is not over; ask for it until today.")
    if (last - first).days >= LONGEST_PERIOD_DAYS:
        raise refused_at("/query/from", f"A statement is of {LONGEST_PERIOD_DAYS} days at most.")


def total_of_lines(
    currency: str, lines: Sequence[FunderLine], *, payable_before_minor: int, paid_out_minor: int, payable_minor: int
) -> CurrencyTotal:
    """Return the sum of lines in one currency."""
    return CurrencyTotal(
        currency,
        sum(line.opening_minor for line in lines),
        sum(line.moved_minor for line in lines),
        total_of([line.passed for line in lines]) if lines else NOTHING,
        sum(line.service_fee_minor for line in lines),
        sum(line.given_up_minor for line in lines),
        sum(line.closing_minor for line in lines),
        payable_before_minor,
        paid_out_minor,
        payable_minor,
    )
