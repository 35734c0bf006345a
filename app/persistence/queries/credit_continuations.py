"""What came of loans since a month was frozen, for whole pages: rows that fell due, money, and what needs the ledger."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Date, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from app.domain.ledger import EntryKind
from app.persistence.among import among, ids_named
from app.persistence.column_types import Instant
from app.persistence.models.loans import InstalmentRow, LedgerEntryRow, LoanRow, PlanVersionRow
from app.persistence.prepared import PreparedSelect

_MONEY = frozenset({EntryKind.REPAYMENT.value, EntryKind.PREPAYMENT.value})


@dataclass(slots=True)
class SinceThen:
    """What came since, by loan. `changed`: loans of which only the ledger says what they are now."""

    changed: set[str] = field(default_factory=set)
    due: dict[str, list[tuple[date, int]]] = field(default_factory=lambda: defaultdict(list))
    paid: dict[str, list[tuple[date, int]]] = field(default_factory=lambda: defaultdict(list))


_IDS = ids_named("b_ids")
_AFTER, _UNTIL = bindparam("b_after", type_=Date()), bindparam("b_until", type_=Date())
_KNOWN_AT = bindparam("b_known_at", type_=Instant())
_PLANS = PreparedSelect.of(
    select(PlanVersionRow.loan_id).where(
        among(PlanVersionRow.loan_id, _IDS),
        or_(PlanVersionRow.imported_at >= _KNOWN_AT, PlanVersionRow.effective_on > _AFTER),
    )
)
_ENTRIES = PreparedSelect.of(
    select(
        LedgerEntryRow.loan_id, LedgerEntryRow.kind, LedgerEntryRow.effective_on, LedgerEntryRow.amount_minor
    ).where(
        among(LedgerEntryRow.loan_id, _IDS),
        or_(LedgerEntryRow.imported_at >= _KNOWN_AT, LedgerEntryRow.effective_on > _AFTER),
    )
)  # fmt: skip
_DUE = PreparedSelect.of(
    select(
        InstalmentRow.loan_id, InstalmentRow.due_on,
        (
            InstalmentRow.principal_minor + InstalmentRow.interest_minor + InstalmentRow.fees_minor
            + InstalmentRow.penalties_minor
        ).label("total_minor"),
    )
    .join(LoanRow, and_(LoanRow.id == InstalmentRow.loan_id, LoanRow.anchor_no == InstalmentRow.anchor_no))
    .where(among(InstalmentRow.loan_id, _IDS), InstalmentRow.due_on > _AFTER, InstalmentRow.due_on <= _UNTIL)
    .order_by(InstalmentRow.loan_id, InstalmentRow.due_on, InstalmentRow.row_no)
)  # fmt: skip


def find_since(session: Session, loan_ids: Collection[str], *, after: date, until: date, known_at: datetime) -> SinceThen:
    """Return what came of these loans from the day after `after` to `until`, or was known from `known_at` on."""
    found, connection = SinceThen(), session.connection()
    given = {"b_ids": loan_ids, "b_after": after, "b_known_at": known_at}
    found.changed.update(row.loan_id for row in _PLANS.all(connection, given))
    for loan_id, kind, effective_on, amount_minor in _ENTRIES.all(connection, given):
        if kind in _MONEY and after < effective_on <= until:
            found.paid[loan_id].append((effective_on, amount_minor))
        else:
            found.changed.add(loan_id)
    for loan_id, due_on, total_minor in _DUE.all(connection, {"b_ids": loan_ids, "b_after": after, "b_until": until}):
        found.due[loan_id].append((due_on, total_minor))
    return found
