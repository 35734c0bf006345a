"""Case records of borrowers: what stood at an instant, and telling one again."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from app.domain.case_records import CaseRecord
from app.persistence.among import among, ids_named
from app.persistence.column_types import Instant
from app.persistence.models.case_records import CaseRecordRow
from app.persistence.prepared import PreparedSelect
from app.persistence.queries.chunks import chunks

_NOW = bindparam("b_now", type_=Instant())
_RECORDS = PreparedSelect.of(
    select(CaseRecordRow.borrower_id, CaseRecordRow.list_name, CaseRecordRow.facts, CaseRecordRow.loan_id)
    .where(
        among(CaseRecordRow.borrower_id, ids_named("b_ids")),
        CaseRecordRow.recorded_at <= _NOW,
        or_(CaseRecordRow.replaced_at.is_(None), CaseRecordRow.replaced_at > _NOW),
    )
    .order_by(CaseRecordRow.recorded_at, CaseRecordRow.id)
)


def load_case_records(session: Session, borrower_ids: Collection[str], now: datetime) -> dict[str, tuple[CaseRecord, ...]]:
    """Return what is recorded of these borrowers as known at `now`, oldest first; those without records are absent."""
    found: dict[str, list[CaseRecord]] = defaultdict(list)
    if not borrower_ids:
        return {}
    for row in _RECORDS.all(session.connection(), {"b_ids": list(borrower_ids), "b_now": now}):
        found[row.borrower_id].append(CaseRecord(row.list_name, row.facts, row.loan_id))
    return {borrower_id: tuple(records) for borrower_id, records in found.items()}


def find_standing(session: Session, borrower_id: str, reference: str) -> Any:
    """Return the record that stands under a reference, or None."""
    statement = select(CaseRecordRow).where(
        CaseRecordRow.borrower_id == borrower_id,
        CaseRecordRow.reference == reference,
        CaseRecordRow.replaced_at.is_(None),
    )
    return session.scalar(statement)


def add_record(session: Session, row: CaseRecordRow) -> None:
    """Add one record."""
    session.add(row)
    session.flush()


def mark_replaced(session: Session, record_id: str, *, at: datetime) -> None:
    """Say that another record stands in its place from then on."""
    session.execute(update(CaseRecordRow).where(CaseRecordRow.id == record_id).values(replaced_at=at))


def find_standing_references(session: Session, borrower_ids: Collection[str], containing: str) -> set[str]:
    """Return the references of these borrowers' standing records that contain a text (without % and _)."""
    found: set[str] = set()
    for part in chunks(borrower_ids):
        statement = select(CaseRecordRow.reference).where(
            CaseRecordRow.borrower_id.in_(part),
            CaseRecordRow.reference.like(f"%{containing}%"),
            CaseRecordRow.replaced_at.is_(None),
        )
        found |= set(session.scalars(statement))
    return found
