"""Positions, and keeping what is derived from the ledger (allocations, snapshots, closed loans) true to it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.allocation_history import RecordedAllocation, allocation_history
from app.domain.caps import OVER_CAP
from app.domain.ledger import LedgerEntry
from app.domain.plans import PlanVersion
from app.domain.positions import Position, Snapshot, position_at, replay
from app.domain.refunds import OVERPAID, OVERPAID_STANDS, overpaid_minor
from app.persistence.ids import new_id
from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks
from app.persistence.queries.follow_ups import put_follow_ups
from app.persistence.queries.ledger import StoredAllocation, change_allocations, find_allocations
from app.persistence.queries.loans import set_loans
from app.persistence.queries.positions import find_snapshot, find_snapshots, load_ledger, load_ledgers, set_snapshots
from app.persistence.unit_of_work import Work
from app.services.follow_ups import follow_up_at
from app.services.terms import Contracted, kernel_terms


class Loan(Contracted, Protocol):
    """What a position needs of a loan; a `LoanRow` has it."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def borrower_id(self) -> str: ...  # noqa: D102


class _LoanFacts(NamedTuple):
    id: str
    borrower_id: str
    principal_minor: int | None
    disbursed_on: date | None
    contract: dict[str, Any]
    cap: dict[str, Any] | None
    stops: list[list[Any]] | None
    over_cap_minor: int
    status: str
    version: int
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A loan whose stored snapshot or allocations are not what its ledger gives."""

    loan_id: str
    what: str


def position_by(snapshot: Snapshot, loan: Loan, as_of: date) -> Position:
    """Return the position that a snapshot of the loan gives for a day, by the loan's own terms."""
    terms, rule, pauses = kernel_terms(loan)
    return position_at(snapshot, as_of, rule, terms, pauses=pauses)


def position_of(session: Session, loan: Loan, as_of: date, known_at: datetime | None = None) -> Position:
    """Return the position at the end of `as_of`, as now known or as it was known at `known_at`."""
    return position_by(snapshot_on(session, loan, as_of, known_at), loan, as_of)


def snapshot_on(session: Session, loan: Loan, as_of: date, known_at: datetime | None = None) -> Snapshot:
    """Return what a position at the end of `as_of` is made of, as now known or as it was known at `known_at`.

    One statement when the stored snapshot answers; an earlier day or a `known_at` replays the ledger.
    """
    if known_at is None:
        found = find_snapshot(session, loan.borrower_id, loan.id)
        if found is not None and answers(found[0], as_of):
            return found[0]
    versions, entries = load_ledger(session, loan.id)
    return replay(loan.principal_minor, versions, entries, as_of, known_at, kernel_terms(loan).terms)


def positions_of(
    session: Session, loans: Sequence[Loan], as_of: date, known_at: datetime | None = None
) -> dict[str, Position]:
    """Return the positions of many loans by id, with a handful of statements."""
    ready = snapshots_of(session, loans, as_of, known_at)
    return {loan.id: position_by(ready[loan.id], loan, as_of) for loan in loans}


def snapshots_of(
    session: Session, loans: Sequence[Loan], as_of: date, known_at: datetime | None = None
) -> dict[str, Snapshot]:
    """Return what the positions of many loans at the end of a day are made of, as `snapshot_on` does for one."""
    by_id = {loan.id: loan for loan in loans}
    snapshots = {} if known_at else find_snapshots(session, by_id)
    ready = {key: snapshot for key, (snapshot, _) in snapshots.items() if answers(snapshot, as_of)}
    ledgers = load_ledgers(session, [key for key in by_id if key not in ready])
    for key, (versions, entries) in ledgers.items():
        loan = by_id[key]
        ready[key] = replay(loan.principal_minor, versions, entries, as_of, known_at, kernel_terms(loan).terms)
    return ready


def answers(snapshot: Any, as_of: date) -> bool:
    """Return whether a snapshot (or the row that holds one) answers for the end of `as_of`."""
    last, until = snapshot.last_effective_on, snapshot.holds_until
    return (last is None or last <= as_of) and (until is None or as_of <= until)


def rebuild_positions(work: Work, loan_ids: Collection[str]) -> None:
    """Bring allocations, snapshots and the closed status of these loans to what their ledger says.

    Call it in the unit of work that wrote to the ledger, after the last write. Only what differs is written.
    """
    for part in chunks(sorted(set(loan_ids))):
        _rebuild(work, part)


def _rebuild(work: Work, loan_ids: Sequence[str]) -> None:
    session = work.session
    loans = _find_loans(session, loan_ids)
    ledgers = load_ledgers(session, loan_ids)
    stored = find_allocations(session, loan_ids)
    before = find_snapshots(session, loan_ids)
    added: list[dict[str, Any]] = []
    replaced: list[tuple[str, datetime | None]] = []
    removed: list[str] = []
    snapshots: dict[str, tuple[str, Snapshot, int]] = {}
    statuses: list[dict[str, Any]] = []
    of_unknown_cap: dict[str, str] = {}
    known_at: list[datetime] = []
    for loan in loans:
        versions, entries = ledgers[loan.id]
        terms = kernel_terms(loan).terms
        history = allocation_history(versions, entries, terms)
        missing, changed, gone = _compare(history, stored[loan.id])
        added += _allocation_rows(loan, missing, entries)
        replaced += changed
        removed += gone
        snapshot = replay(loan.principal_minor, versions, entries, terms=terms)
        old, version = before.get(loan.id, (None, 0))
        snapshots[loan.id] = (loan.borrower_id, snapshot, version + 1)
        _follow_overpayment(work, loan, old, snapshot)
        _follow_cap(work, loan, snapshot, versions)
        if loan.cap and loan.cap.get("may_bind") and snapshot.anchor_no and (old is None or not old.anchor_no):
            of_unknown_cap[loan.id] = loan.borrower_id
            known_at += [each.recorded_at for each in versions]
        was_paid = loan.ended_at is None and old is not None and old.settled
        status = status_after(loan.status, was_paid=was_paid, is_settled=snapshot.settled)
        if (status, snapshot.over_cap_minor) != (loan.status, loan.over_cap_minor):
            over = {"over_cap_minor": snapshot.over_cap_minor}
            statuses.append({"id": loan.id, "status": status, "version": loan.version + 1, **over})
    change_allocations(session, added=added, replaced=replaced, removed=removed)
    set_snapshots(session, snapshots)
    set_loans(session, statuses)
    if of_unknown_cap:
        put_follow_ups(session, OVER_CAP, of_unknown_cap, at=min(known_at))


def _follow_cap(work: Work, loan: _LoanFacts, snapshot: Snapshot, versions: Sequence[PlanVersion]) -> None:
    """Have a loan looked at that comes to ask more than its cap allows, or no longer does."""
    if snapshot.over_cap_minor != loan.over_cap_minor:
        known_at = max(filter(None, [snapshot.last_recorded_at, *(each.recorded_at for each in versions)]))
        follow_up_at(work, OVER_CAP, loan.id, loan.borrower_id, at=known_at)


def _follow_overpayment(work: Work, loan: _LoanFacts, old: Snapshot | None, snapshot: Snapshot) -> None:
    """Have an overpayment that is new or another one looked at once it has stood for a while."""
    over_minor, last = overpaid_minor(snapshot), snapshot.last_recorded_at
    if over_minor and last is not None and (old is None or overpaid_minor(old) != over_minor):
        follow_up_at(work, OVERPAID, loan.id, loan.borrower_id, at=last + OVERPAID_STANDS)


def status_after(status: str, *, was_paid: bool, is_settled: bool) -> str:
    """Close what is paid; reopen what a reversal made owed again. A loan the core closed unpaid stays as the core says."""
    if status == "active" and is_settled:
        return "closed"
    if status == "closed" and was_paid and not is_settled:
        return "active"
    return status


def find_differences(session: Session, loan_ids: Collection[str]) -> list[Difference]:
    """Return where stored snapshots or allocations differ from what the ledger gives; there must be none."""
    found: list[Difference] = []
    for part in chunks(loan_ids):
        ledgers = load_ledgers(session, part)
        stored = find_allocations(session, part)
        snapshots = find_snapshots(session, part)
        for loan in _find_loans(session, part):
            versions, entries = ledgers[loan.id]
            terms = kernel_terms(loan).terms
            if any(_compare(allocation_history(versions, entries, terms), stored[loan.id])):
                found.append(Difference(loan.id, "allocations"))
            kept = snapshots.get(loan.id)
            played = replay(loan.principal_minor, versions, entries, terms=terms)
            if kept is None or kept[0] != played:
                found.append(Difference(loan.id, "snapshot"))
            if kept is not None and played.over_cap_minor != loan.over_cap_minor:
                found.append(Difference(loan.id, "over_cap"))
    return found


def _find_loans(session: Session, loan_ids: Sequence[str]) -> list[_LoanFacts]:
    statement = select(
        LoanRow.id,
        LoanRow.borrower_id,
        LoanRow.principal_minor,
        LoanRow.disbursed_on,
        LoanRow.contract,
        LoanRow.cap,
        LoanRow.stops,
        LoanRow.over_cap_minor,
        LoanRow.status,
        LoanRow.version,
        LoanRow.ended_at,
    )
    return [_LoanFacts(*row) for row in session.execute(statement.where(LoanRow.id.in_(loan_ids)))]


def _compare(
    wanted: Sequence[RecordedAllocation], stored: Sequence[StoredAllocation]
) -> tuple[list[RecordedAllocation], list[tuple[str, datetime | None]], list[str]]:
    """Return (to add, row ids whose `replaced_at` changes, row ids to remove)."""
    kept = {(each.recorded.allocation, each.recorded.recorded_at): each for each in stored}
    missing: list[RecordedAllocation] = []
    changed: list[tuple[str, datetime | None]] = []
    for each in wanted:
        found = kept.pop((each.allocation, each.recorded_at), None)
        if found is None:
            missing.append(each)
        elif found.recorded.replaced_at != each.replaced_at:
            changed.append((found.id, each.replaced_at))
    return missing, changed, [each.id for each in kept.values()]


def _allocation_rows(
    loan: _LoanFacts, allocations: Sequence[RecordedAllocation], entries: Sequence[LedgerEntry]
) -> list[dict[str, Any]]:
    effective = {entry.entry_id: entry.effective_on for entry in entries}
    return [
        {
            "id": new_id(),
            "borrower_id": loan.borrower_id,
            "loan_id": loan.id,
            "entry_id": allocation.entry_id,
            "row_no": allocation.row_no,
            "principal_minor": allocation.split.principal,
            "interest_minor": allocation.split.interest,
            "fees_minor": allocation.split.fees,
            "penalties_minor": allocation.split.penalties,
            "unapplied_minor": allocation.unapplied_minor,
            "effective_on": effective[allocation.entry_id],
            "recorded_at": recorded_at,
            "replaced_at": replaced_at,
        }
        for allocation, recorded_at, replaced_at in allocations
    ]
