"""Loans for the sample book: what was agreed, and how it has been paid until today. Exact in minor units."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from app.domain.plans import PlanRow
from app.domain.splits import Split


@dataclass(frozen=True, slots=True)
class Product:
    """One kind of loan. `days` None: every month on the same day, else every so many days."""

    name: str
    rows: tuple[int, ...]
    """The numbers of instalments there are."""
    days: int | None
    yearly_rate: Fraction
    principal: tuple[int, int]
    """From and to, in hundreds of the lender's `unit`."""


PRODUCTS = (
    Product("short-90", (3,), None, Fraction(18, 100), (2, 12)),
    Product("short-60", (2,), None, Fraction(20, 100), (1, 8)),
    Product("phone", (6, 9, 12), None, Fraction(12, 100), (5, 14)),
    Product("personal", (12, 18, 24, 36), None, Fraction(11, 100), (20, 180)),
    Product("weekly", (8, 12, 26), 7, Fraction(22, 100), (1, 10)),
)

LATENESS = (
    # share of loans, days late of the oldest unpaid row (from, to); None: paid as agreed
    (0.58, None),
    (0.12, (0, 0)),
    (0.12, (1, 29)),
    (0.06, (30, 59)),
    (0.05, (60, 89)),
    (0.04, (90, 160)),
    (0.03, (-60, -20)),  # ahead: the next rows are paid already
)


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment that was made: on which day, for which row, how much."""

    on: date
    row_no: int
    amount_minor: int


def due_dates(due_on: date, count: int, days: int | None, *, rows_before: int = 0) -> list[date]:
    """Return `count` due dates, of which the one after the first `rows_before` is `due_on`.

    Every `days` days, or monthly on the day of `due_on`; where a month is too short for that, on its last.
    """
    places = range(-rows_before, count - rows_before)
    if days is not None:
        return [due_on + timedelta(days=days * n) for n in places]
    return [_months_on(due_on, n) for n in places]


def _months_on(on: date, months: int) -> date:
    count = on.year * 12 + on.month - 1 + months
    following = date((count + 1) // 12, (count + 1) % 12 + 1, 1)
    return date(count // 12, count % 12 + 1, min(on.day, (following - timedelta(days=1)).day))


def level_plan(principal_minor: int, yearly_rate: Fraction, dates: Sequence[date], days: int | None) -> tuple[PlanRow, ...]:
    """Return equal instalments on these dates; the last row takes what rounding left over."""
    rate = yearly_rate * Fraction(days, 365) if days else yearly_rate / 12
    factor = (1 + rate) ** len(dates)
    instalment = _rounded(principal_minor * rate * factor / (factor - 1))
    balance, rows = principal_minor, []
    for number, due_on in enumerate(dates, 1):
        interest = _rounded(balance * rate)
        principal = balance if number == len(dates) else min(balance, instalment - interest)
        balance -= principal
        rows.append(PlanRow(number, due_on, Split(principal, interest)))
    return tuple(rows)


def paid_so_far(rows: Sequence[PlanRow], today: date, rng: random.Random) -> list[Paid]:
    """Return what was paid before today, by a payer of one habit drawn for this loan."""
    habit = rng.choices([span for _, span in LATENESS], [share for share, _ in LATENESS])[0]
    last_paid_due = today - timedelta(days=1)
    if habit is not None:
        wanted = today - timedelta(days=rng.randint(*habit))
        open_from = min((row.due_on for row in rows if row.due_on >= wanted), default=date.max)
        last_paid_due = open_from - timedelta(days=1)
    payments: list[Paid] = []
    for row in rows:
        if row.due_on > last_paid_due:
            break
        late = rng.choice((0, 0, 0, 0, 1, 2)) if row.due_on < today else -rng.randint(1, 5)
        payments.append(Paid(min(row.due_on + timedelta(days=late), today - timedelta(days=1)), row.row_no, row.due.total))
    if payments and rng.random() < 0.08 and len(payments) < len(rows):
        following = rows[len(payments)]
        payments.append(Paid(today - timedelta(days=1), following.row_no, following.due.total // 3))
    return payments


def _rounded(amount: Fraction) -> int:
    return int((Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(Decimal(1), ROUND_HALF_EVEN))
