"""How entries are spread over the rows of a plan.

The default, where a contract names nothing else: the oldest row first; within a row penalties, fees, interest, principal
(Fineract's "standard" strategy, reference: loan servicing study §2.4). A split that came with the entry is trusted; a row
that it names is served first. What is left when every row is paid stays unapplied. Spreading is a pure function of the
rows and the entries, so a late, back-dated or reversed entry is simply another set of entries.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.splits import NOTHING, Split


class Allocation(NamedTuple):
    """What one entry did to one row. `row_no` None: outside the rows (principal balance, or unapplied money)."""

    entry_id: str
    row_no: int | None
    split: Split
    unapplied_minor: int = 0


class RecordedAllocation(NamedTuple):
    """An allocation with the span of knowledge in which it stood: from `recorded_at` until `replaced_at` (None: still)."""

    allocation: Allocation
    recorded_at: datetime
    replaced_at: datetime | None


@dataclass(slots=True)
class AllocatedPlan:
    """The rows of one plan with everything spread over them."""

    rows: Sequence[PlanRow]
    paid: dict[int, Split] = field(default_factory=dict)
    paid_on: dict[int, date] = field(default_factory=dict)
    principal_reduced_minor: int = 0
    unapplied_minor: int = 0
    allocations: list[Allocation] = field(default_factory=list)
    _prepaid_minor: int = 0
    _first_open: int = 0

    def open_split(self, row: PlanRow) -> Split:
        """Return what is still unpaid of a row."""
        return row.due.minus(self.paid.get(row.row_no, NOTHING))

    def apply(self, entry: LedgerEntry) -> None:
        """Spread one more entry. Entries must come in `LedgerEntry.order`, without reversed ones."""
        if entry.kind in (EntryKind.PREPAYMENT, EntryKind.SOURCE_ADJUSTMENT):
            self._reduce_principal(entry, entry.amount_minor)
            self._prepaid_minor += entry.amount_minor if entry.kind is EntryKind.PREPAYMENT else 0
        elif entry.kind is EntryKind.REFUND:
            self._give_back(entry)
        elif entry.kind is not EntryKind.REVERSAL:
            self._spread(entry)

    def _spread(self, entry: LedgerEntry) -> None:
        left = entry.amount_minor
        if entry.row_no is not None:
            left = self._serve_named_row(entry, entry.row_no)
        elif entry.split is not None:
            left = self._serve_components(entry, entry.split)
        for index in range(self._first_open, len(self.rows)):
            if left <= 0:
                break
            row = self.rows[index]
            part = _by_order(left, self.open_split(row))
            left -= self._pay(entry, row, part)
            if index == self._first_open and self.open_split(row).total <= 0:
                self._first_open = index + 1
        if left:
            self._leave(entry, left)

    def _give_back(self, entry: LedgerEntry) -> None:
        """Take a refund out of what was paid over; beyond that, as after a payment bounced, the last paid is owed again."""
        left = entry.amount_minor
        over = min(left, max(self.unapplied_minor, 0))
        prepaid = min(left - over, self._prepaid_minor)
        left -= over + prepaid
        if prepaid:
            self._prepaid_minor -= prepaid
            self._reduce_principal(entry, -prepaid)
        for index in range(len(self.rows) - 1, -1, -1):
            row = self.rows[index]
            paid = self.paid.get(row.row_no, NOTHING)
            if not left or not paid.total:
                continue
            part = paid.minus(_by_order(paid.total - min(left, paid.total), paid))
            left -= part.total
            self.paid[row.row_no] = paid.minus(part)
            self.paid_on.pop(row.row_no, None)
            self.allocations.append(Allocation(entry.entry_id, row.row_no, NOTHING.minus(part)))
            self._first_open = min(self._first_open, index)
        if over or left:
            self._leave(entry, -over - left)

    def _reduce_principal(self, entry: LedgerEntry, amount_minor: int) -> None:
        self.principal_reduced_minor += amount_minor
        self.allocations.append(Allocation(entry.entry_id, None, Split(principal=amount_minor)))

    def _serve_named_row(self, entry: LedgerEntry, row_no: int) -> int:
        row = next((row for row in self.rows if row.row_no == row_no), None)
        if row is None:
            return entry.amount_minor
        still_open = self.open_split(row)
        part = entry.split.capped(still_open) if entry.split else _by_order(entry.amount_minor, still_open)
        if not entry.amount_minor and not row.due.total:
            self.paid_on.setdefault(row_no, entry.effective_on)  # a row of nothing, which the source marks as paid
            self.allocations.append(Allocation(entry.entry_id, row_no, NOTHING))
        return entry.amount_minor - self._pay(entry, row, part)

    def _serve_components(self, entry: LedgerEntry, split: Split) -> int:
        left = split
        for row in self.rows[self._first_open :]:
            if not left.total:
                break
            part = left.capped(self.open_split(row))
            self._pay(entry, row, part)
            left = left.minus(part)
        if left.principal > 0:  # the source says principal, the rows have none left: it came off the balance
            self._prepaid_minor += left.principal
            self._reduce_principal(entry, left.principal)
        return left.total - max(left.principal, 0)

    def _pay(self, entry: LedgerEntry, row: PlanRow, part: Split) -> int:
        if not part.total:
            return 0
        self.paid[row.row_no] = self.paid.get(row.row_no, NOTHING).plus(part)
        if self.open_split(row).total <= 0:
            self.paid_on.setdefault(row.row_no, entry.effective_on)
        self._note(Allocation(entry.entry_id, row.row_no, part))
        return part.total

    def _note(self, allocation: Allocation) -> None:
        """Keep one allocation per entry and row: what spills over may come back to a row the split served in part."""
        for index in range(len(self.allocations) - 1, -1, -1):
            earlier = self.allocations[index]
            if earlier.entry_id != allocation.entry_id:
                break
            if earlier.row_no == allocation.row_no:
                self.allocations[index] = earlier._replace(split=earlier.split.plus(allocation.split))
                return
        self.allocations.append(allocation)

    def _leave(self, entry: LedgerEntry, amount_minor: int) -> None:
        self.unapplied_minor += amount_minor
        self.allocations.append(Allocation(entry.entry_id, None, NOTHING, amount_minor))


def _by_order(amount_minor: int, still_open: Split) -> Split:
    """Return how much of `amount_minor` each component takes: penalties, fees, interest, principal."""
    penalties = min(amount_minor, still_open.penalties)
    fees = min(amount_minor - penalties, still_open.fees)
    interest = min(amount_minor - penalties - fees, still_open.interest)
    principal = min(amount_minor - penalties - fees - interest, still_open.principal)
    return Split(principal, interest, fees, penalties)


def standing(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return the entries that count, in order: neither reversals nor what they reversed."""
    listed = list(entries)
    undone = {entry.reverses for entry in listed if entry.kind is EntryKind.REVERSAL}
    counting = (e for e in listed if e.kind is not EntryKind.REVERSAL and e.entry_id not in undone)
    return sorted(counting, key=lambda entry: entry.order)


def allocate(rows: Sequence[PlanRow], entries: Iterable[LedgerEntry]) -> AllocatedPlan:
    """Spread all `entries` over `rows`. Pure: the same rows and entries give the same result in whatever order they come."""
    plan = AllocatedPlan(sorted(rows, key=lambda row: (row.due_on, row.row_no)))
    for entry in standing(entries):
        plan.apply(entry)
    return plan


def allocation_history(versions: Sequence[PlanVersion], entries: Sequence[LedgerEntry]) -> list[RecordedAllocation]:
    """Return every allocation that ever stood, each with its span of knowledge.

    Knowledge grows at each `recorded_at` of an entry or a plan version. An entry that comes last in order is spread on top
    of what stands; any other one replays all that was known then, and what changed is marked replaced.
    """
    history: list[RecordedAllocation] = []
    current: dict[tuple[str, int | None, int], RecordedAllocation] = {}
    known: list[LedgerEntry] = []
    plan = AllocatedPlan(())
    changes = sorted(
        [(version.recorded_at, 0, version.anchor_no, version) for version in versions]
        + [(entry.recorded_at, 1, index, entry) for index, entry in enumerate(sorted(entries, key=lambda e: e.order))],
        key=lambda change: change[:3],
    )
    for at, _, _, change in changes:
        extends = False
        if isinstance(change, PlanVersion):
            plan = AllocatedPlan(sorted(change.rows, key=lambda row: (row.due_on, row.row_no)))
        else:
            in_order = not known or known[-1].order <= change.order
            known.append(change)
            extends = in_order and change.kind is not EntryKind.REVERSAL
            if extends:
                before = len(plan.allocations)
                plan.apply(change)
                for allocation in plan.allocations[before:]:
                    current[_key(allocation)] = RecordedAllocation(allocation, at, None)
            else:
                known.sort(key=lambda entry: entry.order)
        if extends:
            continue
        plan = allocate(plan.rows, known)
        _replace(current, history, {_key(allocation): allocation for allocation in plan.allocations}, at)
    return history + list(current.values())


def _key(allocation: Allocation) -> tuple[str, int | None, int]:
    return allocation.entry_id, allocation.row_no, 1 if allocation.unapplied_minor else 0


def _replace(
    current: dict[tuple[str, int | None, int], RecordedAllocation],
    history: list[RecordedAllocation],
    wanted: Mapping[tuple[str, int | None, int], Allocation],
    at: datetime,
) -> None:
    for key, recorded in list(current.items()):
        if wanted.get(key) != recorded.allocation:
            del current[key]
            if recorded.recorded_at < at:
                history.append(RecordedAllocation(recorded.allocation, recorded.recorded_at, at))
    for key, allocation in wanted.items():
        if key not in current:
            current[key] = RecordedAllocation(allocation, at, None)
