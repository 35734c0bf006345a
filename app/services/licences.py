"""The licence block of a lender, as anyone may see it."""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.domain.licences import Licence
from app.persistence.queries.licences import find_licence


def licence_of(row: Any) -> Licence:
    """Return the licence of a row that has the lender's columns (`lender_code`, `lender_name`, `legal_name`, ...)."""
    return Licence(
        lender_code=row.lender_code,
        legal_name=row.legal_name or row.lender_name,
        kind=row.licence_kind,
        number=row.licence_no,
        regulator=row.regulator,
        complaints_contact=row.complaints_contact,
        jurisdiction=row.jurisdiction,
        role=row.licence_role,
        valid_from=row.licensed_from,
        valid_until=row.licensed_until,
    )


def get_licence(reads: Connection | Session, code: str) -> tuple[Licence, str]:
    """Return the licence of the lender of that code, and the zone of its days. Raises NotFoundError."""
    row = find_licence(reads, code)
    if row is None:
        raise NotFoundError("There is no such lender.")
    return licence_of(row), row.zone
