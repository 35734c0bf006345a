"""A borrower's own record."""

from typing import Any

from sqlalchemy import Connection, select

from app.persistence.models.borrowers import BorrowerRow


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
        ).where(BorrowerRow.id == borrower_id)
    ).one()
