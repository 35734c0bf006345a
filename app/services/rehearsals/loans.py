"""One loan of a rehearsal: what is known of it at an instant, and what becomes known in the stretch."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from types import SimpleNamespace
from typing import Any, NamedTuple

from app.domain.allocation_history import allocation_history
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanVersion
from app.domain.positions import Snapshot, replay
from app.domain.times import business_date, local_instant
from app.persistence.queries.case_loans import take_closing, take_loan, take_replaced
from app.persistence.queries.gathered import Gathered
from app.persistence.queries.positions import rows_to_store, states_to_store
from app.services.hindsight import is_known, loan_then, watched_from
from app.services.positions import status_after
from app.services.terms import kernel_terms

PAYS_AT = time(12)
"""On the due date, in the lender's zone: when a payment that is assumed as scheduled is known."""
_HEAD = (
    "id", "borrower_id", "loan_no", "currency", "product_kind", "autopay", "disbursed_on", "imported_at", "principal_minor",
    "contract", "cap", "stops", "marks", "core_as_of", "core_figures", "lender_id", "lender_code", "lender_name",
    "lender_role", "licence_kind", "jurisdiction", "zone",
)  # fmt: skip


class _Total(NamedTuple):
    """A row or an allocation with its sum, as the queries of cases have them."""

    loan_id: str
    row_no: int
    due_on: date
    anchor_no: int
    total: int
    recorded_at: datetime | None = None
    replaced_at: datetime | None = None


class RehearsedLoan(SimpleNamespace):
    """A loan with the columns that cases are made of, kept to what is known at the rehearsal's instant."""

    def __init__(
        self, row: Any, versions: Sequence[PlanVersion], entries: Sequence[LedgerEntry], *, starts_at: datetime
    ) -> None:
        super().__init__(**{name: getattr(row, name) for name in _HEAD})
        given = row._mapping
        then = loan_then(given, starts_at, paid_by_now=row.paid_by_now)
        self.status: str = then["status"]
        self.ended_at: datetime | None = then["ended_at"]
        self.resumed_at: datetime | None = then["resumed_at"]
        self.starts_at = starts_at
        self.heard_at = None  # the core goes on speaking, as far as a rehearsal knows
        self.known_versions = [each for each in versions if is_known({"recorded_at": each.recorded_at}, starts_at)]
        self.known_entries = [each for each in entries if is_known({"recorded_at": each.recorded_at}, starts_at)]
        self.later: list[PlanVersion | LedgerEntry] = [
            *(each for each in versions if each.recorded_at > starts_at),
            *(each for each in entries if each.recorded_at > starts_at),
        ]
        self.anchor_no = max((each.anchor_no for each in self.known_versions), default=0)
        self.watched = {each.anchor_no: watched_from(each.recorded_at, starts_at) for each in self.known_versions}
        self.terms = kernel_terms(self).terms
        self.snapshot: Snapshot | None = None
        self._closed_at: dict[int, datetime] | None = {}
        """Row no -> when it became known to be closed, by what was learnt last; None: the whole history must say."""
        self._stand()

    # -- what becomes known --------------------------------------------------------------------------------------------

    def learn(self, facts: Iterable[PlanVersion | LedgerEntry]) -> None:
        """Take in what becomes known at one instant."""
        facts = list(facts)
        still_open = None if self.snapshot is None or not self._only_adds(facts) else self.snapshot.open_rows
        anchor_no = 0
        for fact in facts:
            if isinstance(fact, PlanVersion):
                self.known_versions.append(fact)
                self.watched[fact.anchor_no] = watched_from(fact.recorded_at, self.starts_at)
                anchor_no = max(anchor_no, fact.anchor_no)
            else:
                self.known_entries.append(fact)
        if anchor_no:
            self.known_versions.sort(key=lambda each: each.anchor_no)
            self.anchor_no = anchor_no
        self.known_entries.sort(key=lambda each: each.entry_id)
        self._stand()
        self._closed_at = None
        if still_open is not None and self.snapshot is not None and self.last_recorded_at is not None:
            left = {row.row_no for row in self.snapshot.open_rows}
            self._closed_at = {row.row_no: self.last_recorded_at for row in still_open if row.row_no not in left}

    def _only_adds(self, facts: Sequence[PlanVersion | LedgerEntry]) -> bool:
        """Whether these are payments that come last of all in order: each is then spread on top of what stands.

        So `allocation_history` has it; nothing that was allocated before moves, and what closes is what is open no more.
        """
        if self.terms.contract is not None or self.terms.late is not None:
            return False
        newest = max((entry.order for entry in self.known_entries), default=None)
        for fact in facts:
            if isinstance(fact, PlanVersion) or fact.kind is not EntryKind.REPAYMENT:
                return False
            if newest is not None and fact.order < newest:
                return False
        return not any(entry.kind is EntryKind.REVERSAL for entry in self.known_entries)

    def pay_as_scheduled(self, due_on: date) -> LedgerEntry | None:
        """Return the payment of what falls due that day, or None when nothing of it is open (any more)."""
        if self.status != "active" or self.snapshot is None:
            return None
        amount = sum(row.open.total for row in self.snapshot.open_rows if row.due_on == due_on)
        at = local_instant(due_on, PAYS_AT, self.zone)
        if amount <= 0:
            return None
        return LedgerEntry(f"~{due_on.isoformat()}", EntryKind.REPAYMENT, amount, due_on, at)

    def due_dates(self) -> list[date]:
        """Return the due dates from the start on of what is open, each once."""
        today = business_date(self.starts_at, self.zone)
        rows = () if self.snapshot is None else self.snapshot.open_rows
        return sorted({row.due_on for row in rows if local_instant(row.due_on, PAYS_AT, self.zone) > self.starts_at
                       and row.due_on >= today})  # fmt: skip

    def _stand(self) -> None:
        """Bring the columns that follow from the ledger to what is known."""
        before = self.snapshot
        snapshot = replay(self.principal_minor, self.known_versions, self.known_entries, terms=self.terms)
        was_paid = self.ended_at is None and before is not None and before.settled
        self.status = status_after(self.status, was_paid=was_paid, is_settled=snapshot.settled)
        self.snapshot = snapshot
        self.open_rows = rows_to_store(snapshot)
        self.row_states = states_to_store(snapshot)
        self.last_effective_on = snapshot.last_effective_on
        self.last_recorded_at = snapshot.last_recorded_at

    # -- as part of a case ---------------------------------------------------------------------------------------------

    @property
    def watched_from_at(self) -> datetime:
        """Since when the steps of its present plan count."""
        found: datetime = self.watched[self.anchor_no]
        return found

    def add_to(self, parts: Gathered, now: datetime, horizon: date) -> None:
        """Add what is open of it to a case, and what was closed or replaced since the last look."""
        if self.anchor_no not in self.watched:
            return  # no plan yet: it owes nothing
        take_loan(parts, self, now, horizon)

    def add_closings(self, parts: Gathered) -> None:
        """Add rows that payments known since the last look have closed."""
        rows = {row.row_no: row for version in self._present() for row in version.rows}
        if self._closed_at is not None:
            for row_no, closed_at in self._closed_at.items():
                if row_no in rows:
                    take_closing(parts, self, rows[row_no], closed_at)
            return
        newest: dict[int, datetime] = {}
        for allocation, recorded_at, replaced_at in allocation_history(self.known_versions, self.known_entries, self.terms):
            if replaced_at is None and allocation.row_no is not None:
                newest[allocation.row_no] = max(recorded_at, newest.get(allocation.row_no, recorded_at))
        for row_no in sorted(newest):
            if row_no in rows:
                take_closing(parts, self, rows[row_no], newest[row_no])

    def add_replaced(self, parts: Gathered) -> None:
        """Add rows of plans that were replaced since the last look."""
        payments: dict[int, list[_Total]] = {}
        for allocation, recorded_at, replaced_at in allocation_history(self.known_versions, self.known_entries, self.terms):
            if allocation.row_no is not None:
                paid = _Total(self.id, allocation.row_no, date.min, 0, allocation.split.total, recorded_at, replaced_at)
                payments.setdefault(allocation.row_no, []).append(paid)
        for version in self.known_versions:
            for row in version.rows:
                total = _Total(self.id, row.row_no, row.due_on, version.anchor_no, row.due.total)
                take_replaced(parts, self, total, self.watched, payments.get(row.row_no, []))

    def _present(self) -> list[PlanVersion]:
        return [version for version in self.known_versions if version.anchor_no == self.anchor_no]
