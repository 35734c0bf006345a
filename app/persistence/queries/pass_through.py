"""What of a loan's ledger was passed on, to whom; sums are worked out in the database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Connection, Table, func, select, tuple_
from sqlalchemy.orm import Session

from app.domain.funder_claims import PrincipalPassed
from app.domain.funding_shares import OWN
from app.domain.ledger import EntryKind
from app.domain.pass_through import Mark, Part, Recovery, Standing
from app.domain.splits import Split
from app.persistence import bulk
from app.persistence.models.funding import PassThroughEntryRow, PassThroughMarkRow
from app.persistence.models.loans import AllocationRow, LedgerEntryRow, LoanRow, PositionSnapshotRow
from app.persistence.queries.chunks import chunks

_ENTRIES = cast(Table, PassThroughEntryRow.__table__)
_MARKS = cast(Table, PassThroughMarkRow.__table__)
_MONEY = (EntryKind.REPAYMENT.value, EntryKind.PREPAYMENT.value)
_GIVEN_UP = (EntryKind.WAIVER.value, EntryKind.SOURCE_ADJUSTMENT.value)
_NAMES = ("principal", "interest", "fees", "penalties")


def _sums(table: Any) -> list[Any]:
    # PostgreSQL adds BIGINTs up to a NUMERIC: what comes back is made an int again.
    return [func.sum(getattr(table, f"{name}_minor")) for name in _NAMES]


def _split(columns: Iterable[Any]) -> Split:
    return Split(*(int(each or 0) for each in columns))


def find_recoveries(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, list[Recovery]]:
    """Return what money that came in, and principal given up, did to these loans as it stands now, in order."""
    found: dict[str, list[Recovery]] = {loan_id: [] for loan_id in loan_ids}
    for part in chunks(loan_ids):
        statement = (
            select(
                AllocationRow.loan_id, AllocationRow.entry_id, LedgerEntryRow.kind, LedgerEntryRow.effective_on,
                LedgerEntryRow.recorded_at, *_sums(AllocationRow),
            )
            .join(LedgerEntryRow, LedgerEntryRow.id == AllocationRow.entry_id)
            .where(
                AllocationRow.loan_id.in_(part), AllocationRow.replaced_at.is_(None),
                LedgerEntryRow.kind.in_((*_MONEY, *_GIVEN_UP)),
            )
            .group_by(
                AllocationRow.loan_id, AllocationRow.entry_id, LedgerEntryRow.kind, LedgerEntryRow.effective_on,
                LedgerEntryRow.recorded_at,
            )
            .order_by(LedgerEntryRow.effective_on, LedgerEntryRow.recorded_at, AllocationRow.entry_id)
        )  # fmt: skip
        for loan_id, entry_id, kind, on, _, *columns in reads.execute(statement):
            is_money = kind in _MONEY
            split = _split(columns)
            found[loan_id].append(Recovery(entry_id, on, split if is_money else Split(split.principal), is_money))
    return found


def find_marks(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, dict[str, Mark]]:
    """Return loan -> entry -> how it was passed on last."""
    found: dict[str, dict[str, Mark]] = {loan_id: {} for loan_id in loan_ids}
    for part in chunks(loan_ids):
        for row in reads.execute(select(_MARKS).where(PassThroughMarkRow.loan_id.in_(part))):
            split = Split(row.principal_minor, row.interest_minor, row.fees_minor, row.penalties_minor)
            mark = Mark(row.revision, row.effective_on, split, row.is_money, row.shares_hash)
            found[row.loan_id][row.entry_id] = mark
    return found


def find_parts(reads: Connection | Session, entry_ids: Collection[str]) -> dict[str, dict[str, Part]]:
    """Return entry -> holder -> what they have of it by now."""
    found: dict[str, dict[str, Part]] = {}
    for part in chunks(entry_ids):
        statement = (
            select(
                PassThroughEntryRow.entry_id, PassThroughEntryRow.funder_id,
                func.sum(PassThroughEntryRow.service_fee_minor), *_sums(PassThroughEntryRow),
            )
            .where(PassThroughEntryRow.entry_id.in_(part))
            .group_by(PassThroughEntryRow.entry_id, PassThroughEntryRow.funder_id)
        )  # fmt: skip
        for entry_id, funder_id, fee, *columns in reads.execute(statement):
            found.setdefault(entry_id, {})[funder_id or OWN] = Part(_split(columns), int(fee))
    return found


def find_standing(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, Standing]:
    """Return loan -> all that was passed on of it, by holder."""
    found = {loan_id: Standing() for loan_id in loan_ids}
    for part in chunks(loan_ids):
        statement = (
            select(
                PassThroughEntryRow.loan_id, PassThroughEntryRow.funder_id,
                func.sum(PassThroughEntryRow.service_fee_minor), *_sums(PassThroughEntryRow),
            )
            .where(PassThroughEntryRow.loan_id.in_(part))
            .group_by(PassThroughEntryRow.loan_id, PassThroughEntryRow.funder_id)
        )  # fmt: skip
        for loan_id, funder_id, fee, *columns in reads.execute(statement):
            found[loan_id].gross[funder_id or OWN] = _split(columns)
            found[loan_id].fees[funder_id or OWN] = int(fee)
    return found


def find_principal_passed(
    reads: Connection | Session, loan_ids: Collection[str], *, until: date | None = None
) -> dict[str, list[PrincipalPassed]]:
    """Return loan -> principal passed on by value date and holder, of what was booked until the end of a day."""
    found: dict[str, list[PrincipalPassed]] = {loan_id: [] for loan_id in loan_ids}
    for part in chunks(loan_ids):
        statement = (
            select(
                PassThroughEntryRow.loan_id, PassThroughEntryRow.effective_on, PassThroughEntryRow.funder_id,
                func.sum(PassThroughEntryRow.principal_minor),
            )
            .where(PassThroughEntryRow.loan_id.in_(part))
            .group_by(PassThroughEntryRow.loan_id, PassThroughEntryRow.effective_on, PassThroughEntryRow.funder_id)
        )  # fmt: skip
        if until is not None:
            statement = statement.where(PassThroughEntryRow.booked_on <= until)
        for loan_id, on, funder_id, principal in reads.execute(statement):
            found[loan_id].append(PrincipalPassed(on, funder_id or OWN, int(principal)))
    return found


def find_snapshot_versions(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return loan -> (version of its snapshot, principal balance)."""
    found: dict[str, tuple[int, int]] = {}
    for part in chunks(loan_ids):
        statement = select(
            PositionSnapshotRow.loan_id, PositionSnapshotRow.version, PositionSnapshotRow.principal_balance_minor
        ).where(PositionSnapshotRow.loan_id.in_(part))
        found |= {row[0]: (row[1], row[2]) for row in reads.execute(statement)}
    return found


def add_passed(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append what holders got or gave back."""
    bulk.add_rows(session, _ENTRIES, rows)


def set_marks(session: Session, added: Sequence[Mapping[str, Any]], changed: Sequence[Mapping[str, Any]]) -> None:
    """Note how entries were passed on."""
    bulk.add_rows(session, _MARKS, added)
    names = [column.name for column in _MARKS.columns if column.name != "loan_id"]
    bulk.change_rows(session, _MARKS, changed, columns={name: name for name in names}, key="entry_id")


def sum_by_entry(reads: Connection | Session, loan_ids: Collection[str]) -> dict[str, Split]:
    """Return entry -> what was passed on of it to all holders together."""
    found: dict[str, Split] = {}
    for part in chunks(loan_ids):
        statement = (
            select(PassThroughEntryRow.entry_id, *_sums(PassThroughEntryRow))
            .where(PassThroughEntryRow.loan_id.in_(part))
            .group_by(PassThroughEntryRow.entry_id)
        )
        found |= {entry_id: _split(columns) for entry_id, *columns in reads.execute(statement)}
    return found


def sum_of_funder(
    reads: Connection | Session, funder_id: str, *, after: date | None = None, until: date | None = None
) -> list[Any]:
    """Return (loan, is_money, service fee, split) of what was passed on to a funder; after exclusive, until inclusive."""
    statement = (
        select(
            PassThroughEntryRow.loan_id, PassThroughEntryRow.is_money, func.sum(PassThroughEntryRow.service_fee_minor),
            *_sums(PassThroughEntryRow),
        )
        .where(PassThroughEntryRow.funder_id == funder_id)
        .group_by(PassThroughEntryRow.loan_id, PassThroughEntryRow.is_money)
    )  # fmt: skip
    if after is not None:
        statement = statement.where(PassThroughEntryRow.booked_on > after)
    if until is not None:
        statement = statement.where(PassThroughEntryRow.booked_on <= until)
    return [(loan_id, is_money, int(fee), _split(columns)) for loan_id, is_money, fee, *columns in reads.execute(statement)]


def page_of_funder(
    reads: Connection | Session, funder_id: str, *, first: date, last: date, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return what was booked for a funder in a period (both days inclusive) with the loans' numbers, oldest first.

    `after`: (booked_at, id) of the row that the page follows.
    """
    key = tuple_(PassThroughEntryRow.booked_at, PassThroughEntryRow.id)
    statement = (
        select(_ENTRIES, LoanRow.loan_no)
        .join(LoanRow, LoanRow.id == PassThroughEntryRow.loan_id)
        .where(PassThroughEntryRow.funder_id == funder_id, PassThroughEntryRow.booked_on.between(first, last))
        .order_by(PassThroughEntryRow.booked_at, PassThroughEntryRow.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(key > after)
    return reads.execute(statement).all()
