"""What positions are made from: snapshots for the present, plan versions and entries for everything else."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, bindparam, case, func, insert, select, update
from sqlalchemy.orm import Session

from app.domain.late_charges import ON_TIME, Lateness
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanRow, PlanVersion
from app.domain.positions import OpenCharge, OpenRow, Snapshot
from app.domain.splits import Split
from app.persistence.among import among, ids_named
from app.persistence.models.loans import (
    OF_CONTRACT,
    AllocationRow,
    InstalmentRow,
    LoanRow,
    PlanVersionRow,
    PositionSnapshotRow,
)
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.chunks import chunks
from app.persistence.queries.ledger import find_entries

_new: Callable[[type[Any], Any], Any] = tuple.__new__
"""Makes a named tuple out of values in their order: half the time of its constructor."""


class RowAsStored(NamedTuple):
    """A row of a loan's current plan. `paid_on`: value date of the entry that paid it in full; None while it is open."""

    loan_no: str
    row_no: int
    due_on: date
    principal_minor: int
    interest_minor: int
    paid_on: date | None


_SNAPSHOT = select(
    PositionSnapshotRow.loan_id,
    PositionSnapshotRow.version,
    PositionSnapshotRow.anchor_no,
    PositionSnapshotRow.principal_balance_minor,
    PositionSnapshotRow.unapplied_minor,
    PositionSnapshotRow.open_rows,
    PositionSnapshotRow.row_states,
    PositionSnapshotRow.last_effective_on,
    PositionSnapshotRow.last_recorded_at,
    PositionSnapshotRow.holds_until,
    PositionSnapshotRow.paid_late_days,
)


def find_snapshot(session: Session, borrower_id: str, loan_id: str) -> tuple[Snapshot, int] | None:
    """Return a loan's snapshot and its version, if the loan is that borrower's."""
    statement = _SNAPSHOT.where(PositionSnapshotRow.loan_id == loan_id, PositionSnapshotRow.borrower_id == borrower_id)
    row = session.execute(statement).first()
    return None if row is None else (snapshot_of_row(row), row.version)


def find_snapshots(session: Session, loan_ids: Collection[str]) -> dict[str, tuple[Snapshot, int]]:
    """Return the snapshots of these loans with their versions, by loan id."""
    found: dict[str, tuple[Snapshot, int]] = {}
    for part in chunks(loan_ids):
        rows = session.connection().execute(_SNAPSHOT.where(PositionSnapshotRow.loan_id.in_(part)))
        found |= {row.loan_id: (snapshot_of_row(row), row.version) for row in rows}
    return found


def find_recorded(session: Session, loan_ids: Collection[str]) -> dict[str, datetime | None]:
    """Return loan -> when the last entry of its ledger was recorded; None: it has none."""
    found: dict[str, datetime | None] = {}
    for part in chunks(loan_ids):
        statement = select(PositionSnapshotRow.loan_id, PositionSnapshotRow.last_recorded_at).where(
            PositionSnapshotRow.loan_id.in_(part)
        )
        found |= {row.loan_id: row.last_recorded_at for row in session.execute(statement)}
    return found


def snapshot_of_row(row: Any) -> Snapshot:
    """Return the value of a row that has the columns of a position as kept."""
    return Snapshot(
        anchor_no=row.anchor_no,
        principal_balance_minor=row.principal_balance_minor,
        unapplied_minor=row.unapplied_minor,
        open_rows=open_rows_of(row.open_rows, row.row_states),
        last_effective_on=row.last_effective_on,
        last_recorded_at=row.last_recorded_at,
        holds_until=row.holds_until,
        paid_late_days=row.paid_late_days,
    )


def open_rows_of(
    stored: Sequence[Sequence[Any]], states: Mapping[str, Any] | None, through: date = date.max
) -> tuple[OpenRow, ...]:
    """Return the open rows as stored in a snapshot, up to the first one due after `through`.

    All of them where some have a state: a charge that is due by then may stand in any of the next rows.
    """
    if not states and through == date.max:
        day = date.fromisoformat
        return tuple([_new(OpenRow, (number, day(on), Split(*parts), ON_TIME, ())) for number, on, *parts in stored])
    rows: list[OpenRow] = []
    last = through.isoformat()
    for number, due_on, *parts in stored:
        row = OpenRow(number, date.fromisoformat(due_on), Split(*parts))
        if states and (state := states.get(str(number))) is not None:
            ahead = tuple(OpenCharge(date.fromisoformat(on), fees, penalties) for on, fees, penalties in state["ahead"])
            row = row._replace(late=Lateness(*state["late"]), ahead=ahead)
        rows.append(row)
        if due_on > last and not states:
            break
    return tuple(rows)


def rows_to_store(snapshot: Snapshot) -> list[list[Any]]:
    """Return the open rows as a snapshot's row holds them."""
    return [[row.row_no, row.due_on.isoformat(), *row.open] for row in snapshot.open_rows]


def states_to_store(snapshot: Snapshot) -> dict[str, Any] | None:
    """Return the states of open rows as a snapshot's row holds them; None: none has one."""
    states = {
        str(row.row_no): {"late": list(row.late), "ahead": [[each.due_on.isoformat(), *each[1:]] for each in row.ahead]}
        for row in snapshot.open_rows
        if row.late != ON_TIME or row.ahead
    }
    return states or None


def set_snapshots(session: Session, snapshots: Mapping[str, tuple[str, Snapshot, int]]) -> None:
    """Write loan id -> (borrower id, snapshot, version); version 1 is a new row."""
    rows = [
        {
            "loan_id": loan_id,
            "borrower_id": borrower_id,
            "version": version,
            "anchor_no": snapshot.anchor_no,
            "principal_balance_minor": snapshot.principal_balance_minor,
            "unapplied_minor": snapshot.unapplied_minor,
            "open_rows": rows_to_store(snapshot),
            "row_states": states_to_store(snapshot),
            "last_effective_on": snapshot.last_effective_on,
            "last_recorded_at": snapshot.last_recorded_at,
            "holds_until": snapshot.holds_until,
            "paid_late_days": snapshot.paid_late_days,
        }
        for loan_id, (borrower_id, snapshot, version) in snapshots.items()
    ]
    new = [row for row in rows if row["version"] == 1]
    old = [row for row in rows if row["version"] != 1]
    if new:
        session.connection().execute(insert(cast(Table, PositionSnapshotRow.__table__)), new)
    if old:
        session.execute(update(PositionSnapshotRow), old)


_IDS = ids_named("b_ids")
_INSTALMENTS = PreparedSelect(
    select(
        InstalmentRow.loan_id, InstalmentRow.anchor_no, InstalmentRow.row_no, InstalmentRow.due_on,
        InstalmentRow.principal_minor, InstalmentRow.interest_minor, InstalmentRow.fees_minor,
        InstalmentRow.penalties_minor,
    ).where(among(InstalmentRow.loan_id, _IDS)),
    tuple,
)  # fmt: skip
_VERSIONS = PreparedSelect(
    select(
        PlanVersionRow.loan_id, PlanVersionRow.anchor_no, PlanVersionRow.recorded_at, PlanVersionRow.effective_on,
        PlanVersionRow.origin,
    )
    .where(among(PlanVersionRow.loan_id, _IDS))
    .order_by(PlanVersionRow.loan_id, PlanVersionRow.anchor_no),
    tuple,
)  # fmt: skip
_BY_DAY = itemgetter(1, 0)


def find_plan_versions(session: Session, loan_ids: Collection[str]) -> dict[str, list[PlanVersion]]:
    """Return every plan version of these loans with its rows, oldest first."""
    found: dict[str, list[PlanVersion]] = {loan_id: [] for loan_id in loan_ids}
    if not found:
        return found
    connection = session.connection()
    rows: dict[tuple[str, int], list[PlanRow]] = defaultdict(list)
    for loan_id, anchor_no, row_no, due_on, *amounts in _INSTALMENTS.all(connection, {"b_ids": found}):
        rows[loan_id, anchor_no].append(_new(PlanRow, (row_no, due_on, _new(Split, amounts))))
    for loan_id, anchor_no, recorded_at, effective_on, origin in _VERSIONS.all(connection, {"b_ids": found}):
        ordered = sorted(rows.get((loan_id, anchor_no), ()), key=_BY_DAY)
        given = origin != OF_CONTRACT
        found[loan_id].append(PlanVersion(anchor_no, tuple(ordered), recorded_at, effective_on, given))
    return found


def load_ledgers(
    session: Session, loan_ids: Collection[str]
) -> dict[str, tuple[Sequence[PlanVersion], Sequence[LedgerEntry]]]:
    """Return (plan versions, entries) of each of these loans: all that a position is made from."""
    versions = find_plan_versions(session, loan_ids)
    entries = find_entries(session, loan_ids)
    return {loan_id: (versions[loan_id], entries[loan_id]) for loan_id in loan_ids}


def load_ledger(session: Session, loan_id: str) -> tuple[Sequence[PlanVersion], Sequence[LedgerEntry]]:
    """Return the plan versions and entries of one loan."""
    return load_ledgers(session, [loan_id])[loan_id]


def find_rows(session: Session, loan_ids: Collection[str]) -> list[RowAsStored]:
    """Return the current plan rows of these loans, by loan id and row."""
    paid = (
        select(
            AllocationRow.loan_id,
            AllocationRow.row_no,
            func.sum(
                AllocationRow.principal_minor
                + AllocationRow.interest_minor
                + AllocationRow.fees_minor
                + AllocationRow.penalties_minor
            ).label("paid_minor"),
            func.max(AllocationRow.effective_on).label("last_on"),
        )
        .where(AllocationRow.loan_id.in_(bindparam("ids", expanding=True)), AllocationRow.replaced_at.is_(None))
        .group_by(AllocationRow.loan_id, AllocationRow.row_no)
        .subquery()
    )
    due = (
        InstalmentRow.principal_minor
        + InstalmentRow.interest_minor
        + InstalmentRow.fees_minor
        + InstalmentRow.penalties_minor
    )
    statement = (
        select(
            LoanRow.loan_no,
            InstalmentRow.row_no,
            InstalmentRow.due_on,
            InstalmentRow.principal_minor,
            InstalmentRow.interest_minor,
            case((paid.c.paid_minor >= due, paid.c.last_on)),
        )
        .join(LoanRow, (LoanRow.id == InstalmentRow.loan_id) & (LoanRow.anchor_no == InstalmentRow.anchor_no))
        .outerjoin(paid, (paid.c.loan_id == InstalmentRow.loan_id) & (paid.c.row_no == InstalmentRow.row_no))
        .where(InstalmentRow.loan_id.in_(bindparam("ids", expanding=True)))
        .order_by(LoanRow.id, InstalmentRow.row_no)
    )
    found: list[RowAsStored] = []
    for part in chunks(loan_ids):
        found += (RowAsStored(*row) for row in session.execute(statement, {"ids": list(part)}))
    return found
