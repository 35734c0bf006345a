"""What every payment did to every row, and for how long that was what was known: the past of the book, never rewritten."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from app.domain.account_rows import Allocation
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.replay import Account, allocate, terms_under
from app.domain.terms import PLAIN, LoanTerms, known_terms, stops_known_at


class RecordedAllocation(NamedTuple):
    """An allocation with the span of knowledge in which it stood: from `recorded_at` until `replaced_at` (None: still)."""

    allocation: Allocation
    recorded_at: datetime
    replaced_at: datetime | None


def allocation_history(
    versions: Sequence[PlanVersion], entries: Sequence[LedgerEntry], terms: LoanTerms = PLAIN
) -> list[RecordedAllocation]:
    """Return every allocation that ever stood, each with its span of knowledge.

    Knowledge grows at each `recorded_at` of an entry or a plan version, and as stops of interest are known. An entry that
    comes last in order is spread on top of what stands; any other one replays all that was known then, and what changed is
    marked replaced.
    """
    history: list[RecordedAllocation] = []
    current: dict[tuple[str, int | None, int], RecordedAllocation] = {}
    known: list[LedgerEntry] = []
    undone: set[str | None] = set()
    version: PlanVersion | None = None
    rows: Sequence[PlanRow] = ()
    known_from = min([*(each.recorded_at for each in versions), *(each.recorded_at for each in entries)], default=None)
    its_terms = replace(known_terms(terms, known_from), contract=None)
    account = Account((), its_terms)
    changes: list[tuple[datetime, int, int, PlanVersion | LedgerEntry | None]] = sorted(
        [(version.recorded_at, 0, version.anchor_no, version) for version in versions]
        + [(entry.recorded_at, 1, index, entry) for index, entry in enumerate(sorted(entries, key=lambda e: e.order))]
        + [(at, 2, 0, None) for at in stops_known_at(terms)],
        key=lambda change: change[:3],
    )
    for at, _, _, change in changes:
        extends = False
        if isinstance(change, PlanVersion):
            version, rows, its_terms = change, change.rows, terms_under(change, known_terms(terms, at))
        elif change is None:
            its_terms = terms_under(version, known_terms(terms, at))
        else:
            in_order = not known or known[-1].order <= change.order
            known.append(change)
            if change.kind is EntryKind.REVERSAL:
                undone.add(change.reverses)
            # A reversal may be known before what it undoes: one file brings both, or the two come in the wrong order.
            extends = in_order and change.kind is not EntryKind.REVERSAL and change.entry_id not in undone
            if extends:
                before = len(account.allocations)
                account.apply(change)
                for allocation in account.allocations[before:]:
                    current[_key(allocation)] = RecordedAllocation(allocation, at, None)
            else:
                known.sort(key=lambda entry: entry.order)
        if extends:
            continue
        account = allocate(rows, known, its_terms)
        _replace(current, history, {_key(allocation): allocation for allocation in account.allocations}, at)
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
