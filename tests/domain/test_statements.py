"""A statement adds up, its ends are the positions of those days, and each line does what its entry says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import ValidationError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import position_at, replay
from app.domain.running_balances import Balances
from app.domain.splits import Split
from app.domain.statements import (
    FootingError,
    Ledger,
    Period,
    PeriodRules,
    Statement,
    build_statement,
    check_footing,
)
from tests.domain.test_allocation import AT, DAY, ledgers, rows_of_plans

JANUARY = Period(date(2026, 1, 1), date(2026, 1, 31))
ROWS = tuple(PlanRow(n, date(2026, n, 10), Split(100, 5, 2)) for n in (1, 2, 3))
KNOWN = datetime(2025, 12, 1, tzinfo=UTC)


def _entry(
    entry_id: str,
    amount: int,
    on: date,
    kind: EntryKind = EntryKind.REPAYMENT,
    *,
    known: date | None = None,
    reverses: str | None = None,
) -> LedgerEntry:
    at = datetime.combine(known or on, datetime.min.time(), tzinfo=UTC)
    return LedgerEntry(entry_id, kind, amount, on, at, reverses=reverses)


def _statement(
    entries: Sequence[LedgerEntry] = (),
    period: Period = JANUARY,
    *,
    versions: Sequence[PlanVersion] = (PlanVersion(1, ROWS, KNOWN),),
    principal_minor: int | None = 300,
    known_at: datetime | None = None,
) -> Statement:
    opening, closing = (
        position_at(replay(principal_minor, versions, entries, on, known_at), on) for on in (period.eve, period.last)
    )
    ledger = Ledger(principal_minor, versions, entries)
    return build_statement(ledger, period, opening=opening, closing=closing, known_at=known_at)


def test_a_month_tells_what_fell_due_and_what_was_paid_of_it() -> None:
    statement = _statement([_entry("a", 107, date(2026, 1, 12))])

    assert statement.opening == Balances(principal=300)
    due, paid = statement.lines
    assert (due.on, due.kind, due.amount_minor, due.split) == (date(2026, 1, 10), "instalment_due", 107, Split(100, 5, 2))
    assert due.moved == Balances(interest=5, fees=2)
    assert (paid.kind, paid.amount_minor, paid.split) == ("repayment", 107, Split(100, 5, 2))
    assert paid.moved == Balances(principal=-100, interest=-5, fees=-2)
    assert statement.closing == Balances(principal=200)
    assert [(t.kind, t.count, t.amount_minor) for t in statement.totals] == [
        ("instalment_due", 1, 107),
        ("repayment", 1, 107),
    ]


def test_interest_paid_before_it_is_due_stands_ahead_until_then() -> None:
    first = _statement([_entry("a", 214, date(2026, 1, 20))])
    second = _statement([_entry("a", 214, date(2026, 1, 20))], Period(date(2026, 2, 1), date(2026, 2, 28)))

    assert first.lines[1].moved == Balances(-200, -5, -2, 0, ahead=7)
    assert first.closing == second.opening == Balances(principal=100, ahead=7)
    assert second.lines[0].moved == Balances(ahead=-7)
    assert second.closing == Balances(principal=100)


def test_a_payment_of_the_due_day_pays_what_falls_due_that_day() -> None:
    due, paid = _statement([_entry("a", 107, date(2026, 1, 10))]).lines

    assert (due.kind, paid.moved) == ("instalment_due", Balances(-100, -5, -2))


def test_a_reversal_names_what_it_undoes_and_owes_it_again() -> None:
    paid, undone = date(2026, 1, 12), date(2026, 1, 20)
    payment = _entry("a", 107, paid)
    statement = _statement([payment, _entry("r", 107, undone, EntryKind.REVERSAL, reverses="a")])

    _, first, second = statement.lines
    assert (first.undone_on, first.moved) == (undone, Balances(-100, -5, -2))
    assert (second.undoes, second.split, second.moved) == (payment, Split(-100, -5, -2), Balances(100, 5, 2))


def test_a_reversal_moves_what_was_spread_after_the_payment_it_undoes() -> None:
    """The second payment had paid February ahead; once the first one bounced it pays January."""
    statement = _statement(
        [
            _entry("a", 107, date(2026, 1, 12)),
            _entry("b", 107, date(2026, 1, 15)),
            _entry("r", 107, date(2026, 1, 20), EntryKind.REVERSAL, reverses="a"),
        ]
    )

    assert statement.lines[3].moved == Balances(principal=100, ahead=-7)
    assert statement.closing == Balances(principal=200)


def test_what_is_paid_over_is_unapplied_and_may_be_refunded() -> None:
    statement = _statement([_entry("a", 400, date(2026, 1, 12)), _entry("f", 50, date(2026, 1, 13), EntryKind.REFUND)])

    assert statement.lines[1].unapplied_minor == 79
    assert (statement.lines[2].moved, statement.lines[2].unapplied_minor) == (Balances(unapplied=-50), -50)


def test_another_plan_within_the_period_is_a_line_of_its_own() -> None:
    later = PlanVersion(2, (PlanRow(1, date(2026, 3, 1), Split(320, 9)),), KNOWN, date(2026, 1, 15))
    statement = _statement(versions=(PlanVersion(1, ROWS, KNOWN), later), principal_minor=None)

    _, changed = statement.lines
    assert (changed.on, changed.kind, changed.plan_version) == (date(2026, 1, 15), "plan_changed", 2)
    assert changed.moved == Balances(principal=20, interest=-5, fees=-2)


def test_a_plan_may_begin_on_a_day_on_which_an_instalment_of_it_falls_due() -> None:
    begins = date(2026, 1, 15)
    later = PlanVersion(2, (PlanRow(1, begins, Split(300, 9)),), KNOWN, begins)

    _, changed, due = _statement(versions=(PlanVersion(1, ROWS, KNOWN), later)).lines

    assert (changed.moved, due.moved) == (Balances(interest=-5, fees=-2), Balances(interest=9))


def test_a_row_whose_parts_cancel_out_owes_nothing() -> None:
    rebate = PlanVersion(
        1, (PlanRow(1, date(2026, 1, 10), Split(0, 5, -5)), PlanRow(2, date(2026, 2, 10), Split(300))), KNOWN
    )

    for period in (JANUARY, Period(date(2026, 1, 20), date(2026, 1, 31))):
        assert _statement((), period, versions=(rebate,)).closing == Balances(principal=300)


def test_a_period_can_be_told_as_it_was_known_at_an_instant() -> None:
    late = _entry("a", 107, date(2026, 1, 12), known=date(2026, 2, 3))

    now_known = _statement([late])
    then_known = _statement([late], known_at=datetime(2026, 2, 1, tzinfo=UTC))

    assert [line.kind for line in now_known.lines] == ["instalment_due", "repayment"]
    assert [line.kind for line in then_known.lines] == ["instalment_due"]
    assert then_known.closing == Balances(300, 5, 2)


def test_a_statement_whose_end_is_not_the_position_is_never_made() -> None:
    versions = (PlanVersion(1, ROWS, KNOWN),)
    opening = position_at(replay(300, versions, (), JANUARY.eve), JANUARY.eve)
    closing = position_at(replay(300, versions, (), JANUARY.last), JANUARY.last)

    for wrong in (replace(closing, principal_outstanding_minor=299), replace(closing, due_to_date=Split(100, 5, 3))):
        with pytest.raises(FootingError):
            build_statement(Ledger(300, versions, ()), JANUARY, opening=opening, closing=wrong)
    with pytest.raises(FootingError):
        build_statement(Ledger(300, versions, ()), JANUARY, opening=replace(opening, unapplied_minor=1), closing=closing)


def test_a_statement_that_does_not_add_up_is_refused() -> None:
    statement = _statement([_entry("a", 107, date(2026, 1, 12))])
    end = position_at(replay(300, (PlanVersion(1, ROWS, KNOWN),), (), JANUARY.eve), JANUARY.eve)

    with pytest.raises(FootingError, match="do not make the closing"):
        check_footing(replace(statement, totals=statement.totals[:1]), end, end)


@st.composite
def periods(draw: st.DrawFn) -> Period:
    first = DAY + timedelta(days=draw(st.integers(-10, 160)))
    return Period(first, first + timedelta(days=draw(st.integers(0, 200))))


@st.composite
def plan_histories(draw: st.DrawFn) -> list[PlanVersion]:
    """One to three versions: corrections from the start, and re-plans that begin on a day."""
    versions = []
    for anchor_no in range(1, draw(st.integers(1, 3)) + 1):
        begins = draw(st.none() | st.integers(0, 150).map(lambda n: DAY + timedelta(days=n))) if anchor_no > 1 else None
        known = AT + timedelta(days=draw(st.integers(0, 100)))
        versions.append(PlanVersion(anchor_no, draw(rows_of_plans), known, begins))
    return versions


@st.composite
def with_late_reversals(draw: st.DrawFn) -> list[LedgerEntry]:
    """Ledgers whose reversals have value dates of their own."""
    return [
        replace(entry, effective_on=entry.effective_on + timedelta(days=draw(st.integers(0, 40))))
        if entry.kind is EntryKind.REVERSAL
        else entry
        for entry in draw(ledgers())
    ]


known_instants = st.none() | st.integers(-5, 250).map(lambda n: AT + timedelta(days=n))


@given(plan_histories(), with_late_reversals(), periods(), st.none() | st.integers(0, 3000), known_instants)
def test_every_statement_adds_up_to_the_positions_of_its_ends(
    versions: list[PlanVersion],
    entries: list[LedgerEntry],
    period: Period,
    principal_minor: int | None,
    known_at: datetime | None,
) -> None:
    statement = _statement(entries, period, versions=versions, principal_minor=principal_minor, known_at=known_at)

    standing = statement.opening
    for line in statement.lines:
        standing = standing.plus(line.moved)
        assert line.balances == standing
        assert period.first <= line.on <= period.last
    assert standing == statement.closing
    assert (
        statement.closing.outstanding
        == position_at(replay(principal_minor, versions, entries, period.last, known_at), period.last).outstanding_minor
    )
    assert sum(total.count for total in statement.totals) == len(statement.lines)


@given(rows_of_plans, with_late_reversals(), periods())
def test_every_line_changes_what_is_owed_by_its_amount(
    rows: tuple[PlanRow, ...], entries: list[LedgerEntry], period: Period
) -> None:
    statement = _statement(entries, period, versions=[PlanVersion(1, rows, AT)])
    # A waiver of more than is owed waives what is owed, which a reversal may change.
    in_full = all(entry.kind is not EntryKind.WAIVER for entry in entries) or (
        sum(abs(entry.amount_minor) for entry in entries) <= sum(row.due.total for row in rows)
    )

    undone: set[str] = set()
    taken_in = {e.entry_id for e in entries if e.effective_on < period.first}
    for line in statement.lines:
        if line.entry is None:
            assert line.moved.net == line.split.total - line.split.principal
            continue
        entry, expected = line.entry, -line.amount_minor
        if entry.kind is EntryKind.REVERSAL:
            assert line.undoes is None or line.undoes.entry_id == entry.reverses
            sign = -1 if line.undoes and line.undoes.kind is EntryKind.REFUND else 1
            expected = sign * line.amount_minor if entry.reverses in taken_in else 0
        elif entry.kind is EntryKind.REFUND:
            expected = line.amount_minor
        taken_in.add(entry.entry_id)
        if in_full or entry.kind not in (EntryKind.WAIVER, EntryKind.REVERSAL):
            assert line.moved.net == (0 if entry.entry_id in undone else expected)
        assert line.split.total + line.unapplied_minor == -line.moved.net
        if entry.reverses:
            undone.add(entry.reverses)


@given(plan_histories(), with_late_reversals(), periods(), st.integers(0, 200))
def test_two_periods_in_a_row_tell_what_one_over_both_tells(
    versions: list[PlanVersion], entries: list[LedgerEntry], period: Period, days: int
) -> None:
    cut = min(period.first + timedelta(days=days), period.last)
    whole = _statement(entries, period, versions=versions)
    first = _statement(entries, Period(period.first, cut), versions=versions)

    assert first.opening == whole.opening
    assert [line.moved for line in first.lines] == [line.moved for line in whole.lines if line.on <= cut]
    if cut < period.last:
        second = _statement(entries, Period(cut + timedelta(days=1), period.last), versions=versions)
        assert (second.opening, second.closing) == (first.closing, whole.closing)
        assert [line.moved for line in first.lines + second.lines] == [line.moved for line in whole.lines]


@pytest.mark.parametrize(
    ("first", "last", "pointer"),
    [
        (date(2026, 1, 2), date(2026, 1, 1), "/query/from"),
        (date(2026, 1, 2), date(2026, 3, 2), "/query/to"),
        (date(2021, 3, 1), date(2026, 3, 1), "/query/from"),
        (date(2020, 2, 29), date(2025, 3, 1), "/query/from"),
    ],
)
def test_a_period_that_cannot_be_told_is_refused(first: date, last: date, pointer: str) -> None:
    with pytest.raises(ValidationError) as refused:
        PeriodRules().check(Period(first, last), today=date(2026, 3, 1))

    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("first", "last"),
    [(date(2026, 3, 1), date(2026, 3, 1)), (date(2021, 3, 2), date(2026, 3, 1)), (date(2020, 2, 29), date(2025, 2, 28))],
)
def test_a_period_of_a_day_or_of_five_years_can_be_told(first: date, last: date) -> None:
    PeriodRules().check(Period(first, last), today=date(2026, 3, 1))
