"""Corrections and deletions of what was furnished."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.persistence.models.credit_reports import CreditCorrectionRow
from app.persistence.queries.chunks import chunks

_DECIDED = ("approved", "filed")


def find_decided(session: Session, loan_ids: Collection[str], bureau: str) -> dict[str, str]:
    """Return loan -> deletion or correction, of those that were approved for a bureau; a deletion stands over all."""
    found: dict[str, str] = {}
    for part in chunks(loan_ids):
        statement = select(CreditCorrectionRow.loan_id, CreditCorrectionRow.kind).where(
            CreditCorrectionRow.loan_id.in_(part),
            CreditCorrectionRow.bureau == bureau,
            CreditCorrectionRow.state.in_(_DECIDED),
        )
        for loan_id, kind in session.execute(statement):
            if found.get(loan_id) != "deletion":
                found[loan_id] = kind
    return found


def add_correction(session: Session, row: Any) -> None:
    """Add one."""
    session.add(row)
    session.flush()
