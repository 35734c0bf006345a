"""A receipt says how an entry was spread when it was posted, how it is spread now, and what came between."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.allocation_history import allocation_history
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.receipts import Change, Receipt, receipt_of
from app.domain.replay import allocate
from app.domain.splits import NOTHING, Split

MORNING = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = tuple(PlanRow(n, date(2026, n, 10), Split(100, 5)) for n in (1, 2, 3))
PLAN = PlanVersion(1, ROWS, MORNING)


def _at(hour: int) -> datetime:
    return MORNING + timedelta(hours=hour)


def _entry(
    entry_id: str,
    amount: int,
    hour: int,
    on: date = date(2026, 1, 10),
    kind: EntryKind = EntryKind.REPAYMENT,
    reverses: str | None = None,
    split: Split | None = None,
) -> LedgerEntry:
    return LedgerEntry(entry_id, kind, amount, on, _at(hour), split=split, reverses=reverses)


def _receipt(entry_id: str, entries: Sequence[LedgerEntry], versions: Sequence[PlanVersion] = (PLAN,)) -> Receipt:
    by_id = {entry.entry_id: entry for entry in entries}
    changes = [Change(version.recorded_at, plan_version=version.anchor_no) for version in versions]
    for entry in entries:
        counts = by_id.get(entry.reverses or "", entry)
        changes.append(Change(entry.recorded_at, entry.entry_id, None, entry.reverses, counts.order))
    spans = [each for each in allocation_history(versions, entries) if each.allocation.entry_id == entry_id]
    return receipt_of(by_id[entry_id], spans, changes)


def test_what_stands_as_posted_has_one_standing_begun_by_itself() -> None:
    receipt = _receipt("a", [_entry("a", 105, 1)])

    (only,) = receipt.standings
    assert (only.from_at, only.until_at, only.because and only.because.entry_id) == (_at(1), None, "a")
    assert (only.rows, only.split, only.unapplied_minor) == ([(1, Split(100, 5))], Split(100, 5), 0)
    assert (receipt.replaced_by, receipt.reversed) == (None, False)


def test_a_back_dated_payment_ends_the_standing_as_posted_and_is_named() -> None:
    receipt = _receipt("a", [_entry("a", 105, 1), _entry("b", 105, 5, on=date(2026, 1, 9))])

    assert [standing.rows for standing in receipt.standings] == [[(1, Split(100, 5))], [(2, Split(100, 5))]]
    assert receipt.as_posted.until_at == _at(5)
    assert receipt.replaced_by is not None
    assert receipt.replaced_by.entry_id == "b"


def test_a_reversal_leaves_nothing_standing_and_moves_what_came_after() -> None:
    entries = [_entry("a", 105, 1), _entry("b", 105, 2), _entry("r", 105, 9, kind=EntryKind.REVERSAL, reverses="a")]

    first, second, reversal = (_receipt(name, entries) for name in "abr")

    assert (first.reversed, first.now.rows, first.as_posted.rows) == (True, [], [(1, Split(100, 5))])
    assert (second.reversed, second.now.rows, second.as_posted.rows) == (False, [(1, Split(100, 5))], [(2, Split(100, 5))])
    assert [each.replaced_by and each.replaced_by.entry_id for each in (first, second, reversal)] == ["r", "r", None]
    assert [standing.rows for standing in reversal.standings] == [[]]


def test_another_plan_is_named_by_its_version() -> None:
    later = PlanVersion(2, (PlanRow(1, date(2026, 1, 10), Split(60, 5)), *ROWS[1:]), _at(7))
    receipt = _receipt("a", [_entry("a", 105, 1)], [PLAN, later])

    assert receipt.now.rows == [(1, Split(60, 5)), (2, Split(35, 5))]
    assert receipt.replaced_by == Change(_at(7), plan_version=2)


def test_a_payment_known_before_any_plan_was_unapplied_until_there_was_one() -> None:
    receipt = _receipt("a", [_entry("a", 105, 1)], [PlanVersion(1, ROWS, _at(2))])

    assert (receipt.as_posted.rows, receipt.as_posted.unapplied_minor) == ([], 105)
    assert (receipt.now.rows, receipt.now.unapplied_minor) == ([(1, Split(100, 5))], 0)


def test_a_part_that_stays_is_in_every_standing() -> None:
    entries = [_entry("a", 210, 1), _entry("b", 105, 4, on=date(2026, 1, 9))]

    receipt = _receipt("a", entries)

    assert [[row_no for row_no, _ in standing.rows] for standing in receipt.standings] == [[1, 2], [2, 3]]
    assert receipt.now.allocations[0] == receipt.as_posted.allocations[1]


def test_a_charge_asks_until_it_is_taken_back_and_pays_nothing() -> None:
    charge = _entry("c", 30, 1, kind=EntryKind.CHARGE, split=Split(fees=30))
    standing = _receipt("c", [charge])
    undone = _receipt("c", [charge, _entry("r", 30, 3, kind=EntryKind.REVERSAL, reverses="c")])

    assert (standing.now.split, standing.now.rows, standing.replaced_by) == (Split(fees=30), [], None)
    assert [each.split for each in undone.standings] == [Split(fees=30), NOTHING]
    assert (undone.reversed, undone.as_posted.until_at) == (True, _at(3))
    assert undone.replaced_by is not None
    assert undone.replaced_by.entry_id == "r"


def test_of_changes_known_at_once_the_one_that_moves_the_entry_is_named() -> None:
    entries = [
        _entry("a", 105, 1),
        _entry("later", 105, 5, on=date(2026, 1, 20)),
        _entry("earlier", 105, 5, on=date(2026, 1, 8)),
        _entry("earliest", 5, 5, on=date(2026, 1, 7)),
    ]
    undone = _entry("r", 105, 5, kind=EntryKind.REVERSAL, reverses="a")
    replanned = PlanVersion(2, ROWS[1:], _at(5))

    by_entry = _receipt("a", entries).replaced_by
    by_plan = _receipt("a", entries, [PLAN, replanned]).replaced_by
    by_reversal = _receipt("a", [*entries, undone], [PLAN, replanned]).replaced_by

    assert [each and (each.entry_id, each.plan_version) for each in (by_entry, by_plan, by_reversal)] == [
        ("earliest", None),
        (None, 2),
        ("r", None),
    ]


def test_an_entry_taken_back_in_the_instant_it_came_never_stood() -> None:
    receipt = _receipt("a", [_entry("a", 105, 1), _entry("r", 105, 1, kind=EntryKind.REVERSAL, reverses="a")])

    (only,) = receipt.standings
    assert (only.rows, only.until_at, receipt.reversed) == ([], None, True)


def test_what_was_moved_and_put_back_in_one_instant_stood_throughout() -> None:
    earlier = _entry("b", 105, 5, on=date(2026, 1, 9))
    undone = _entry("r", 105, 5, kind=EntryKind.REVERSAL, reverses="b")

    receipt = _receipt("a", [_entry("a", 105, 1), earlier, undone])

    (only,) = receipt.standings
    assert (only.rows, only.until_at) == ([(1, Split(100, 5))], None)


@st.composite
def _ledgers(draw: st.DrawFn) -> tuple[list[LedgerEntry], list[PlanVersion]]:
    """Payments of any value date, some taken back, and plans, each known at an hour of its own or at once with others."""
    entries: list[LedgerEntry] = []
    for index in range(draw(st.integers(1, 6))):
        on = date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 90)))
        hour = draw(st.integers(1, 12))
        entries.append(_entry(f"e{index}", draw(st.integers(1, 250)), hour, on))
        if draw(st.booleans()):
            after = max(hour + draw(st.integers(-3, 5)), 1)
            taken_on = on + timedelta(days=draw(st.integers(0, 1)))
            entries.append(_entry(f"r{index}", entries[-1].amount_minor, after, taken_on, EntryKind.REVERSAL, f"e{index}"))
    versions = [PLAN]
    for number, hour in enumerate(sorted(draw(st.lists(st.integers(1, 12), max_size=2, unique=True))), start=2):
        rows = tuple(row._replace(due=Split(draw(st.integers(0, 120)), 5)) for row in ROWS)
        versions.append(PlanVersion(number, rows, _at(hour)))
    return entries, versions


@given(_ledgers())
def test_standings_follow_each_other_and_are_what_was_known_then(
    ledger: tuple[list[LedgerEntry], list[PlanVersion]],
) -> None:
    entries, versions = ledger
    for entry in entries:
        receipt = _receipt(entry.entry_id, entries, versions)

        assert (receipt.as_posted.from_at, receipt.now.until_at) == (entry.recorded_at, None)
        for before, after in pairwise(receipt.standings):
            assert before.until_at == after.from_at > before.from_at
            assert before.allocations != after.allocations
            assert after.because is not None
            assert after.because.recorded_at == after.from_at
        for standing in receipt.standings:
            known = [each for each in entries if each.recorded_at <= standing.from_at]
            plan = [version for version in versions if version.recorded_at <= standing.from_at][-1]
            own = [each for each in allocate(plan.rows, known).allocations if each.entry_id == entry.entry_id]
            assert sorted(standing.allocations, key=str) == sorted(own, key=str)
