"""What borrowers agreed to or refused. Rows are only ever added; the newest counts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session

from app.domain.consents import Consent
from app.persistence.models.borrowers import ConsentRow
from app.persistence.queries.chunks import chunks


def find_consents(reads: Connection | Session, borrower_ids: Collection[str]) -> dict[str, list[Consent]]:
    """Return all consents of these borrowers in the order they were recorded; those who said nothing are absent."""
    found: dict[str, list[Consent]] = {}
    for part in chunks(borrower_ids):
        statement = (
            select(
                ConsentRow.borrower_id,
                ConsentRow.purpose,
                ConsentRow.channel,
                ConsentRow.given,
                ConsentRow.recorded_at,
                ConsentRow.form,
                ConsentRow.origin,
            )
            .where(ConsentRow.borrower_id.in_(part))
            .order_by(ConsentRow.recorded_at, ConsentRow.id)
        )
        for row in reads.execute(statement):
            found.setdefault(row.borrower_id, []).append(
                Consent(row.purpose, row.channel, row.given, row.recorded_at, row.form, row.origin)
            )
    return found


def add_consents(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append consents; every row names the same columns."""
    if rows:
        session.execute(insert(ConsentRow), rows)
