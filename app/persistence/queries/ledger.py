"""The ledger, payment references, payments without a loan, and allocations."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.orm import Session

from app.domain.account_rows import Allocation
from app.domain.allocation import Surplus
from app.domain.allocation_history import RecordedAllocation
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.splits import Split
from app.persistence.among import among, ids_named
from app.persistence.models.loans import (
    AllocationRow,
    LedgerEntryRow,
    PaymentReferenceRow,
    UnmatchedPaymentRow,
)
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.chunks import chunks


class ReferenceHead(NamedTuple):
    """The ledger entry behind a payment reference."""

    entry_id: str
    borrower_id: str
    content_hash: str


class StoredAllocation(NamedTuple):
    """An allocation as stored, with its row id and the value date of its entry."""

    id: str
    recorded: RecordedAllocation


class DerivedEntry(NamedTuple):
    """What stands of an entry that a file's plan row asked for: its present reference, how many times it was booked, and its
    content (kind, amount, value date, row, split), or None when it was taken back.
    """

    reference: str
    times: int
    content: tuple[Any, ...] | None


class Told(NamedTuple):
    """The standing repayments of a loan on one day, in minor units: those that plan rows of files told of, and others."""

    by_plan: list[int]
    by_payments: list[int]


# Plain table inserts: the mapper's own bulk insert costs several times as much per row.
_ADD_ENTRIES = insert(cast(Table, LedgerEntryRow.__table__))
_ADD_REFERENCES = insert(cast(Table, PaymentReferenceRow.__table__))
_ADD_ALLOCATIONS = insert(cast(Table, AllocationRow.__table__))

_ENTRIES = PreparedSelect(
    select(
        LedgerEntryRow.loan_id, LedgerEntryRow.id, LedgerEntryRow.kind, LedgerEntryRow.amount_minor,
        LedgerEntryRow.effective_on, LedgerEntryRow.recorded_at, LedgerEntryRow.row_no, LedgerEntryRow.principal_minor,
        LedgerEntryRow.interest_minor, LedgerEntryRow.fees_minor, LedgerEntryRow.penalties_minor,
        LedgerEntryRow.reverses_id, LedgerEntryRow.due_on, LedgerEntryRow.surplus,
    )
    .where(among(LedgerEntryRow.loan_id, ids_named("b_ids")))
    .order_by(LedgerEntryRow.loan_id, LedgerEntryRow.id),
    tuple,
)  # fmt: skip
_KINDS = {kind.value: kind for kind in EntryKind}


def find_entries(session: Session, loan_ids: Collection[str]) -> dict[str, list[LedgerEntry]]:
    """Return every entry of these loans by loan id, in the order of their ids."""
    found: dict[str, list[LedgerEntry]] = {loan_id: [] for loan_id in loan_ids}
    if not found:
        return found
    session.flush()  # what was added to the session and not written yet counts, too
    for (
        loan_id,
        entry_id,
        kind,
        amount,
        effective_on,
        recorded_at,
        row_no,
        *split,
        reverses,
        due_on,
        surplus,
    ) in _ENTRIES.all(session.connection(), {"b_ids": found}):
        found[loan_id].append(
            LedgerEntry(
                entry_id,
                _KINDS[kind],
                amount,
                effective_on,
                recorded_at,
                row_no,
                None if split[0] is None else Split._make(split),
                reverses,
                due_on,
                Surplus(surplus) if surplus else None,
            )
        )
    return found


def find_entry_rows(session: Session, entry_ids: Collection[str]) -> dict[str, LedgerEntryRow]:
    """Return entries by id."""
    found: dict[str, LedgerEntryRow] = {}
    for part in chunks(entry_ids):
        rows = session.scalars(select(LedgerEntryRow).where(LedgerEntryRow.id.in_(part)))
        found |= {row.id: row for row in rows}
    return found


def find_reversed(session: Session, loan_ids: Collection[str], *, but_by: str | None = None) -> set[str]:
    """Return the ids of the entries of these loans that were reversed; `but_by`: by another origin than that."""
    found: set[str] = set()
    for part in chunks(loan_ids):
        statement = select(LedgerEntryRow.reverses_id).where(
            LedgerEntryRow.loan_id.in_(part), LedgerEntryRow.reverses_id.is_not(None)
        )
        if but_by is not None:
            statement = statement.where(LedgerEntryRow.origin != but_by)
        found |= {entry_id for entry_id in session.scalars(statement) if entry_id}
    return found


def find_derived_entries(session: Session, loan_ids: Collection[str]) -> dict[str, dict[str, DerivedEntry]]:
    """Return what plan rows of files booked: loan id -> "loan/row/name" -> what stands of it.

    References have the form loan/row/name, then loan/row/name/2 and so on after each correction.
    """
    found: dict[str, dict[str, DerivedEntry]] = {}
    undone: set[str] = find_reversed(session, loan_ids)
    for part in chunks(loan_ids):
        rows = session.scalars(
            select(LedgerEntryRow)
            .where(
                LedgerEntryRow.loan_id.in_(part),
                LedgerEntryRow.origin.startswith("import:"),
                LedgerEntryRow.kind != EntryKind.REVERSAL.value,
            )
            .order_by(LedgerEntryRow.loan_id, LedgerEntryRow.id)
        )
        for row in rows:
            own = found.setdefault(row.loan_id, {})
            base, _, number = row.reference.rpartition("/")
            if not number.isdigit():
                base = row.reference
            before = own.get(base)
            split = None if row.principal_minor is None else _split_of(row)
            content = (row.kind, row.amount_minor, row.effective_on, row.row_no, split)
            own[base] = DerivedEntry(
                row.reference, (before.times if before else 0) + 1, None if row.id in undone else content
            )
    return found


def find_told(
    session: Session, loans: Mapping[str, str], days: Collection[date] | None = None
) -> dict[tuple[str, date], Told]:
    """Return the standing repayments of these loans (id -> number) by loan and value date; `days` None: of every day."""
    found: dict[tuple[str, date], Told] = {}
    undone = find_reversed(session, loans)
    for part in chunks(loans):
        statement = select(
            LedgerEntryRow.loan_id,
            LedgerEntryRow.effective_on,
            LedgerEntryRow.id,
            LedgerEntryRow.amount_minor,
            LedgerEntryRow.reference,
            LedgerEntryRow.origin,
        ).where(LedgerEntryRow.loan_id.in_(part), LedgerEntryRow.kind == EntryKind.REPAYMENT.value)
        if days is not None:
            statement = statement.where(LedgerEntryRow.effective_on.in_(days))
        for loan_id, day, entry_id, amount, reference, origin in session.execute(statement):
            if entry_id not in undone:
                by_plan = origin.startswith("import:") and reference.startswith(f"{loans[loan_id]}/")
                found.setdefault((loan_id, day), Told([], []))[not by_plan].append(amount)
    return found


def find_booked_lines(
    session: Session, loan_ids: Collection[str], days: Collection[date]
) -> dict[tuple[str, date], list[int]]:
    """Return by (loan id, value date) the repayments of those days that statement lines brought, in minor units.

    Those that the bank took back are among them: it told of both. Those that anybody else took back are not.
    """
    found: dict[tuple[str, date], list[int]] = {}
    entries: dict[str, tuple[str, date, int]] = {}
    for part in chunks(loan_ids):
        statement = select(
            LedgerEntryRow.id, LedgerEntryRow.loan_id, LedgerEntryRow.effective_on, LedgerEntryRow.amount_minor
        ).where(
            LedgerEntryRow.loan_id.in_(part),
            LedgerEntryRow.kind == EntryKind.REPAYMENT.value,
            LedgerEntryRow.effective_on.in_(sorted(days)),
            LedgerEntryRow.origin == "statement",
        )
        entries |= {row.id: (row.loan_id, row.effective_on, row.amount_minor) for row in session.execute(statement)}
    loans = {loan_id for loan_id, _, _ in entries.values()}
    undone = find_reversed(session, loans, but_by="statement") if entries else set()
    for entry_id, (loan_id, day, amount) in entries.items():
        if entry_id not in undone:
            found.setdefault((loan_id, day), []).append(amount)
    return found


def find_adjustments(session: Session, loans: Mapping[str, str]) -> list[tuple[str, LedgerEntryRow]]:
    """Return (loan number, entry) of the source adjustments of these loans (id -> number), by loan and value date."""
    found: list[tuple[str, LedgerEntryRow]] = []
    for part in chunks(loans):
        statement = (
            select(LedgerEntryRow)
            .where(LedgerEntryRow.loan_id.in_(part), LedgerEntryRow.kind == EntryKind.SOURCE_ADJUSTMENT.value)
            .order_by(LedgerEntryRow.loan_id, LedgerEntryRow.effective_on)
        )
        found += [(loans[row.loan_id], row) for row in session.scalars(statement)]
    return found


def _split_of(row: LedgerEntryRow) -> Split:
    return Split(row.principal_minor or 0, row.interest_minor or 0, row.fees_minor or 0, row.penalties_minor or 0)


def find_references(session: Session, lender_id: str, references: Collection[str]) -> dict[str, ReferenceHead]:
    """Return what stands behind these references at a lender."""
    found: dict[str, ReferenceHead] = {}
    for part in chunks(references):
        statement = select(
            PaymentReferenceRow.reference,
            PaymentReferenceRow.entry_id,
            PaymentReferenceRow.borrower_id,
            PaymentReferenceRow.content_hash,
        ).where(PaymentReferenceRow.lender_id == lender_id, PaymentReferenceRow.reference.in_(part))
        found |= {row[0]: ReferenceHead(*row[1:]) for row in session.execute(statement)}
    return found


def add_entries(session: Session, entries: Sequence[Mapping[str, Any]], references: Sequence[Mapping[str, Any]]) -> None:
    """Append entries and what makes each idempotent; an entry may have several references."""
    connection = session.connection()
    if entries:
        connection.execute(_ADD_ENTRIES, entries)
    if references:
        connection.execute(_ADD_REFERENCES, references)


def find_unmatched(session: Session, lender_id: str, references: Collection[str]) -> dict[str, UnmatchedPaymentRow]:
    """Return payments of these references that wait for their loan, or once did."""
    found: dict[str, UnmatchedPaymentRow] = {}
    for part in chunks(references):
        rows = session.scalars(
            select(UnmatchedPaymentRow).where(
                UnmatchedPaymentRow.lender_id == lender_id, UnmatchedPaymentRow.reference.in_(part)
            )
        )
        found |= {row.reference: row for row in rows}
    return found


def find_waiting(session: Session, lender_id: str, loan_nos: Collection[str]) -> list[UnmatchedPaymentRow]:
    """Return payments still unmatched that name one of these loans, in the order they came."""
    found: list[UnmatchedPaymentRow] = []
    for part in chunks(loan_nos):
        statement = (
            select(UnmatchedPaymentRow)
            .where(
                UnmatchedPaymentRow.lender_id == lender_id,
                UnmatchedPaymentRow.loan_no.in_(part),
                UnmatchedPaymentRow.matched_at.is_(None),
            )
            .order_by(UnmatchedPaymentRow.id)
        )
        found += session.scalars(statement).all()
    return found


def page_unmatched(
    session: Session, *, lender_id: str | None = None, after: str = "", limit: int = 500
) -> Sequence[UnmatchedPaymentRow]:
    """Return payments still unmatched, oldest first, following `after` (an id)."""
    statement = select(UnmatchedPaymentRow).where(UnmatchedPaymentRow.matched_at.is_(None))
    if after:
        statement = statement.where(UnmatchedPaymentRow.id > after)
    if lender_id:
        statement = statement.where(UnmatchedPaymentRow.lender_id == lender_id)
    return session.scalars(statement.order_by(UnmatchedPaymentRow.id).limit(limit)).all()


def add_unmatched(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep payments that could not be matched."""
    if rows:
        session.execute(insert(UnmatchedPaymentRow), rows)


def find_allocations(session: Session, loan_ids: Collection[str]) -> dict[str, list[StoredAllocation]]:
    """Return every stored allocation of these loans, by loan id, replaced ones too."""
    found: dict[str, list[StoredAllocation]] = {loan_id: [] for loan_id in loan_ids}
    for part in chunks(loan_ids):
        statement = select(
            AllocationRow.loan_id,
            AllocationRow.id,
            AllocationRow.entry_id,
            AllocationRow.row_no,
            AllocationRow.principal_minor,
            AllocationRow.interest_minor,
            AllocationRow.fees_minor,
            AllocationRow.penalties_minor,
            AllocationRow.unapplied_minor,
            AllocationRow.recorded_at,
            AllocationRow.replaced_at,
        ).where(AllocationRow.loan_id.in_(part))
        for (
            loan_id,
            row_id,
            entry_id,
            row_no,
            p,
            i,
            f,
            n,
            unapplied,
            recorded_at,
            replaced_at,
        ) in session.connection().execute(statement):
            allocation = Allocation(entry_id, row_no, Split(p, i, f, n), unapplied)
            found[loan_id].append(StoredAllocation(row_id, RecordedAllocation(allocation, recorded_at, replaced_at)))
    return found


def change_allocations(
    session: Session,
    *,
    added: Sequence[Mapping[str, Any]],
    replaced: Sequence[tuple[str, datetime | None]],
    removed: Collection[str],
) -> None:
    """Bring the stored allocations to what the ledger says: add, set `replaced_at`, remove."""
    for part in chunks(removed):
        session.execute(delete(AllocationRow).where(AllocationRow.id.in_(part)))
    if replaced:
        session.execute(update(AllocationRow), [{"id": key, "replaced_at": at} for key, at in replaced])
    if added:
        session.connection().execute(_ADD_ALLOCATIONS, added)


def find_entry_allocations(session: Session, entry_id: str, loan_id: str) -> tuple[Allocation, ...]:
    """Return what an entry does to its loan at present."""
    statement = (
        select(AllocationRow)
        .where(AllocationRow.loan_id == loan_id, AllocationRow.entry_id == entry_id, AllocationRow.replaced_at.is_(None))
        .order_by(AllocationRow.row_no)
    )
    return tuple(
        Allocation(
            row.entry_id,
            row.row_no,
            Split(row.principal_minor, row.interest_minor, row.fees_minor, row.penalties_minor),
            row.unapplied_minor,
        )
        for row in session.scalars(statement)
    )
