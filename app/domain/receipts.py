"""Receipts: how an entry was spread when it was posted, how it is spread now, and what came between.

A stored allocation carries the span of knowledge in which it stood (`replay.py`). Cut at every instant at which one of them
begins or ends, the spans of an entry make its standings: one after the other, from the instant the entry was recorded.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from app.domain.account_rows import Allocation
from app.domain.allocation_history import RecordedAllocation
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.splits import NOTHING, Split


class Change(NamedTuple):
    """Something that became known and may spread entries anew: an entry (`entry_id`), or a plan (`plan_version`)."""

    recorded_at: datetime
    entry_id: str | None = None
    plan_version: int | None = None
    reverses: str | None = None
    """Id of the entry that a reversal takes back."""
    counts_from: tuple[date, datetime, str] | None = None
    """Where in `LedgerEntry.order` an entry counts; a reversal counts where the entry it takes back did."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What an entry does, as known from `from_at` (inclusive) until `until_at` (exclusive; None: it still stands)."""

    from_at: datetime
    until_at: datetime | None
    because: Change | None
    """What began it: at first the entry itself. None only where nothing was recorded at that instant."""
    allocations: tuple[Allocation, ...]
    """By row, those outside the rows last."""
    levied: Split = NOTHING
    """What a charge asks for."""

    @property
    def rows(self) -> list[tuple[int | None, Split]]:
        """What went to each row; row None: to the principal balance outside the plan."""
        return [(row_no, split) for _, row_no, split, _ in self.allocations if split.total or row_no is not None]

    @property
    def split(self) -> Split:
        """What it pays by component, over all rows, or what a charge asks for."""
        if any(self.levied):
            return self.levied  # what money paid over before pays of it is in `rows`
        total = NOTHING
        for allocation in self.allocations:
            total = total.plus(allocation.split)
        return total

    @property
    def unapplied_minor(self) -> int:
        """What of it is paid beyond all rows; negative where a refund gives such money back."""
        return sum(allocation.unapplied_minor for allocation in self.allocations)


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry's standings, oldest first; there is always one."""

    standings: tuple[Standing, ...]
    reversed: bool
    """Taken back by a later reversal."""

    @property
    def as_posted(self) -> Standing:
        """What stood when the entry became known."""
        return self.standings[0]

    @property
    def now(self) -> Standing:
        """What stands as now known."""
        return self.standings[-1]

    @property
    def replaced_by(self) -> Change | None:
        """What ended the standing as posted; None while it stands."""
        return self.standings[1].because if len(self.standings) > 1 else None


def receipt_of(entry: LedgerEntry, spans: Sequence[RecordedAllocation], changes: Sequence[Change]) -> Receipt:
    """Return the receipt of an entry out of its stored allocations, replaced ones too, in any order.

    `changes`: at least what was recorded at the instants in `spans`, and the reversal of the entry where it has one.
    """
    reversal = next((change for change in changes if change.reverses == entry.entry_id), None)
    asked = (entry.split or NOTHING) if entry.kind is EntryKind.CHARGE else NOTHING
    cuts = {entry.recorded_at, *instants_of(spans)} | ({reversal.recorded_at} if reversal else set())
    stood: list[tuple[datetime, tuple[Allocation, ...], Split]] = []
    for at in sorted(cut for cut in cuts if cut >= entry.recorded_at):
        allocations = _standing_at(at, spans)
        levied = asked if reversal is None or at < reversal.recorded_at else NOTHING
        # Of several changes known at once, one may put back what another replaced.
        if not stood or stood[-1][1:] != (allocations, levied):
            stood.append((at, allocations, levied))
    ends = [at for at, _, _ in stood[1:]]
    itself = Change(entry.recorded_at, entry_id=entry.entry_id, reverses=entry.reverses)
    standings = tuple(
        Standing(at, until, _cause(entry, at, changes) if at > entry.recorded_at else itself, allocations, levied)
        for (at, allocations, levied), until in zip(stood, [*ends, None], strict=True)
    )
    return Receipt(standings, reversed=reversal is not None)


def instants_of(spans: Iterable[RecordedAllocation]) -> set[datetime]:
    """Return every instant at which one of these allocations began to stand or ceased to."""
    return {at for span in spans for at in (span.recorded_at, span.replaced_at) if at is not None}


def _standing_at(at: datetime, spans: Sequence[RecordedAllocation]) -> tuple[Allocation, ...]:
    found = [
        span.allocation for span in spans if span.recorded_at <= at and (span.replaced_at is None or at < span.replaced_at)
    ]
    return tuple(sorted(found, key=lambda each: (each.row_no is None, each.row_no or 0, each.unapplied_minor != 0)))


def _cause(entry: LedgerEntry, at: datetime, changes: Iterable[Change]) -> Change | None:
    """Return what spread the entry anew at that instant.

    Where several became known at once: its own reversal, else the newest plan, else the entry that counts first. One that
    counts after this entry moves nothing of it, so such a one is named only when there is no other.
    """

    def rank(change: Change) -> tuple[int, int, tuple[object, ...]]:
        if change.reverses == entry.entry_id:
            return 0, 0, ()
        if change.plan_version is not None:
            return 1, -change.plan_version, ()
        place = change.counts_from or ()
        return (2 if place and place < entry.order else 3), 0, place

    return min((change for change in changes if change.recorded_at == at), key=rank, default=None)
