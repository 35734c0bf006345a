"""The caps stored with loans."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.persistence.models.loans import LoanRow
from app.persistence.queries.chunks import chunks


def find_caps(session: Session, loan_ids: Collection[str]) -> Sequence[Any]:
    """Return (id, cap, over_cap_minor) of these loans, in no order; a statement for each 500."""
    return [
        row
        for part in chunks(loan_ids)
        for row in session.execute(select(LoanRow.id, LoanRow.cap, LoanRow.over_cap_minor).where(LoanRow.id.in_(part)))
    ]
