"""What lateness costs: overdue interest and late fees on a row, for any day, without a job.

The charge on a row is a function of how much stood open for how long. It is kept as whole products of minor units and days,
so it is rounded once however many payments lie between, and a snapshot can carry it on to any later day. Overdue interest
bears no interest itself. Where the law caps the sum of interest, overdue interest and fees (PRC private lending provisions
art. 25, 28, 29), a row's late charges together stay within the cap on its overdue principal. Study: loan servicing §2.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from app.domain.rounding import Rounding, divide
from app.domain.stops import NOT_STOPPED, Stopped, days_within, is_within


class LateBase(StrEnum):
    """What overdue interest or a percentage is taken of."""

    PRINCIPAL = "principal"
    PRINCIPAL_AND_INTEREST = "principal_and_interest"

    def of(self, open_minor: Sequence[int]) -> int:
        """Return the base in minor units, of what is open by component."""
        return open_minor[0] + (open_minor[1] if self is LateBase.PRINCIPAL_AND_INTEREST else 0)


@dataclass(frozen=True, slots=True)
class LateTerms:
    """What a contract charges for lateness. Rates are fractions of one; `annual_rate` runs on days / `year_days`.

    Within `grace_days` after the due date nothing is charged. After them days count from the due date (`from_due`), or only
    those beyond the grace. A late fee is levied once a row, when it is open more than `fee_after_days` days late; penalties
    alone make no row late.
    """

    annual_rate: Fraction = Fraction(0)
    base: LateBase = LateBase.PRINCIPAL
    grace_days: int = 0
    from_due: bool = True
    year_days: int = 365
    fee_minor: int = 0
    fee_share: Fraction = Fraction(0)
    fee_base: LateBase = LateBase.PRINCIPAL
    fee_after_days: int = 0
    cap_rate: Fraction | None = None
    """Most that all late charges of a row may come to, a year of 365 days, of its overdue principal; None: no cap."""
    rounding: Rounding = Rounding.HALF_EVEN
    stopped: Stopped = NOT_STOPPED
    """Days for which the law stops overdue interest, and on which no late fee comes to be owed."""

    @property
    def fee_named(self) -> bool:
        """Whether there is a late fee."""
        return bool(self.fee_minor or self.fee_share)


class Lateness(NamedTuple):
    """How late a row is, in products of minor units and days, and what was charged for it so far (minor units)."""

    base_days: int = 0
    principal_days: int = 0
    fee_minor: int = 0
    charged_minor: int = 0


ON_TIME = Lateness()


def late_interest(base_days: int | Fraction, terms: LateTerms) -> Fraction:
    """Return overdue interest, unrounded, for a product of base (minor units) and days."""
    return Fraction(base_days) * terms.annual_rate / terms.year_days


def days_charged(days_late: int, terms: LateTerms) -> int:
    """Return for how many days overdue interest is charged when a row is `days_late` days late."""
    if days_late <= terms.grace_days:
        return 0
    return days_late if terms.from_due else days_late - terms.grace_days


def advance(late: Lateness, open_minor: Sequence[int], due_on: date, since: date, until: date, terms: LateTerms) -> Lateness:
    """Return a row's lateness at the end of `until`, when `open_minor` stood open from `since` on; both after `due_on`.

    `charged_minor` of the result is the whole charge up to then; it never falls.
    """
    days_late = (until - due_on).days
    if days_late <= 0:
        return late
    since_late = max((since - due_on).days, 0)
    base_days, principal_days, fee, charged = late
    counted = days_late - since_late
    principal_days += open_minor[0] * counted
    if terms.annual_rate:
        begin = since_late if terms.from_due else max(since_late, terms.grace_days)
        bearing = max(days_late - begin, 0)
        if bearing and terms.stopped.interest:
            bearing -= days_within(terms.stopped.interest, due_on + timedelta(days=begin), until)
        base_days += terms.base.of(open_minor) * bearing
    if (
        terms.fee_named
        and not fee
        and days_late > terms.fee_after_days
        and sum(open_minor[:3]) > 0
        and not is_within(terms.stopped.charges, due_on + timedelta(days=terms.fee_after_days + 1))
    ):
        share = terms.fee_share * terms.fee_base.of(open_minor)
        fee = terms.fee_minor + divide(share.numerator, share.denominator, terms.rounding)
    total = fee
    if base_days and days_late > terms.grace_days:
        rate = terms.annual_rate
        total += divide(base_days * rate.numerator, rate.denominator * terms.year_days, terms.rounding)
    if terms.cap_rate is not None:
        total = min(total, principal_days * terms.cap_rate.numerator // (terms.cap_rate.denominator * 365))
    return Lateness(base_days, principal_days, fee, max(charged, total))
