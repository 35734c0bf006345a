"""A borrower's own record."""

from typing import Any

from sqlalchemy import Connection, select

from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.loans import LoanRow

_LOAN_ZONE = (
    select(LoanRow.zone)
    .where(LoanRow.borrower_id == BorrowerRow.id)
    .order_by(LoanRow.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("loan_zone")
)


def get_profile_row(reads: Connection, borrower_id: str) -> Any:
    """Return the sealed fields and preferences of a borrower who exists."""
    return reads.execute(
        select(
            BorrowerRow.id,
            BorrowerRow.borrower_no,
            BorrowerRow.name_sealed,
            BorrowerRow.phone_sealed,
            BorrowerRow.email_sealed,
            BorrowerRow.country,
            BorrowerRow.locale,
            BorrowerRow.zone,
            BorrowerRow.officer,
            _LOAN_ZONE,
        ).where(BorrowerRow.id == borrower_id)
    ).one()
