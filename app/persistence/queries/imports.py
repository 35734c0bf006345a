"""Runs of the importer: what was taken in, and how new it was."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFoundError
from app.persistence.models.loans import ImportRunRow


def find_newest_as_of(session: Session, lender_id: str, map_name: str) -> date | None:
    """Return the business date of the newest file of a lender and map, also of one that was not finished."""
    newest: date | None = session.scalar(
        select(func.max(ImportRunRow.as_of)).where(ImportRunRow.lender_id == lender_id, ImportRunRow.map_name == map_name)
    )
    return newest


def get_run(session: Session, run_id: str) -> ImportRunRow:
    """Return a run. Raises NotFoundError."""
    row = session.get(ImportRunRow, run_id)
    if row is None:
        raise NotFoundError("No such import.")
    return row
