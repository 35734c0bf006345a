"""A refund is done when the ledger has it: whoever books an entry under its reference, we or the core, ends it once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.domain.book import PaymentValues
from app.domain.errors import ConflictError, refused_at
from app.domain.ledger import EntryKind
from app.domain.refunds import RefundState, check_move
from app.persistence.models.lenders import LenderRow
from app.persistence.models.refunds import RefundRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.refunds import find_referenced
from app.persistence.unit_of_work import Work
from app.services.refund_words import tell_of_refund


def find_confirmed(work: Work, lender_id: str, batch: Sequence[PaymentValues]) -> dict[str, RefundRow]:
    """Return the refunds, by reference, whose entries are in the batch."""
    named = {values.reference for values in batch if values.kind is EntryKind.REFUND}
    return find_referenced(work.session, lender_id, named) if named else {}


def check_confirms(row: RefundRow | None, values: PaymentValues, loan_id: str) -> None:
    """Refuse an entry under a refund's reference that is not that refund. Raises ValidationError, ConflictError."""
    if row is None:
        return
    if row.loan_id != loan_id:
        raise refused_at("/reference", f"{values.reference} is a refund of another loan.")
    if row.amount_minor != values.amount_minor:
        raise refused_at(
            "/amount",
            f"{values.reference} is a refund of another amount; book it over that.",
        )
    if row.state == RefundState.CANCELLED:
        raise ConflictError(f"{values.reference} was cancelled; book another refund under a reference of its own.")


def settle_refunds(
    work: Work,
    lender: LenderRow,
    refunds: Mapping[str, RefundRow],
    entries: Sequence[Mapping[str, Any]],
    *,
    origin: str,
    now: datetime,
) -> None:
    """End the refunds whose entries were just booked: tell the borrower and the lender's systems, once."""
    for entry in entries:
        row = refunds.get(entry["reference"])
        if row is None:
            continue
        row.entry_id = entry["id"]
        if row.state == RefundState.DONE:  # the provider was done before the ledger could hold it
            work.session.flush()
            continue
        end_refund(work, lender, row, by=origin, now=now)


def end_refund(work: Work, lender: LenderRow, row: RefundRow, *, by: str, now: datetime) -> None:
    """Mark a refund as done and say so. Raises ConflictError for one that is over."""
    check_move(row.state, RefundState.DONE)
    row.state, row.closed_at, row.next_look_at = RefundState.DONE.value, now, None
    row.version += 1
    work.session.flush()
    facts = {"refund_id": row.id, "loan_id": row.loan_id, "method": row.method, "entry_id": row.entry_id}
    add_audit(work.session, at=now, actor=by, action="refund.done", borrower_id=row.borrower_id, facts=facts)
    tell_of_refund(work, lender, row, now=now)
