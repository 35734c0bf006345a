"""The licence of one lender."""

from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from app.persistence.models.lenders import LenderRow

LICENCE_COLUMNS = (
    LenderRow.code.label("lender_code"),
    LenderRow.name.label("lender_name"),
    LenderRow.legal_name,
    LenderRow.licence_kind,
    LenderRow.licence_no,
    LenderRow.licence_role,
    LenderRow.licensed_from,
    LenderRow.licensed_until,
    LenderRow.regulator,
    LenderRow.complaints_contact,
    LenderRow.jurisdiction,
    LenderRow.zone,
)


def find_licence(reads: Connection | Session, code: str) -> Any:
    """Return the licence columns of a lender by its code; None when there is none."""
    return reads.execute(select(*LICENCE_COLUMNS).where(LenderRow.code == code)).first()
