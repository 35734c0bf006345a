"""Spreading entries over rows: nothing is lost, the order of arrival does not matter, what was reversed never was."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.account_rows import Allocation
from app.domain.allocation import STRATEGIES, Surplus, strategy_named
from app.domain.allocation_history import allocation_history
from app.domain.allocation_orders import custom_strategy
from app.domain.errors import ValidationError
from app.domain.ledger import EntryKind, LedgerEntry, check_entry
from app.domain.plans import PlanRow, PlanVersion, version_for
from app.domain.positions import position_at, replay, snapshot_of
from app.domain.replay import allocate
from app.domain.splits import NOTHING, Split
from app.domain.terms import LoanTerms

DAY = date(2026, 1, 1)
AT = datetime(2026, 1, 1, tzinfo=UTC)
WHEN = ("past_due", "due", "in_advance")

components = st.integers(0, 300)
rows_of_plans = st.lists(st.builds(Split, components, components, components, components), min_size=1, max_size=5).map(
    lambda dues: tuple(PlanRow(n + 1, DAY + timedelta(days=30 * n), due) for n, due in enumerate(dues))
)


@st.composite
def ledgers(draw: st.DrawFn) -> list[LedgerEntry]:
    """Repayments, some with a named row or a split, prepayments, adjustments and reversals of some of them."""
    entries: list[LedgerEntry] = []
    for n in range(draw(st.integers(0, 7))):
        kind = draw(st.sampled_from([EntryKind.REPAYMENT] * 4 + [EntryKind.WAIVER, EntryKind.PREPAYMENT, EntryKind.REFUND]))
        split = draw(st.none() | st.builds(Split, components, components, components, components))
        amount = split.total if split else draw(st.integers(0, 900))
        entries.append(
            LedgerEntry(
                f"e{n}",
                kind,
                amount,
                DAY + timedelta(days=draw(st.integers(0, 150))),
                AT + timedelta(days=draw(st.integers(0, 200))),
                draw(st.none() | st.integers(1, 6)),
                split if kind not in (EntryKind.PREPAYMENT, EntryKind.REFUND) else None,
            )
        )
    for entry in list(entries):
        if draw(st.integers(0, 3)) == 0:
            later = entry.recorded_at + timedelta(days=draw(st.integers(0, 30)))
            entries.append(
                LedgerEntry(f"r{entry.entry_id}", EntryKind.REVERSAL, entry.amount_minor, entry.effective_on, later,
                            reverses=entry.entry_id)
            )  # fmt: skip
    return entries


@given(rows_of_plans, ledgers())
def test_what_was_paid_is_spread_to_the_last_unit(rows: tuple[PlanRow, ...], entries: list[LedgerEntry]) -> None:
    plan = allocate(rows, entries)

    undone = {entry.reverses for entry in entries}
    money = {
        e.entry_id: -e.amount_minor if e.kind is EntryKind.REFUND else e.amount_minor
        for e in entries
        if e.kind is not EntryKind.REVERSAL and e.entry_id not in undone
    }
    spread = dict.fromkeys(money, 0)
    for allocation in plan.allocations:
        spread[allocation.entry_id] += allocation.split.total + allocation.unapplied_minor
    assert spread == money
    assert all(min(row.open) >= 0 for row in plan.rows)
    assert len({(a.entry_id, a.row_no, bool(a.unapplied_minor)) for a in plan.allocations}) == len(plan.allocations)


@given(rows_of_plans, ledgers(), st.randoms(use_true_random=False))
def test_entries_give_the_same_whatever_order_they_come_in(
    rows: tuple[PlanRow, ...], entries: list[LedgerEntry], random: object
) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert allocate(rows, shuffled) == allocate(rows, entries)


@given(rows_of_plans, ledgers())
def test_a_reversal_undoes_as_if_nothing_had_been(rows: tuple[PlanRow, ...], entries: list[LedgerEntry]) -> None:
    undone = {entry.reverses for entry in entries if entry.reverses}
    without = [entry for entry in entries if entry.kind is not EntryKind.REVERSAL and entry.entry_id not in undone]

    assert allocate(rows, entries) == allocate(rows, without)


@given(rows_of_plans, ledgers())
def test_the_history_ends_in_what_stands_and_shows_what_stood(rows: tuple[PlanRow, ...], entries: list[LedgerEntry]) -> None:
    version = PlanVersion(1, rows, AT)

    history = allocation_history([version], entries)

    standing = sorted((r.allocation for r in history if r.replaced_at is None), key=repr)
    assert standing == sorted(allocate(rows, entries).allocations, key=repr)
    for known_at in {entry.recorded_at for entry in entries}:
        then = sorted(
            (
                r.allocation
                for r in history
                if r.recorded_at <= known_at and (r.replaced_at is None or r.replaced_at > known_at)
            ),
            key=repr,
        )
        known = [entry for entry in entries if entry.recorded_at <= known_at]
        assert then == sorted(allocate(rows, known).allocations, key=repr)


@given(rows_of_plans, ledgers(), st.integers(0, 400))
def test_the_snapshot_answers_for_every_later_day_as_a_replay_does(
    rows: tuple[PlanRow, ...], entries: list[LedgerEntry], days: int
) -> None:
    versions = [PlanVersion(1, rows, AT)]
    snapshot = replay(10_000, versions, entries)
    as_of = max(snapshot.last_effective_on or DAY, DAY) + timedelta(days=days)

    assert position_at(snapshot, as_of) == position_at(replay(10_000, versions, entries, as_of), as_of)


@given(rows_of_plans, ledgers(), st.integers(0, 400))
def test_a_position_adds_up(rows: tuple[PlanRow, ...], entries: list[LedgerEntry], days: int) -> None:
    as_of = DAY + timedelta(days=days)

    position = position_at(replay(None, [PlanVersion(1, rows, AT)], entries, as_of), as_of)

    due = position.due_to_date
    assert position.outstanding_minor == position.principal_outstanding_minor + due.interest + due.fees + due.penalties
    assert 0 <= position.overdue_minor <= due.total
    assert (position.days_past_due > 0) == (position.overdue_minor > 0)
    assert position.next_due_on is None or position.next_due_on >= as_of


def test_within_a_row_penalties_come_first_and_principal_last() -> None:
    rows = (PlanRow(1, DAY, Split(100, 20, 10, 5)),)

    plan = allocate(rows, [LedgerEntry("e", EntryKind.REPAYMENT, 30, DAY, AT)])

    assert plan.rows[0].paid == Split(0, 15, 10, 5)


def test_what_spills_over_a_named_row_and_comes_back_is_one_allocation() -> None:
    rows = (PlanRow(1, DAY, Split(principal=80, interest=20)),)
    entry = LedgerEntry("e", EntryKind.REPAYMENT, 100, DAY, AT, row_no=1, split=Split(principal=100))

    plan = allocate(rows, [entry])

    assert [(a.row_no, a.split) for a in plan.allocations] == [(1, Split(80, 20))]


def test_a_row_of_nothing_is_paid_when_the_source_says_so() -> None:
    rows = (PlanRow(1, DAY, NOTHING),)

    plan = allocate(rows, [LedgerEntry("e", EntryKind.REPAYMENT, 0, DAY, AT, row_no=1)])

    assert plan.rows[0].paid_on == DAY


def _entry(entry_id: str, amount: int, days: int, kind: EntryKind = EntryKind.REPAYMENT, **more: object) -> LedgerEntry:
    at = AT + timedelta(days=days)
    return LedgerEntry(entry_id, kind, amount, at.date(), at, **more)  # type: ignore[arg-type]


def test_money_given_back_comes_out_of_what_was_paid_over() -> None:
    rows = (PlanRow(1, DAY, Split(100)),)

    plan = allocate(rows, [_entry("a", 130, 0), _entry("f", 30, 1, EntryKind.REFUND)])

    assert (plan.rows[0].paid.total, plan.unapplied_minor) == (100, 0)


def test_money_given_back_that_was_not_paid_over_after_all_is_owed_again() -> None:
    """Two payments, the second one too many and given back; then the first one bounces."""
    rows = (PlanRow(1, DAY, Split(100, 5)), PlanRow(2, DAY + timedelta(days=30), Split(100, 5)))
    entries = [
        _entry("a", 210, 0),
        _entry("b", 150, 1),
        _entry("f", 150, 2, EntryKind.REFUND),
        _entry("r", 210, 3, EntryKind.REVERSAL, reverses="a"),
    ]

    plan = allocate(rows, entries)

    assert [sum(row.open) for row in plan.rows] == [105, 105]
    assert ([row.paid_on for row in plan.rows], plan.unapplied_minor) == ([None, None], 0)


def test_of_a_row_given_back_in_part_the_principal_is_owed_again_first() -> None:
    rows = (PlanRow(1, DAY, Split(100, 5)),)

    plan = allocate(rows, [_entry("a", 105, 0), _entry("f", 40, 1, EntryKind.REFUND)])

    assert plan.rows[0].open == [40, 0, 0, 0]


def test_a_prepayment_given_back_is_owed_again() -> None:
    plan = allocate((), [_entry("a", 80, 0, EntryKind.PREPAYMENT), _entry("f", 100, 1, EntryKind.REFUND)])

    assert (plan.principal_reduced_minor, plan.unapplied_minor) == (0, -20)


def test_a_plan_that_begins_later_answers_only_from_its_day() -> None:
    first = PlanVersion(1, (PlanRow(1, DAY, Split(100)),), AT)
    begins = DAY + timedelta(days=50)
    second = PlanVersion(2, (PlanRow(1, DAY + timedelta(days=90), Split(100)),), AT, begins)

    assert version_for([first, second], begins - timedelta(days=1), None) is first
    assert version_for([first, second], begins, None) is second
    assert replay(100, [first, second], []).last_effective_on == begins


@pytest.mark.parametrize(
    ("amount", "parts"),
    [(275, [92, 92, 91]), (274, [91, 91, 92]), (2, [1, 1, 0]), (1, [0, 0, 1]), (300, [100, 100, 100])],
)
def test_a_surplus_is_spread_evenly_and_the_last_row_takes_the_difference(amount: int, parts: list[int]) -> None:
    rows = tuple(PlanRow(n, DAY + timedelta(days=30 * n), Split(100)) for n in (1, 2, 3))

    plan = allocate(rows, [_entry("a", amount, 0)], LoanTerms(strategy_named("standard", Surplus.EVENLY)))

    assert [row.paid.total for row in plan.rows] == parts


def test_fewer_units_than_half_the_rows_are_not_given_twice() -> None:
    rows = tuple(PlanRow(n, DAY + timedelta(days=n), Split(100)) for n in range(1, 9))

    plan = allocate(rows, [_entry("a", 5, 0)], LoanTerms(strategy_named("standard", Surplus.EVENLY)))

    assert [row.paid.total for row in plan.rows] == [1, 1, 1, 1, 1, 0, 0, 0]


def test_a_surplus_spread_evenly_one_component_at_a_time_ends() -> None:
    order = [f"{when}_{part}" for part in ("interest", "principal", "fee", "penalty") for when in WHEN]
    strategy = custom_strategy(order, vertical=True, surplus=Surplus.EVENLY)
    rows = (PlanRow(1, DAY + timedelta(days=30), Split(100, 5)), PlanRow(2, DAY + timedelta(days=60), Split(100, 20)))

    plan = allocate(rows, [_entry("a", 125, 0)], LoanTerms(strategy))

    assert [tuple(row.paid) for row in plan.rows] == [(50, 5, 0, 0), (50, 20, 0, 0)]


def test_an_order_that_serves_rows_in_advance_first_is_kept() -> None:
    strategy = custom_strategy(
        [f"{when}_{part}" for when in WHEN[::-1] for part in ("interest", "principal", "fee", "penalty")]
    )
    rows = (PlanRow(1, DAY, Split(100)), PlanRow(2, DAY + timedelta(days=30), Split(100)))

    snapshot = replay(200, [PlanVersion(1, rows, AT)], [_entry("a", 100, 1)], terms=LoanTerms(strategy))

    assert [row.row_no for row in snapshot.open_rows] == [1]


def test_rows_of_one_day_are_paid_in_the_order_of_their_numbers() -> None:
    version = PlanVersion(1, (PlanRow(2, DAY, Split(100)), PlanRow(1, DAY, Split(100))), AT)

    snapshot = replay(200, [version], [_entry("a", 100, 1)])

    assert [row.row_no for row in snapshot.open_rows] == [2]
    assert allocate(version.rows, [_entry("a", 100, 1)]).row(1).open == [0, 0, 0, 0]  # type: ignore[union-attr]


def test_an_entry_whose_reversal_was_known_first_never_stands() -> None:
    rows = (PlanRow(1, DAY, Split(100)),)
    entries = [_entry("e", 60, 2), _entry("a", 60, 1, EntryKind.REVERSAL, reverses="e")]

    history = allocation_history([PlanVersion(1, rows, AT)], entries)

    assert [each for each in history if each.replaced_at is None] == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (LedgerEntry("e", EntryKind.REPAYMENT, 1, DAY + timedelta(days=1), AT), "future"),
        (LedgerEntry("e", EntryKind.REPAYMENT, -1, DAY, AT), "negative"),
        (LedgerEntry("e", EntryKind.REVERSAL, 1, DAY, AT), "must name"),
        (LedgerEntry("e", EntryKind.REPAYMENT, 2, DAY, AT, split=Split(1)), "add up"),
    ],
)
def test_an_entry_that_cannot_be_true_is_refused(entry: LedgerEntry, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        check_entry(entry, today=DAY)


def test_a_charge_falls_due_with_an_instalment_and_never_with_a_down_payment() -> None:
    rows = (PlanRow(1, DAY, Split(100)), PlanRow(2, DAY + timedelta(days=30), Split(300)))
    terms = LoanTerms(down_payment_days=(DAY,))
    charge = LedgerEntry("c", EntryKind.CHARGE, 5, DAY, AT, split=Split(fees=5))

    account = allocate(rows, [charge], terms)

    assert [row.due for row in account.rows] == [[100, 0, 0, 0], [300, 0, 5, 0]]
    assert [row.due for row in allocate(rows, [charge]).rows] == [[100, 0, 5, 0], [300, 0, 0, 0]]


def test_money_paid_over_pays_a_charge_that_comes_later() -> None:
    rows = (PlanRow(1, DAY, Split(100)),)
    charge = LedgerEntry("c", EntryKind.CHARGE, 15, DAY + timedelta(days=2), AT, split=Split(fees=15))

    account = allocate(rows, [_entry("a", 110, 0), charge])

    assert [row.open for row in account.rows] == [[0, 0, 0, 0], [0, 0, 5, 0]]
    assert account.unapplied_minor == 0
    assert account.allocations[-2:] == [
        Allocation("c", 2, Split(fees=10)),
        Allocation("c", None, Split(), -10),
    ]


@pytest.mark.parametrize(("strategy", "open_"), [("standard", [0, 0, 15, 5]), ("cn-civil-code-561", [0, 0, 5, 15])])
def test_money_paid_over_pays_a_charge_in_the_loans_order(strategy: str, open_: list[int]) -> None:
    rows = (PlanRow(1, DAY, Split(100)),)
    charge = LedgerEntry("c", EntryKind.CHARGE, 30, DAY + timedelta(days=2), AT, split=Split(fees=15, penalties=15))

    account = allocate(rows, [_entry("a", 110, 0), charge], LoanTerms(STRATEGIES[strategy]))

    assert account.rows[1].open == open_


def test_money_given_back_whose_payment_bounces_is_owed() -> None:
    rows = (PlanRow(1, DAY, Split(100)), PlanRow(2, DAY + timedelta(days=30), Split(100)))
    paid, back = _entry("a", 250, 0), _entry("f", 50, 1, EntryKind.REFUND)
    bounced = _entry("r", 250, 2, EntryKind.REVERSAL, reverses="a")

    snapshot = replay(200, [PlanVersion(1, rows, AT)], [paid, back, bounced])

    assert (snapshot.principal_balance_minor, snapshot.unapplied_minor) == (250, 0)


def test_more_principal_in_the_rows_than_was_lent_is_never_a_balance_below_zero() -> None:
    rows = (PlanRow(1, DAY, Split(100)),)
    version, payment = PlanVersion(1, rows, AT), _entry("a", 100, 0)

    by_sum = replay(99, [version], [payment])
    played = snapshot_of(99, version, allocate(rows, [payment]), [payment])

    assert (by_sum.principal_balance_minor, by_sum.unapplied_minor) == (0, 1)
    assert by_sum == played
