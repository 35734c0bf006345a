"""What a borrower sees of what was posted on a loan: each entry with its split as posted, as now known, and in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from app.domain.errors import NotFoundError
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.receipts import Receipt, instants_of, receipt_of
from app.domain.splits import Split
from app.persistence.queries import receipts as queries
from app.services.accounts import get_position_account


@dataclass(frozen=True, slots=True)
class Payment:
    """One ledger entry with its receipt."""

    entry: Any
    receipt: Receipt

    @property
    def due_on(self) -> date | None:
        """When a charge falls due; None of anything else."""
        entry = self.entry
        return (entry.due_on or entry.effective_on) if entry.kind == EntryKind.CHARGE else None


def page_payments(
    reads: Connection, borrower_id: str, loan_id: str, *, before: tuple[datetime, str] | None, limit: int
) -> list[Payment]:
    """Return up to `limit` entries, newest first, in a number of statements that does not grow. Raises NotFoundError."""
    get_position_account(reads, borrower_id, loan_id)
    rows = queries.page_entries(reads, borrower_id, loan_id, before=before, limit=limit)
    return _payments(reads, borrower_id, loan_id, rows)


def get_payment(reads: Connection, borrower_id: str, loan_id: str, entry_id: str) -> Payment:
    """Return one entry of a loan. Raises NotFoundError, also for another borrower's or another loan's."""
    row = queries.find_entry(reads, borrower_id, loan_id, entry_id)
    if row is None:
        raise NotFoundError("There is no such payment.")
    return _payments(reads, borrower_id, loan_id, [row])[0]


def _payments(reads: Connection, borrower_id: str, loan_id: str, rows: Sequence[Any]) -> list[Payment]:
    if not rows:
        return []
    spans = queries.find_spans(reads, borrower_id, loan_id, [row.id for row in rows])
    # What was recorded with an entry itself replaced nothing of it.
    instants = {at for row in rows for at in instants_of(spans[row.id]) - {row.recorded_at}}
    changes = queries.find_changes(reads, borrower_id, loan_id, list(spans), instants)
    return [Payment(row, receipt_of(_entry(row), spans[row.id], changes)) for row in rows]


def _entry(row: Any) -> LedgerEntry:
    split = (row.principal_minor, row.interest_minor, row.fees_minor, row.penalties_minor)
    return LedgerEntry(
        row.id,
        EntryKind(row.kind),
        row.amount_minor,
        row.effective_on,
        row.recorded_at,
        split=Split(*(minor or 0 for minor in split)),
        reverses=row.reverses_id,
        due_on=row.due_on,
    )
