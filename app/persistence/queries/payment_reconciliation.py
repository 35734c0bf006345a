"""What providers told us of money that moved, and what the ledger holds by their names."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, exists, or_, select
from sqlalchemy.orm import Session, aliased

from app.domain.payment_intents import IntentState
from app.domain.refunds import PROVIDER, RefundState
from app.persistence.models.loans import LedgerEntryRow, LoanRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.refunds import RefundRow
from app.persistence.queries.chunks import chunks

_REVERSAL = aliased(LedgerEntryRow)
_STANDS = ~exists().where(_REVERSAL.loan_id == LedgerEntryRow.loan_id, _REVERSAL.reverses_id == LedgerEntryRow.id)


def find_settled_intents(
    reads: Connection | Session, lender_id: str | None, *, since: datetime, until: datetime
) -> Sequence[Any]:
    """Return the payments that came in [since, until), of one lender or all, with their loans' zones."""
    statement = (
        select(
            PaymentIntentRow.id, PaymentIntentRow.provider, PaymentIntentRow.amount_minor, PaymentIntentRow.currency,
            PaymentIntentRow.provider_reference, PaymentIntentRow.payment_reference, PaymentIntentRow.entry_reference,
            PaymentIntentRow.paid_at, LoanRow.zone,
        )
        .join(LoanRow, LoanRow.id == PaymentIntentRow.loan_id)
        .where(
            PaymentIntentRow.state == IntentState.SUCCEEDED.value,
            PaymentIntentRow.paid_at >= since,
            PaymentIntentRow.paid_at < until,
        )
        .order_by(PaymentIntentRow.id)
    )  # fmt: skip
    if lender_id is not None:
        statement = statement.where(PaymentIntentRow.lender_id == lender_id)
    return reads.execute(statement).all()


def find_sent_refunds(
    reads: Connection | Session, lender_id: str | None, *, since: datetime, until: datetime
) -> Sequence[Any]:
    """Return the refunds that went through a provider and were done in [since, until), with their loans' zones."""
    statement = (
        select(
            RefundRow.id, PaymentIntentRow.provider, RefundRow.amount_minor, RefundRow.currency, RefundRow.reference,
            RefundRow.provider_reference, RefundRow.closed_at, LoanRow.zone,
        )
        .join(LoanRow, LoanRow.id == RefundRow.loan_id)
        .join(PaymentIntentRow, PaymentIntentRow.id == RefundRow.intent_id)
        .where(
            RefundRow.method == PROVIDER,
            RefundRow.state == RefundState.DONE.value,
            RefundRow.closed_at >= since,
            RefundRow.closed_at < until,
        )
        .order_by(RefundRow.id)
    )  # fmt: skip
    if lender_id is not None:
        statement = statement.where(RefundRow.lender_id == lender_id)
    return reads.execute(statement).all()


def find_entries_of_providers(reads: Connection | Session, lender_id: str | None, on: date, origin: str) -> Sequence[Any]:
    """Return what stands in the ledger of that value date and came in by a provider; `origin`: how its origins begin."""
    return reads.execute(
        _entries(lender_id).where(LedgerEntryRow.effective_on == on, LedgerEntryRow.origin.startswith(origin))
    ).all()


def find_entries_named(reads: Connection | Session, lender_id: str | None, references: Collection[str]) -> list[Any]:
    """Return what stands in the ledger under these references, of any day."""
    found: list[Any] = []
    for part in chunks(references):
        found += reads.execute(_entries(lender_id).where(LedgerEntryRow.reference.in_(part)))
    return found


def find_intents_named(reads: Connection | Session, lender_id: str | None, references: Collection[str]) -> list[Any]:
    """Return the payments that are booked under these references, whatever their day, with their loans' zones."""
    found: list[Any] = []
    for part in chunks(references):
        statement = select(
            PaymentIntentRow.id, PaymentIntentRow.provider, PaymentIntentRow.amount_minor, PaymentIntentRow.currency,
            PaymentIntentRow.provider_reference, PaymentIntentRow.payment_reference, PaymentIntentRow.entry_reference,
            PaymentIntentRow.paid_at, LoanRow.zone,
        ).join(LoanRow, LoanRow.id == PaymentIntentRow.loan_id)  # fmt: skip
        statement = statement.where(
            PaymentIntentRow.entry_reference.in_(part), PaymentIntentRow.state == IntentState.SUCCEEDED.value
        )
        if lender_id is not None:
            statement = statement.where(or_(PaymentIntentRow.lender_id == lender_id))
        found += reads.execute(statement)
    return found


def _entries(lender_id: str | None) -> Any:
    statement = (
        select(
            LedgerEntryRow.reference, LedgerEntryRow.kind, LedgerEntryRow.amount_minor, LedgerEntryRow.currency,
            LedgerEntryRow.origin, LedgerEntryRow.effective_on, LedgerEntryRow.loan_id,
        )
        .join(LoanRow, LoanRow.id == LedgerEntryRow.loan_id)
        .where(LedgerEntryRow.kind != "reversal", _STANDS)
        .order_by(LedgerEntryRow.id)
    )  # fmt: skip
    return statement if lender_id is None else statement.where(LoanRow.lender_id == lender_id)
