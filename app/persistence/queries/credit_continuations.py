"""What came of loans since a month was frozen, for whole pages: rows that fell due, money, and what needs the ledger."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.domain.ledger import EntryKind
from app.persistence.models.loans import InstalmentRow, LedgerEntryRow, LoanRow, PlanVersionRow
from app.persistence.queries.chunks import chunks

_MONEY = frozenset({EntryKind.REPAYMENT.value, EntryKind.PREPAYMENT.value})


@dataclass(slots=True)
class SinceThen:
    """What came since, by loan. `changed`: loans of which only the ledger says what they are now."""

    changed: set[str] = field(default_factory=set)
    due: dict[str, list[tuple[date, int]]] = field(default_factory=lambda: defaultdict(list))
    paid: dict[str, list[tuple[date, int]]] = field(default_factory=lambda: defaultdict(list))


def find_since(session: Session, loan_ids: Collection[str], *, after: date, until: date, known_at: datetime) -> SinceThen:
    """Return what came of these loans from the day after `after` to `until`, or was known from `known_at` on."""
    found = SinceThen()
    for part in chunks(loan_ids):
        plans = select(PlanVersionRow.loan_id).where(
            PlanVersionRow.loan_id.in_(part),
            or_(PlanVersionRow.imported_at >= known_at, PlanVersionRow.effective_on > after),
        )
        found.changed.update(session.connection().scalars(plans))
        entries = select(
            LedgerEntryRow.loan_id, LedgerEntryRow.kind, LedgerEntryRow.effective_on, LedgerEntryRow.amount_minor
        ).where(
            LedgerEntryRow.loan_id.in_(part),
            or_(LedgerEntryRow.imported_at >= known_at, LedgerEntryRow.effective_on > after),
        )
        for loan_id, kind, effective_on, amount_minor in session.connection().execute(entries):
            if kind in _MONEY and after < effective_on <= until:
                found.paid[loan_id].append((effective_on, amount_minor))
            else:
                found.changed.add(loan_id)
        rows = (
            select(
                InstalmentRow.loan_id, InstalmentRow.due_on,
                InstalmentRow.principal_minor + InstalmentRow.interest_minor + InstalmentRow.fees_minor
                + InstalmentRow.penalties_minor,
            )
            .join(LoanRow, and_(LoanRow.id == InstalmentRow.loan_id, LoanRow.anchor_no == InstalmentRow.anchor_no))
            .where(InstalmentRow.loan_id.in_(part), InstalmentRow.due_on > after, InstalmentRow.due_on <= until)
            .order_by(InstalmentRow.loan_id, InstalmentRow.due_on, InstalmentRow.row_no)
        )  # fmt: skip
        for loan_id, due_on, total_minor in session.connection().execute(rows):
            found.due[loan_id].append((due_on, total_minor))
    return found
