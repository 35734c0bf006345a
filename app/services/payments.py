"""Payments, reversals, waivers and refunds: appended to the ledger once, kept aside while they cannot be matched."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from app.domain.book import PaymentResult, PaymentValues, check_texts
from app.domain.desk_payments import ORIGIN as OF_DESK
from app.domain.errors import ConflictError, CurrencyMismatchError, DomainError, refused_at
from app.domain.ledger import EntryKind, LedgerEntry, check_entry
from app.domain.times import business_date
from app.persistence.ids import new_id
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import UnmatchedPaymentRow
from app.persistence.queries import ledger as queries
from app.persistence.queries.desk_entries import count_untold, mark_reversed
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.loans import LoanHead, find_loan_owners, get_loan
from app.persistence.unit_of_work import Work
from app.services import agenda, reminders
from app.services.already_told import check_is_theirs
from app.services.law_notes import note_charges
from app.services.money_moves import follow_ledger
from app.services.overpayments import announce_overpayment
from app.services.payment_batches import PaymentBatch, append_entry, keep_aside, read_batch, refer, sent_before, told_before
from app.services.payment_contents import content_hash, payment_from_payload
from app.services.refund_settling import check_confirms, settle_refunds
from app.services.told_by_lines import ORIGIN as BY_BANK
from app.services.told_by_lines import line_entry_of
from app.services.told_by_provider import OF_PROVIDER
from app.services.told_twice import TOLD_BY_PLAN
from app.services.uncovered import UNCOVERED

UNKNOWN_LOAN = "unknown-loan"
UNKNOWN_PAYMENT = "unknown-payment"
"""A reversal that names a payment nobody sent yet."""
_PAID = (EntryKind.REPAYMENT, EntryKind.PREPAYMENT)
_LOOKED_AT_AGAIN = frozenset({UNKNOWN_PAYMENT, TOLD_BY_PLAN, *UNCOVERED.values()})
"""Reasons that another payment may take away."""


HEARD_EVERY = timedelta(minutes=5)
"""How exactly it is noted when a core last spoke: a row that all payments of a lender would write is a queue."""


def record_payment(work: Work, lender_id: str, values: PaymentValues, *, now: datetime, origin: str) -> PaymentResult:
    """Append one payment to the ledger and bring the loan's position up to it.

    A payment for a loan (or a reversal of a payment) nobody knows yet is kept as unmatched and booked when it appears; so is
    what is given back or given up beyond what is known (`uncovered.py`).
    Raises ValidationError, CurrencyMismatchError, ConflictError (the reference stands for another payment).
    """
    lender = get_lender(work.session, lender_id)
    (result,) = record_payments(work, lender, [values], now=now, origin=origin)
    if isinstance(result, DomainError):
        raise result
    if result.loan_id is None or result.entry_id is None:
        return result
    if result.status == "recorded":
        follow_ledger(work, [result.loan_id], now=now)
        owner = find_loan_owners(work.session, lender.id, [values.loan_no])[values.loan_no]
        reminders.review(work, [owner[1]], now=now)
    allocations = queries.find_entry_allocations(work.session, result.entry_id, result.loan_id)
    if result.status == "recorded" and values.kind in _PAID:
        announce_overpayment(work, get_loan(work.session, result.loan_id), values.reference, allocations, now=now)
    return PaymentResult(result.status, result.entry_id, result.loan_id, allocations)


def record_payments(
    work: Work, lender: LenderRow, batch: Sequence[PaymentValues], *, now: datetime, origin: str
) -> list[PaymentResult | DomainError]:
    """Record many in the order given; the caller rebuilds the positions of the loans that got a new entry."""
    state = read_batch(work, lender, batch, now, origin)
    results: list[PaymentResult | DomainError] = []
    for values in batch:
        try:
            results.append(_take(state, values, origin))
        except DomainError as error:
            results.append(error)
    _heard(lender, now, origin)
    agenda.touch(work, {entry["borrower_id"] for entry in state.entries}, now=now)
    note_charges(work, state.entries, now=now)
    queries.add_entries(work.session, state.entries, state.directory)
    settle_refunds(work, lender, state.refunds, state.entries, origin=origin, now=now)
    _follow_desk(state, origin)
    queries.add_unmatched(work.session, state.unmatched)
    if _frees_others(state):
        match_waiting(work, lender, {values.loan_no for values in batch}, now=now)
    return results


def _heard(lender: LenderRow, now: datetime, origin: str) -> None:
    """Note that the lender's core speaks to us. A provider, the desk and a sandbox are no core whose silence tells."""
    is_core = origin != "sandbox" and not origin.startswith((OF_PROVIDER, OF_DESK))
    if is_core and (lender.heard_at is None or now - lender.heard_at >= HEARD_EVERY):
        lender.heard_at = now


def _follow_desk(state: PaymentBatch, origin: str) -> None:
    """Note which entries of the desk the batch told of or took back."""
    session = state.work.session
    undone = {entry["reverses_id"] for entry in state.entries if entry["reverses_id"] is not None}
    loans = mark_reversed(session, undone, by=origin[:90], at=state.now) if undone else set()
    loans |= state.told.by_desk.loans
    if loans:
        session.flush()
        count_untold(session, loans)


def match_waiting(work: Work, lender: LenderRow, loan_nos: Collection[str], *, now: datetime) -> None:
    """Book the payments that waited for these loans. What is refused now stays listed with the reason."""
    waiting = queries.find_waiting(work.session, lender.id, loan_nos)
    if not waiting:
        return
    owners = find_loan_owners(work.session, lender.id, loan_nos)
    left = [row for row in waiting if row.loan_no in owners]
    while left:
        booked = {row.id: row.loan_no for row in left if _is_booked(work, lender, row, owners[row.loan_no], now)}
        moved = set(booked.values())
        # Only what was booked may be what another of its loan waited for.
        left = [r for r in left if r.id not in booked and r.loan_no in moved and r.reason in _LOOKED_AT_AGAIN]
    follow_ledger(work, [loan_id for loan_id, _ in owners.values()], now=now)


def _is_booked(work: Work, lender: LenderRow, row: UnmatchedPaymentRow, owner: tuple[str, str], now: datetime) -> bool:
    """Book a payment that waited, if it can be now."""
    loan_id, borrower_id = owner
    values, origin = payment_from_payload(row.payload), row.payload.get("origin", "unmatched")
    state = read_batch(work, lender, [values], now, origin)
    state.waiting.pop(values.reference, None)
    state.told.release(values, loan_id, row.reason)
    try:
        result = _take(state, values, origin)
    except DomainError as error:
        row.reason = error.code
        return False
    if result.status == "unmatched":
        row.reason = state.unmatched[0]["reason"]
        return False
    row.matched_at = now
    agenda.touch(work, [borrower_id], now=now)
    note_charges(work, state.entries, now=now)
    queries.add_entries(work.session, state.entries, state.directory)
    settle_refunds(work, lender, state.refunds, state.entries, origin=origin, now=now)
    _follow_desk(state, origin)
    work.session.flush()
    return True


def _frees_others(state: PaymentBatch) -> bool:
    """Whether payments that wait may be booked now that the batch is."""
    if state.frees_lines:
        return True
    if state.directory:
        return any(row.reason in _LOOKED_AT_AGAIN for row in _still_waiting(state))
    return bool(state.unmatched) and any(row.reason == UNKNOWN_PAYMENT for row in _still_waiting(state))


def _still_waiting(state: PaymentBatch) -> Sequence[UnmatchedPaymentRow]:
    return queries.find_waiting(state.work.session, state.lender.id, list(state.loans))


def _take(state: PaymentBatch, values: PaymentValues, origin: str) -> PaymentResult:
    check_texts(values)
    digest = content_hash(values)
    loan = state.loans.get(values.loan_no)
    before = told_before(state, values, digest, loan) or sent_before(state, values, digest, loan)
    if before is not None:
        return before
    check_is_theirs(values.reference, origin)
    if loan is None:
        return keep_aside(state, values, digest, origin, UNKNOWN_LOAN)
    if values.currency != loan.currency:
        raise CurrencyMismatchError(f"Loan {values.loan_no} is in {loan.currency}, the payment in {values.currency}.")
    check_confirms(state.refunds.get(values.reference), values, loan.id)
    reason = state.told.reason_to_wait(values, loan.id, origin)
    if reason is not None:
        return keep_aside(state, values, digest, origin, reason)
    reverses_id: str | None = None
    if values.kind is EntryKind.REVERSAL:
        found = _reversed_by(state, values, digest, loan, origin)
        if isinstance(found, PaymentResult):
            return found
        reverses_id = found
    elif values.reverses_reference:
        raise refused_at("/reverses_reference", "Only a reversal names a payment it reverses.")
    entry = LedgerEntry(
        new_id(),
        values.kind,
        values.amount_minor,
        values.effective_on,
        min(values.recorded_at or state.now, state.now),
        values.row_no,
        values.split,
        reverses_id,
        values.due_on,
        values.surplus,
    )
    check_entry(entry, today=business_date(state.now, loan.zone))
    ledger = state.ledgers.get(loan.id)
    if ledger is not None:
        covered = ledger.in_turn(entry, state.now)
        if covered is None:
            return keep_aside(state, values, digest, origin, UNCOVERED[values.kind])
        entry = covered
        ledger.entries.append(entry)
    append_entry(state, values, entry, loan, digest, origin)
    return PaymentResult("recorded", entry.entry_id, loan.id)


def _reversed_by(
    state: PaymentBatch, values: PaymentValues, digest: str, loan: LoanHead, origin: str
) -> str | PaymentResult:
    """Return the entry that a reversal takes back, or what became of a reversal that takes none back now."""
    if not values.reverses_reference:
        raise refused_at("/reverses_reference", "A reversal must name the payment it reverses.")
    if values.reverses_reference not in state.references:
        by_bank = _adopt_line(state, values, values.reverses_reference, digest, loan)
        if by_bank is not None:
            return by_bank
    original = state.references.get(values.reverses_reference)
    if original is None:
        return keep_aside(state, values, digest, origin, UNKNOWN_PAYMENT)
    _check_reversal(state, values, loan, original.entry_id)
    state.reversed_ids.add(original.entry_id)
    row = state.originals.get(original.entry_id)
    state.frees_lines |= row is not None and row.origin == BY_BANK != origin
    return original.entry_id


def _adopt_line(
    state: PaymentBatch, reversal: PaymentValues, reference: str, digest: str, loan: LoanHead
) -> PaymentResult | None:
    """Have a payment that waits because a line brought its money stand for the line's entry, which its reversal then takes
    back. Return the bank's own reversal where that came before: it is the same."""
    session = state.work.session
    kept = queries.find_unmatched(session, state.lender.id, [reference]).get(reference)
    entry = line_entry_of(session, kept, loan.id) if kept is not None and kept.loan_no == reversal.loan_no else None
    if kept is None or entry is None or kept.payload["amount_minor"] != reversal.amount_minor:
        return None
    kept.matched_at = state.now
    refer(state, reference, entry.entry_id, loan, kept.content_hash)
    if entry.reversal_id is None:
        return None
    refer(state, reversal.reference, entry.reversal_id, loan, digest)
    return PaymentResult("duplicate", entry.reversal_id, loan.id)


def _check_reversal(state: PaymentBatch, values: PaymentValues, loan: LoanHead, reverses_id: str) -> None:
    if reverses_id in state.reversed_ids:
        raise ConflictError(f"Payment {values.reverses_reference} is already reversed.")
    row = state.originals.get(reverses_id)
    if row is None and not any(entry["id"] == reverses_id for entry in state.entries):
        # This batch has told that its reference is a payment that somebody else told of before.
        row = state.originals[reverses_id] = queries.find_entry_rows(state.work.session, [reverses_id])[reverses_id]
    original = (row.loan_id, row.kind, row.amount_minor) if row else None
    if original is None:
        own = next(entry for entry in state.entries if entry["id"] == reverses_id)
        original = (own["loan_id"], own["kind"], own["amount_minor"])
    if original[0] != loan.id:
        raise refused_at("/reverses_reference", f"Payment {values.reverses_reference} belongs to another loan.")
    if original[1] == EntryKind.REVERSAL:
        raise refused_at("/reverses_reference", "A reversal cannot be reversed; record the payment again.")
    if original[2] != values.amount_minor:
        raise refused_at("/amount", "A reversal takes back the whole payment; record the part that stays as a new one.")
