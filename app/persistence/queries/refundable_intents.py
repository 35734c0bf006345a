"""Payments at a provider whose money can go back the way it came."""

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.domain.payment_intents import IntentState
from app.domain.refunds import OPEN, RefundState
from app.persistence.models.loans import LedgerEntryRow, PaymentReferenceRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.refunds import RefundRow

_TAKING = tuple(state.value for state in (*OPEN, RefundState.DONE))


def find_refundable_intent(session: Session, loan_id: str, amount_minor: int) -> PaymentIntentRow | None:
    """Return the loan's newest payment that came in full and from which that much has not gone back yet.

    One whose entry was taken back (the payer's bank fetched the money) gives nothing back a second time.
    """
    taken_back = exists().where(
        PaymentReferenceRow.lender_id == PaymentIntentRow.lender_id,
        PaymentReferenceRow.reference == PaymentIntentRow.entry_reference,
        LedgerEntryRow.loan_id == PaymentIntentRow.loan_id,
        LedgerEntryRow.reverses_id == PaymentReferenceRow.entry_id,
    )
    gone = (
        select(func.coalesce(func.sum(RefundRow.amount_minor), 0))
        .where(RefundRow.intent_id == PaymentIntentRow.id, RefundRow.state.in_(_TAKING))
        .scalar_subquery()
    )
    found: PaymentIntentRow | None = session.scalar(
        select(PaymentIntentRow)
        .where(
            PaymentIntentRow.loan_id == loan_id,
            PaymentIntentRow.state == IntentState.SUCCEEDED.value,
            PaymentIntentRow.amount_minor - gone >= amount_minor,
            ~taken_back,
        )
        .order_by(PaymentIntentRow.created_at.desc(), PaymentIntentRow.id.desc())
        .limit(1)
    )
    return found
