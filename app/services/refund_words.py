"""What is said of a refund: to the borrower by a notice, to the lender's systems by an event."""

from datetime import datetime

from app.domain.refunds import BORROWER, RefundState
from app.persistence.models.lenders import LenderRow
from app.persistence.models.refunds import RefundRow
from app.persistence.queries.borrowers import get_borrower
from app.persistence.queries.loans import get_loan
from app.persistence.unit_of_work import Work
from app.services.notices import tell_borrower
from app.services.webhook_events import announce
from app.wording.variables import Value

_NOTICES = {
    RefundState.REQUESTED: "refund_requested",
    RefundState.APPROVED: "refund_approved",
    RefundState.DONE: "refund_done",
    RefundState.CANCELLED: "refund_cancelled",
}
"""Of one that was sent or failed the borrower need not hear: a person is on it."""


def numbers_of(work: Work, row: RefundRow) -> tuple[str, str]:
    """Return the lender's numbers of a refund's loan and borrower."""
    return get_loan(work.session, row.loan_id).loan_no, get_borrower(work.session, row.borrower_id).borrower_no


def tell_of_refund(work: Work, lender: LenderRow, row: RefundRow, *, now: datetime) -> None:
    """Say where a refund stands: `refund.STATE.v1`, and a notice where it concerns the borrower."""
    loan_no, borrower_no = numbers_of(work, row)
    data = {
        "refund_id": row.id,
        "reference": row.reference,
        "loan_no": loan_no,
        "borrower_no": borrower_no,
        "amount": {"amount_minor": row.amount_minor, "currency": row.currency},
        "method": row.method,
        "state": row.state,
        "reason": row.reason,
    }
    announce(work, lender.id, f"refund.{row.state}.v1", data, now=now, borrower_id=row.borrower_id)
    state = RefundState(row.state)
    template = _NOTICES.get(state)
    if template is None or (state is RefundState.REQUESTED and row.requested_by != BORROWER):
        return
    values: dict[str, Value] = {"amount": {row.currency: row.amount_minor}, "loan": loan_no, "lender": lender.name}
    asked_now = row.requested_by == BORROWER and row.requested_at == now
    tell_borrower(
        work, row.borrower_id, template, values, now=now, loan_id=row.loan_id, subject_id=row.id, also_push=not asked_now
    )
