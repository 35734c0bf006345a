"""Autopay mandates and their drawings."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from app.persistence.models.mandates import MandateDrawRow, PaymentMandateRow
from app.persistence.queries.chunks import chunks

MOST_DRAWS = 100
"""More drawings of one mandate than anyone reads: the oldest are then left out."""


def find_newest_mandate(session: Session, loan_id: str) -> PaymentMandateRow | None:
    """Return the loan's newest mandate as it stands now, living or over. The caller holds the agenda row."""
    found: PaymentMandateRow | None = session.scalar(_newest(loan_id), execution_options={"populate_existing": True})
    return found


def find_mandate(reads: Connection, borrower_id: str, loan_id: str) -> Any:
    """Return the columns of the newest mandate of a borrower's loan; None without one, or for another borrower's loan."""
    statement = _newest(loan_id).where(PaymentMandateRow.borrower_id == borrower_id)
    return reads.execute(statement).first()


def find_newest_mandates(session: Session, loan_ids: Collection[str]) -> dict[str, PaymentMandateRow]:
    """Return the newest mandate by loan id, of the loans that ever had one."""
    found: dict[str, PaymentMandateRow] = {}
    for part in chunks(loan_ids):
        statement = (
            select(PaymentMandateRow)
            .where(PaymentMandateRow.loan_id.in_(part))
            .order_by(PaymentMandateRow.created_at, PaymentMandateRow.id)
        )
        rows = session.scalars(statement, execution_options={"populate_existing": True})
        found |= {row.loan_id: row for row in rows}
    return found


def find_draw(session: Session, mandate_id: str, reference: str) -> MandateDrawRow | None:
    """Return the drawing that was told under this reference."""
    return session.scalar(
        select(MandateDrawRow).where(MandateDrawRow.mandate_id == mandate_id, MandateDrawRow.reference == reference)
    )


def find_draws(reads: Connection | Session, borrower_id: str, mandate_id: str) -> Sequence[Any]:
    """Return the drawings of a mandate, newest first."""
    statement = (
        select(
            MandateDrawRow.drawn_on,
            MandateDrawRow.outcome,
            MandateDrawRow.code,
            MandateDrawRow.retry_on,
            MandateDrawRow.recorded_at,
        )
        .where(MandateDrawRow.borrower_id == borrower_id, MandateDrawRow.mandate_id == mandate_id)
        .order_by(MandateDrawRow.drawn_on.desc(), MandateDrawRow.recorded_at.desc(), MandateDrawRow.id.desc())
        .limit(MOST_DRAWS)
    )
    return reads.execute(statement).all()


def _newest(loan_id: str) -> Select[Any]:
    return (
        select(PaymentMandateRow)
        .where(PaymentMandateRow.loan_id == loan_id)
        .order_by(PaymentMandateRow.created_at.desc(), PaymentMandateRow.id.desc())
        .limit(1)
    )
