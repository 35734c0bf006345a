"""The rows behind a number, for staff: those of their own lender, by number and never by name, each look written down."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.bulletins import PEOPLE, Definition, cell_values
from app.domain.errors import NotFoundError, refused_at
from app.domain.spreadsheets import safe_cell
from app.persistence.models.borrowers import BorrowerRow
from app.persistence.models.bulletins import BulletinRow
from app.persistence.models.loans import LoanRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.bulletin_rows import page_rows
from app.persistence.unit_of_work import Work
from app.services.bulletin_figures import definitions
from app.services.bulletins import known_of

CHUNK = 1000
CSV_COLUMNS = ("row_id", "kind", "at", "borrower_no", "loan_no", "cell", "currency", "amount", "rows")


@dataclass(frozen=True, slots=True)
class Drill:
    """Which number is looked into."""

    key: str
    cell: str
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row as staff see it. `key`: where the next page begins; `rows`: of a person, how many of theirs there are."""

    key: str
    row_id: str
    kind: str
    at: datetime | date | None
    borrower_no: str | None
    loan_no: str | None
    cell: str
    currency: str
    amount: int
    rows: int

    def as_told(self) -> dict[str, Any]:
        """Return it as a program is told: an instant apart from a day, and the cell as its values."""
        is_instant = isinstance(self.at, datetime)
        return {
            "row_id": self.row_id, "kind": self.kind, "at": self.at if is_instant else None,
            "on": None if is_instant else self.at, "borrower_no": self.borrower_no, "loan_no": self.loan_no,
            "of": list(cell_values(self.cell)), "currency": self.currency or None, "amount": self.amount, "rows": self.rows,
        }  # fmt: skip


def definition_of(key: str) -> Definition:
    """Return a definition by its key. Raises NotFoundError."""
    if key not in definitions().figures:
        raise NotFoundError(f"There is no figure {key}.")
    return definitions().figures[key]


def drill_of(key: str, cell: str | None, currency: str | None) -> Drill:
    """Return the number that is asked for; without a cell the total. Raises NotFoundError, ValidationError."""
    definition = definition_of(key)
    cell = definition.cells_of_total if cell is None else cell
    if not cell.isprintable() or not (currency or "").isprintable():
        raise refused_at("/query/cell", "A cell and a currency are text without control characters.")
    if len(cell_values(cell)) != len(definition.dimensions):
        raise refused_at("/query/cell", f"A cell of {key} names {len(definition.dimensions)} values, joined by |.")
    return Drill(key, cell, currency or None)


def drill_down(
    work: Work,
    row: BulletinRow,
    drill: Drill,
    *,
    lender_id: str | None,
    by: str,
    now: datetime,
    after: str | None = None,
    limit: int = 50,
) -> list[ShownRow]:
    """Return at most `limit` rows behind a number, after one of them, and write down that they were read."""
    found = _page(work.session, row, drill, lender_id, now, after, limit)
    facts = {"bulletin": row.id, "figure": drill.key, "cell": drill.cell, "rows": len(found)}
    add_audit(work.session, at=now, actor=by, action="bulletin.drilled", borrower_id=None, facts=facts)
    return found


def export_csv(work: Work, row: BulletinRow, drill: Drill, *, lender_id: str | None, by: str, now: datetime) -> str:
    """Return all rows behind a number as CSV, and write down that they were taken out."""
    written = io.StringIO()
    out = csv.writer(written)
    out.writerow(CSV_COLUMNS)
    count = 0
    for each in each_row(work.session, row, drill, lender_id=lender_id, now=now):
        at = each.at.isoformat() if each.at else ""
        line = (each.row_id, each.kind, at, each.borrower_no, each.loan_no, each.cell, each.currency, each.amount, each.rows)
        out.writerow([safe_cell(value) for value in line])
        count += 1
    facts = {"bulletin": row.id, "figure": drill.key, "cell": drill.cell, "rows": count}
    add_audit(work.session, at=now, actor=by, action="bulletin.exported", borrower_id=None, facts=facts)
    return written.getvalue()


def each_row(
    session: Session, row: BulletinRow, drill: Drill, *, lender_id: str | None, now: datetime
) -> Iterator[ShownRow]:
    """Yield every row behind a number."""
    after: str | None = None
    while page := _page(session, row, drill, lender_id, now, after, CHUNK):
        yield from page
        after = page[-1].key


def _page(
    session: Session, row: BulletinRow, drill: Drill, lender_id: str | None, now: datetime, after: str | None, limit: int
) -> list[ShownRow]:
    definition = definition_of(drill.key)
    found = page_rows(
        session.connection(), definition, known_of(row, now), cell=drill.cell, currency=drill.currency,
        lender_id=row.lender_id or lender_id, after=after, limit=limit,
    )  # fmt: skip
    borrowers = _numbers(session, BorrowerRow.id, BorrowerRow.borrower_no, [each.borrower_id for each in found])
    loans = _numbers(session, LoanRow.id, LoanRow.loan_no, [each.loan_id for each in found if each.loan_id])
    return [
        ShownRow(
            str(each.borrower_id) if definition.unit == PEOPLE else each.row_id, each.row_id, definition.drill,
            each.at or each.on_day, borrowers.get(each.borrower_id), loans.get(each.loan_id or ""),
            "|".join(value or "-" for value in (each.d0, each.d1)[: len(definition.dimensions)]), each.currency,
            int(each.amount), each.rows,
        )
        for each in found
    ]  # fmt: skip


def _numbers(session: Session, key: Any, number: Any, ids: Sequence[str]) -> dict[str, str]:
    return {row_id: value for row_id, value in session.execute(select(key, number).where(key.in_(set(ids))))}
