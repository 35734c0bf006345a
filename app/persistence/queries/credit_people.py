"""Frozen reports that still name their people."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from app.persistence.models.credit_reports import CreditReportRow, CreditSnapshotRow
from app.persistence.queries.chunks import chunks


def page_named(session: Session, *, before: date, after: tuple[str, str] | None, limit: int) -> Sequence[Any]:
    """Return rows of months before that day that name their people, by (snapshot, loan), following `after`."""
    statement = (
        select(
            CreditReportRow.snapshot_id, CreditReportRow.loan_id, CreditReportRow.kind, CreditReportRow.account,
            CreditReportRow.first_delinquency_on, CreditSnapshotRow.as_of,
        )
        .join(CreditSnapshotRow, CreditSnapshotRow.id == CreditReportRow.snapshot_id)
        .where(CreditSnapshotRow.as_of < before, CreditReportRow.people_sealed.is_not(None))
        .order_by(CreditReportRow.snapshot_id, CreditReportRow.loan_id)
        .limit(limit)
    )  # fmt: skip
    if after is not None:
        statement = statement.where(tuple_(CreditReportRow.snapshot_id, CreditReportRow.loan_id) > after)
    return session.execute(statement).all()


def mark_forgotten(session: Session, keys: Sequence[tuple[str, str]]) -> None:
    """Forget the people of rows by (snapshot, loan)."""
    for part in chunks(keys):
        session.execute(
            update(CreditReportRow)
            .where(tuple_(CreditReportRow.snapshot_id, CreditReportRow.loan_id).in_(part))
            .values(people_sealed=None)
        )
