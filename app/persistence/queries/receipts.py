"""What receipts are made from: a loan's entries as its borrower sees them, their allocations, and what changed those.

Every statement filters by the borrower: what is another's is not there.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, or_, select, tuple_
from sqlalchemy.orm import aliased

from app.domain.account_rows import Allocation
from app.domain.allocation_history import RecordedAllocation
from app.domain.receipts import Change
from app.domain.splits import Split
from app.persistence.models.loans import AllocationRow, LedgerEntryRow, PlanVersionRow

_COLUMNS: tuple[Any, ...] = (
    LedgerEntryRow.id,
    LedgerEntryRow.kind,
    LedgerEntryRow.amount_minor,
    LedgerEntryRow.currency,
    LedgerEntryRow.effective_on,
    LedgerEntryRow.recorded_at,
    LedgerEntryRow.reference,
    LedgerEntryRow.reverses_id,
    LedgerEntryRow.due_on,
    LedgerEntryRow.principal_minor,
    LedgerEntryRow.interest_minor,
    LedgerEntryRow.fees_minor,
    LedgerEntryRow.penalties_minor,
    LedgerEntryRow.channel,
)


def _entries(borrower_id: str, loan_id: str) -> Select[Any]:
    return select(*_COLUMNS).where(LedgerEntryRow.loan_id == loan_id, LedgerEntryRow.borrower_id == borrower_id)


def page_entries(
    reads: Connection, borrower_id: str, loan_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return up to `limit` ledger entries of a loan, newest first by (recorded_at, id), older than `before`."""
    statement = (
        _entries(borrower_id, loan_id).order_by(LedgerEntryRow.recorded_at.desc(), LedgerEntryRow.id.desc()).limit(limit)
    )
    if before is not None:
        statement = statement.where(tuple_(LedgerEntryRow.recorded_at, LedgerEntryRow.id) < before)
    return reads.execute(statement).all()


def find_entry(reads: Connection, borrower_id: str, loan_id: str, entry_id: str) -> Any:
    """Return one ledger entry of a loan; None when the loan is not this borrower's or the entry not the loan's."""
    return reads.execute(_entries(borrower_id, loan_id).where(LedgerEntryRow.id == entry_id)).first()


def find_spans(
    reads: Connection, borrower_id: str, loan_id: str, entry_ids: Collection[str]
) -> dict[str, list[RecordedAllocation]]:
    """Return every allocation these entries ever had, by entry id, replaced ones too."""
    found: dict[str, list[RecordedAllocation]] = {entry_id: [] for entry_id in entry_ids}
    rows = reads.execute(
        select(
            AllocationRow.entry_id,
            AllocationRow.row_no,
            AllocationRow.principal_minor,
            AllocationRow.interest_minor,
            AllocationRow.fees_minor,
            AllocationRow.penalties_minor,
            AllocationRow.unapplied_minor,
            AllocationRow.recorded_at,
            AllocationRow.replaced_at,
        ).where(
            AllocationRow.loan_id == loan_id,
            AllocationRow.borrower_id == borrower_id,
            AllocationRow.entry_id.in_(entry_ids),
        )
    )
    for entry_id, row_no, p, i, f, n, unapplied, recorded_at, replaced_at in rows:
        allocation = Allocation(entry_id, row_no, Split(p, i, f, n), unapplied)
        found[entry_id].append(RecordedAllocation(allocation, recorded_at, replaced_at))
    return found


def find_changes(
    reads: Connection, borrower_id: str, loan_id: str, entry_ids: Collection[str], instants: Collection[datetime]
) -> list[Change]:
    """Return the reversals of these entries, and every entry and plan version of the loan recorded at these instants."""
    undone = aliased(LedgerEntryRow)
    rows = reads.execute(
        select(
            LedgerEntryRow.id,
            LedgerEntryRow.effective_on,
            LedgerEntryRow.recorded_at,
            LedgerEntryRow.reverses_id,
            undone.effective_on,
            undone.recorded_at,
        )
        .outerjoin(undone, undone.id == LedgerEntryRow.reverses_id)
        .where(
            LedgerEntryRow.loan_id == loan_id,
            LedgerEntryRow.borrower_id == borrower_id,
            or_(LedgerEntryRow.reverses_id.in_(entry_ids), LedgerEntryRow.recorded_at.in_(instants)),
        )
    )
    found: list[Change] = []
    for entry_id, effective_on, recorded_at, reverses, undone_on, undone_at in rows:
        place = (undone_on, undone_at, reverses) if reverses else (effective_on, recorded_at, entry_id)
        found.append(Change(recorded_at, entry_id=entry_id, reverses=reverses, counts_from=place))
    if instants:
        versions = reads.execute(
            select(PlanVersionRow.recorded_at, PlanVersionRow.anchor_no).where(
                PlanVersionRow.loan_id == loan_id,
                PlanVersionRow.borrower_id == borrower_id,
                PlanVersionRow.recorded_at.in_(instants),
            )
        )
        found += (Change(recorded_at, plan_version=anchor_no) for recorded_at, anchor_no in versions)
    return found
