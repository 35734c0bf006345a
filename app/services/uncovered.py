"""Refunds of more than was received and waivers that find nothing owed: what our book cannot hold until it knows more.

The core is the book of record, so they are not refused: it knows of something that has not come here yet. They wait and are
listed, as a reversal does whose payment nobody sent, and are booked once they are covered. What is booked and loses its
cover later, as when a payment bounces after its refund, is owed. A waiver that finds something owed is booked, also where it
is more than that: to wait would mean to remind of a claim that was given up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind, LedgerEntry, counting, standing
from app.domain.plans import PlanVersion
from app.domain.positions import replay
from app.persistence.models.loans import LoanRow
from app.persistence.queries.loans import LoanHead, find_loans_numbered
from app.persistence.queries.positions import load_ledgers
from app.services.terms import kernel_terms

UNCOVERED: Mapping[EntryKind, str] = {
    EntryKind.REFUND: "refund-over-received",
    EntryKind.WAIVER: "waiver-over-owed",
}
"""Why an entry of that kind waits."""

_MONEY: Mapping[EntryKind, int] = {
    EntryKind.REPAYMENT: 1,
    EntryKind.PREPAYMENT: 1,
    EntryKind.SOURCE_ADJUSTMENT: 1,
    EntryKind.REFUND: -1,
}
"""Which way money goes. What a source's balances leave unexplained may be money; a waiver is none."""


@dataclass(slots=True)
class LoanLedger:
    """A loan with all that is booked on it, also within the unit of work that asks."""

    loan: LoanRow
    versions: Sequence[PlanVersion]
    entries: list[LedgerEntry]

    def in_turn(self, entry: LedgerEntry, now: datetime) -> LedgerEntry | None:
        """Return the entry as it can be booked, or None while it is not covered.

        Where it was known before what covers it, on one value date, it is booked as known from now on.
        """
        return next((each for each in (entry, replace(entry, recorded_at=now)) if self._covers(each)), None)

    def _covers(self, entry: LedgerEntry) -> bool:
        if entry.kind is EntryKind.REFUND:
            return self._has_received(entry)
        return entry.kind is not EntryKind.WAIVER or self._is_owed_at(entry)

    def _has_received(self, refund: LedgerEntry) -> bool:
        """Whether the money in covers this refund, and still covers those after it."""
        received = 0
        for each in standing([*self.entries, refund]):
            received += _MONEY.get(each.kind, 0) * each.amount_minor
            if received < 0 and each.kind is EntryKind.REFUND and each.order >= refund.order:
                return False
        return True

    def _is_owed_at(self, waiver: LedgerEntry) -> bool:
        """Whether anything is owed when the waiver comes; without a plan that is not known, and nobody says no."""
        before = [each for each in counting(self.entries) if each.order < waiver.order]
        terms = kernel_terms(self.loan).terms
        return not replay(self.loan.principal_minor, self.versions, before, terms=terms).settled


def find_loan_ledgers(
    session: Session, lender_id: str, batch: Sequence[PaymentValues], loans: Mapping[str, LoanHead]
) -> dict[str, LoanLedger]:
    """Return the ledgers, by loan id, of the loans whose refunds and waivers are in the batch."""
    numbers = {values.loan_no for values in batch if values.kind in UNCOVERED and values.loan_no in loans}
    if not numbers:
        return {}
    found = {loan.id: loan for loan in find_loans_numbered(session, lender_id, numbers)}
    ledgers = load_ledgers(session, list(found))
    return {loan_id: LoanLedger(loan, ledgers[loan_id][0], [*ledgers[loan_id][1]]) for loan_id, loan in found.items()}
