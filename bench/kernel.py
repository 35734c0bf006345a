"""What the kernel costs beside a plain Decimal loop that does only the arithmetic: a 360-row plan, and a position.

The baselines do what anyone would write by hand with `decimal`: interest, principal and balance of each row, rounded to the
cent; and each payment spread over the rows in order. No dates, no day counts, no components but two, no values made. So they
are a floor that no kernel with a contract can be under for long.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from app.domain.allocation import STRATEGIES
from app.domain.amortisation import plan_rows
from app.domain.contracts import Contract, Method
from app.domain.day_counts import DayCount
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanVersion
from app.domain.positions import position_at, replay
from app.domain.replay import allocate
from app.domain.terms import LoanTerms

ROWS, ENTRIES = 360, 200
START = date(2020, 1, 15)
AT = datetime(2020, 1, 15, tzinfo=UTC)
CENT = Decimal("0.01")
CONTRACT = Contract(Method.EQUAL_INSTALMENT, 63_000_000, START, ROWS, Fraction(49, 1000))


def decimal_plan() -> list[tuple[Decimal, Decimal, Decimal]]:
    """Return (interest, principal, balance) of each row."""
    balance, rate = Decimal("630000.00"), Decimal("0.049") / 12
    growth = (1 + rate) ** ROWS
    level = (balance * rate * growth / (growth - 1)).quantize(CENT, ROUND_HALF_EVEN)
    rows = []
    for number in range(ROWS):
        interest = (balance * rate).quantize(CENT, ROUND_HALF_EVEN)
        principal = level - interest if number < ROWS - 1 else balance
        balance -= principal
        rows.append((interest, principal, balance))
    return rows


def decimal_position(rows: list[tuple[Decimal, Decimal, Decimal]], amounts: list[Decimal], count: int) -> Decimal:
    """Spread `count` payments over the rows, interest before principal; return what is still open."""
    still = [[interest, principal] for interest, principal, _ in rows]
    nothing = Decimal(0)
    first = 0
    for amount in amounts[:count]:
        left = amount
        while left and first < len(still):
            row = still[first]
            for part in (0, 1):
                taken = min(left, row[part])
                row[part] -= taken
                left -= taken
            if row[0] or row[1]:
                break
            first += 1
    return sum((row[0] + row[1] for row in still), nothing)


def micros(act: Callable[[], object], times: int) -> float:
    """Return the median time of one call in microseconds, over five runs."""
    runs = []
    for _ in range(5):
        begun = time.process_time()
        for _ in range(times):
            act()
        runs.append((time.process_time() - begun) / times * 1e6)
    return statistics.median(runs)


def entries_of(amounts: list[int]) -> list[LedgerEntry]:
    """Return one payment each fortnight."""
    return [
        LedgerEntry(f"{n:05}", EntryKind.REPAYMENT, amount, START + timedelta(days=14 * n), AT + timedelta(days=14 * n))
        for n, amount in enumerate(amounts, start=1)
    ]


def main() -> None:
    """Measure, print figures and ratios with their limits."""
    rows = plan_rows(CONTRACT)
    by_hand = decimal_plan()
    assert [row.due.interest for row in rows] == [int(row[0] * 100) for row in by_hand]
    amounts = [150_000 + 1_000 * (n % 7) for n in range(400)]
    decimals = [Decimal(amount).scaleb(-2) for amount in amounts]
    versions = [PlanVersion(1, rows, AT)]
    ledger = entries_of(amounts)
    as_of = date(2036, 1, 1)

    def position(count: int) -> object:
        return position_at(replay(CONTRACT.principal_minor, versions, ledger[:count], as_of), as_of)

    found = position_at(replay(CONTRACT.principal_minor, versions, ledger[:ENTRIES], as_of), as_of)
    assert sum(amounts[:ENTRIES]) + int(decimal_position(by_hand, decimals, ENTRIES) * 100) == sum(r.due.total for r in rows)
    assert found.unapplied_minor == 0
    plan_us, plan_base = micros(lambda: plan_rows(CONTRACT), 100), micros(decimal_plan, 100)
    daily = Contract(Method.EQUAL_INSTALMENT, 63_000_000, START, ROWS, Fraction(49, 1000), day_count=DayCount.ACTUAL_365)
    position_us = micros(lambda: position(ENTRIES), 50)
    position_base = micros(lambda: decimal_position(by_hand, decimals, ENTRIES), 50)
    by_law = LoanTerms(STRATEGIES["cn-civil-code-561"])
    played = {n: micros(lambda n=n: allocate(rows, ledger[:n], by_law), 25) for n in (100, 200, 400)}  # type: ignore[misc]
    print(f"figure plan_360_rows {plan_us:.0f} us")
    print(f"figure plan_360_rows_actual_365 {micros(lambda: plan_rows(daily), 100):.0f} us")
    print(f"ratio plan_to_decimal_loop {plan_us / plan_base:.2f} x aim 1.2")
    print(f"figure position_360_rows_200_entries {position_us:.0f} us")
    print(f"ratio position_to_decimal_loop {position_us / position_base:.2f} x aim 1.2")
    print(f"figure account_360_rows_200_entries_played_by_another_strategy {played[200]:.0f} us")
    print(f"ratio account_400_to_100_entries {played[400] / played[100]:.2f} x linear 4.0")


if __name__ == "__main__":
    main()
