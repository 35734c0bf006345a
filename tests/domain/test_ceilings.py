"""What is above a cap is not collected, to the cent, and what was paid before stays where it was booked."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.domain.caps import APPLIES, CN_RULE, Cap, principal_days, within_cap
from app.domain.ceilings import Ceiling, plan_excess
from app.domain.late_charges import LateTerms
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.quotes import payoff_quote
from app.domain.replay import allocate
from app.domain.splits import Split
from app.domain.terms import LoanTerms

START, KNOWN = date(2026, 1, 10), datetime(2026, 1, 10, tzinfo=UTC)
CAP = Cap(APPLIES, Decimal("0.12"), None, "", "four-times-lpr")


def ceiling(lent: int = 600_00, from_on: date = START, upfront: int = 0, rate: str = "0.12") -> Ceiling:
    return Ceiling(Fraction(rate), from_on, ((START, lent),), upfront)


def a_plan(*charges: tuple[int, int, int], principal: int = 100_00) -> tuple[PlanRow, ...]:
    """A row a month: interest, fees, penalties of each."""
    return tuple(
        PlanRow(number, date(2026 + (number // 12), number % 12 + 1, 10), Split(principal, *each))
        for number, each in enumerate(charges, 1)
    )


amounts = st.integers(0, 60_00)
plans = st.lists(st.tuples(amounts, st.integers(0, 20_00), st.integers(0, 5_00)), min_size=1, max_size=10).map(
    lambda charges: a_plan(*charges)
)


@given(plans, st.integers(0, 90_00))
def test_exactly_what_is_above_the_cap_is_cut_and_a_plan_that_keeps_it_in_sum_is_left_alone(
    rows: tuple[PlanRow, ...], upfront: int
) -> None:
    lent = sum(row.due.principal for row in rows)
    charged = upfront + sum(row.due.total - row.due.principal for row in rows)
    days = principal_days([(START, lent)], [(START, upfront), *((row.due_on, row.due.principal) for row in rows)])
    check = within_cap(CAP, charged, days)

    found = plan_excess(rows, ceiling(lent, upfront=upfront))

    assert found is not None
    assert check.most_minor is not None
    assert found.over_minor == check.excess_minor
    cut = sum(part.total for part in found.by_row)
    assert cut == min(found.over_minor, charged - upfront) if upfront <= check.most_minor else cut <= found.over_minor
    assert all(
        0 <= each <= due
        for part, row in zip(found.by_row, rows, strict=True)
        for each, due in zip(part, row.due, strict=True)
    )
    assert all(not part.principal for part in found.by_row)


def test_a_plan_that_is_not_all_of_the_loan_says_nothing() -> None:
    assert plan_excess(a_plan((50_00, 0, 0)), ceiling(600_00)) is None


OVER = a_plan(*[(20_00, 0, 0)] * 6)
"""Six rows of 20.00 interest on 600.00: 120.00 where about 21 may be asked."""


def test_what_is_due_quoted_and_left_no_longer_has_what_is_above() -> None:
    terms = LoanTerms(starts_on=START, ceiling=ceiling())
    versions = [PlanVersion(1, OVER, KNOWN)]
    found = plan_excess(OVER, ceiling())
    assert found is not None
    assert found.over_minor > 90_00

    snapshot = replay(600_00, versions, (), terms=terms)
    position = position_at(snapshot, date(2026, 7, 11), terms=terms)

    assert position.overdue.interest == 120_00 - found.over_minor
    assert snapshot.over_cap_minor == found.over_minor
    assert payoff_quote(OVER, (), date(2026, 7, 11), terms).total_minor == 720_00 - found.over_minor


def test_who_pays_what_is_asked_closes_the_loan_to_zero() -> None:
    terms = LoanTerms(starts_on=START, ceiling=ceiling())
    versions = [PlanVersion(1, OVER, KNOWN)]
    entries: list[LedgerEntry] = []
    for row in OVER:
        asked = position_at(replay(600_00, versions, entries, terms=terms), row.due_on, terms=terms).due_to_date.total
        entries.append(
            LedgerEntry(f"e{row.row_no}", EntryKind.REPAYMENT, asked, row.due_on, KNOWN + timedelta(days=row.row_no))
        )

    snapshot = replay(600_00, versions, entries, terms=terms)
    assert snapshot.settled
    assert snapshot.unapplied_minor == 0


def test_what_was_paid_before_collecting_ended_stays_where_it_was_booked_and_is_reckoned() -> None:
    paid = LedgerEntry("e1", EntryKind.REPAYMENT, 120_00, OVER[0].due_on, KNOWN)
    ends = OVER[0].due_on + timedelta(days=20)
    terms = LoanTerms(starts_on=START, ceiling=ceiling(from_on=ends))
    plain = allocate(OVER, [paid], LoanTerms(starts_on=START))

    account = allocate(OVER, [paid], terms)
    assert account.allocations == plain.allocations
    before = replay(600_00, [PlanVersion(1, OVER, KNOWN)], [paid], ends - timedelta(days=1), terms=terms)
    assert sum(row.open.interest for row in before.open_rows) == 100_00

    account.accrue(ends)
    found = plan_excess(OVER, ceiling())
    assert found is not None
    assert account.paid_above_cap_minor == found.by_row[0].total > 0
    assert sum(row.open[1] for row in account.rows) == 100_00 - found.over_minor + found.by_row[0].total
    now = replay(600_00, [PlanVersion(1, OVER, KNOWN)], [paid], terms=terms)
    assert now.last_effective_on == ends
    assert now == replay(600_00, [PlanVersion(1, OVER, KNOWN)], [paid], ends, terms=terms)


def test_a_loan_that_keeps_its_cap_is_the_same_with_and_without_it() -> None:
    rows = a_plan(*[(1_00, 0, 0)] * 6)
    versions = [PlanVersion(1, rows, KNOWN)]

    assert replay(600_00, versions, (), terms=LoanTerms(starts_on=START, ceiling=ceiling())) == replay(
        600_00, versions, (), terms=LoanTerms(starts_on=START)
    )


def test_a_charge_is_owed_as_far_as_the_cap_leaves_room() -> None:
    rows = a_plan(*[(2_00, 0, 0)] * 6)
    terms = LoanTerms(starts_on=START, ceiling=ceiling(), late=LateTerms())
    room = plan_excess(rows, ceiling())
    assert room is not None
    assert room.is_kept
    charge = LedgerEntry("c1", EntryKind.CHARGE, 50_00, START, KNOWN, split=Split(fees=10_00, penalties=40_00))

    account = allocate(rows, [charge], terms)

    kept = sum(row.due[2] + row.due[3] for row in account.rows)
    assert kept == room.room_minor
    assert account.over_cap_minor == 50_00 - kept
    assert sum(row.due[2] for row in account.rows) == min(10_00, kept)


def test_the_sum_of_all_late_charges_and_interest_stays_within_the_cap_on_what_was_owed() -> None:
    late = LateTerms(annual_rate=Fraction(24, 100), cap_rate=Fraction(12, 100))
    terms = LoanTerms(starts_on=START, ceiling=ceiling(), late=late)
    as_of = date(2027, 3, 1)

    position = position_at(replay(600_00, [PlanVersion(1, OVER, KNOWN)], (), terms=terms), as_of, terms=terms)

    charged = position.overdue.total - position.overdue.principal
    assert charged <= within_cap(CAP, charged, principal_days([(START, 600_00)], [(as_of, 600_00)])).most_minor  # type: ignore[operator]
    assert CN_RULE.factor == 4
