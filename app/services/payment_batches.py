"""Payments while they are taken: what one call has read of their loans, and the rows it is about to write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.domain.book import PaymentResult, PaymentValues
from app.domain.desk_payments import ORIGIN as OF_DESK
from app.domain.errors import ConflictError
from app.domain.ledger import EntryKind, LedgerEntry
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LedgerEntryRow, UnmatchedPaymentRow
from app.persistence.models.refunds import RefundRow
from app.persistence.queries import ledger as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.loans import LoanHead, find_loan_heads, find_loan_owners
from app.persistence.unit_of_work import Work
from app.services.already_told import AlreadyTold, find_already_told
from app.services.payment_contents import payload_of
from app.services.refund_settling import find_confirmed
from app.services.uncovered import LoanLedger, find_loan_ledgers


@dataclass
class PaymentBatch:
    """What one call has read and is about to write."""

    work: Work
    lender: LenderRow
    now: datetime
    loans: Mapping[str, LoanHead]
    references: dict[str, queries.ReferenceHead]
    waiting: dict[str, UnmatchedPaymentRow]
    originals: dict[str, LedgerEntryRow]
    """Entries that the batch takes back, of those that were booked before it."""
    reversed_ids: set[str]
    told: AlreadyTold
    ledgers: Mapping[str, LoanLedger]
    """By loan id, of the loans whose entries must be covered by others."""
    refunds: Mapping[str, RefundRow]
    """By reference, of the refunds that the batch says are done."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    directory: list[dict[str, Any]] = field(default_factory=list)
    unmatched: list[dict[str, Any]] = field(default_factory=list)
    frees_lines: bool = False
    """Whether money that a line brought was taken back by another's word: the core's own word of it may count now."""


def read_batch(work: Work, lender: LenderRow, batch: Sequence[PaymentValues], now: datetime, origin: str) -> PaymentBatch:
    """Lock the borrowers of these payments, and read all that taking them asks for, in a fixed number of statements."""
    session = work.session
    numbers = {values.loan_no for values in batch}
    lock_agenda(session, [owner for _, owner in find_loan_owners(session, lender.id, numbers).values()])
    loans = find_loan_heads(session, lender.id, numbers)
    named = {values.reference for values in batch} | {v.reverses_reference for v in batch if v.reverses_reference}
    references = queries.find_references(session, lender.id, named)
    undoing = [v for v in batch if v.kind is EntryKind.REVERSAL]
    undone = {references[v.reverses_reference].entry_id for v in undoing if v.reverses_reference in references}
    return PaymentBatch(
        work,
        lender,
        now,
        loans,
        references,
        queries.find_unmatched(session, lender.id, {values.reference for values in batch}),
        queries.find_entry_rows(session, undone),
        queries.find_reversed(session, {loans[v.loan_no].id for v in undoing if v.loan_no in loans}),
        find_already_told(session, lender.id, batch, loans, origin=origin),
        find_loan_ledgers(session, lender.id, batch, loans),
        find_confirmed(work, lender.id, batch),
    )


def told_before(state: PaymentBatch, values: PaymentValues, digest: str, loan: LoanHead | None) -> PaymentResult | None:
    """Return the entry of a provider's or the desk's payment that this is; the core's reference stands for it too from now
    on."""
    entry_id = None if loan is None else state.told.entry_of(values, loan.id)
    is_new = values.reference not in state.references and values.reference not in state.waiting
    if loan is not None and entry_id is None and (is_new or values.reference.startswith(OF_DESK)):
        entry_id = state.told.by_desk.entry_of(values, loan.id, now=state.now)
    if loan is None or entry_id is None:
        return None
    if values.reference not in state.references:
        refer(state, values.reference, entry_id, loan, digest)
    return PaymentResult("duplicate", entry_id, loan.id)


def refer(state: PaymentBatch, reference: str, entry_id: str, loan: LoanHead, digest: str) -> None:
    """Have a reference stand for an entry that is there."""
    head = {"lender_id": state.lender.id, "reference": reference, "entry_id": entry_id}
    state.directory.append({**head, "borrower_id": loan.borrower_id, "content_hash": digest})
    state.references[reference] = queries.ReferenceHead(entry_id, loan.borrower_id, digest)


def sent_before(state: PaymentBatch, values: PaymentValues, digest: str, loan: LoanHead | None) -> PaymentResult | None:
    """Return what became of the same payment when it was sent before. Raises ConflictError for another one."""
    known = state.references.get(values.reference)
    if known is not None:
        if known.content_hash != digest:
            raise ConflictError(f"Reference {values.reference} is recorded for another payment; give each its own.")
        return PaymentResult("duplicate", known.entry_id, loan.id if loan else None)
    kept = state.waiting.get(values.reference)
    if kept is None:
        return None
    if kept.content_hash != digest:
        raise ConflictError(f"Reference {values.reference} waits for its loan with other values; give each its own.")
    return PaymentResult("unmatched")


def append_entry(
    state: PaymentBatch, values: PaymentValues, entry: LedgerEntry, loan: LoanHead, digest: str, origin: str
) -> None:
    """Have the entry of a payment written, and its reference stand for it. `digest`: `payment_contents.content_hash`."""
    split: Sequence[int | None] = entry.split or (None, None, None, None)
    state.entries.append(
        {
            "id": entry.entry_id,
            "borrower_id": loan.borrower_id,
            "loan_id": loan.id,
            "kind": entry.kind.value,
            "amount_minor": entry.amount_minor,
            "currency": loan.currency,
            "effective_on": entry.effective_on,
            "recorded_at": entry.recorded_at,
            "imported_at": state.now,
            "reference": values.reference,
            "reverses_id": entry.reverses,
            "row_no": entry.row_no,
            "due_on": entry.due_on,
            "surplus": entry.surplus,
            "principal_minor": split[0],
            "interest_minor": split[1],
            "fees_minor": split[2],
            "penalties_minor": split[3],
            "channel": values.channel,
            "bank_reference": values.bank_reference,
            "note": values.note,
            "origin": origin,
        }
    )
    state.directory.append(
        {
            "lender_id": state.lender.id,
            "reference": values.reference,
            "entry_id": entry.entry_id,
            "borrower_id": loan.borrower_id,
            "content_hash": digest,
        }
    )
    state.references[values.reference] = queries.ReferenceHead(entry.entry_id, loan.borrower_id, digest)


def keep_aside(state: PaymentBatch, values: PaymentValues, digest: str, origin: str, reason: str) -> PaymentResult:
    """Have a payment kept that cannot be booked now; `reason`: why, as the list of what waits says it."""
    row = UnmatchedPaymentRow(reference=values.reference, content_hash=digest)
    state.waiting[values.reference] = row
    state.unmatched.append(
        {
            "id": new_id(),
            "lender_id": state.lender.id,
            "reference": values.reference,
            "loan_no": values.loan_no,
            "reason": reason,
            "payload": payload_of(values, state.now) | {"origin": origin},
            "content_hash": digest,
            "received_at": state.now,
        }
    )
    return PaymentResult("unmatched")
