"""What the desk booked and a core tells of later: the same money, the same waiver, booked once.

The core is the book of record and hears of what happened at a desk by our event, or from the till. Equal beyond doubt is: it
names our reference, or the receipt's number as the bank's (`bank_reference`), of the same loan and amount; or, where it
names no bank reference, the same loan, value date and amount of money that may have come the same way. One that is told is
used up, so that the second of two alike is another. The core's reference then stands for the entry that is there.
The other way round (the core told first) the desk is asked whether it is another (`desk_payments.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.book import PaymentValues
from app.domain.desk_payments import ORIGIN, may_be_same_way
from app.domain.errors import ConflictError
from app.domain.ledger import EntryKind
from app.persistence.models.desk_acts import DeskEntryRow
from app.persistence.queries.desk_entries import find_standing
from app.persistence.queries.loans import LoanHead

_KINDS: Mapping[EntryKind, str] = {
    EntryKind.REPAYMENT: EntryKind.REPAYMENT.value,
    EntryKind.PREPAYMENT: EntryKind.REPAYMENT.value,
    EntryKind.WAIVER: EntryKind.WAIVER.value,
}
"""Kind of a core's entry -> kind of the desk's that it may be."""


@dataclass(slots=True)
class ToldByDesk:
    """By loan id: the desk's entries that stand. `loans`: those of which one was told in this batch."""

    entries: Mapping[str, Sequence[DeskEntryRow]] = field(default_factory=dict)
    loans: set[str] = field(default_factory=set)

    def entry_of(self, values: PaymentValues, loan_id: str, *, now: datetime) -> str | None:
        """Return the entry that is this payment or waiver, which is told from now on; None: there is none.

        Raises ConflictError where it names ours and says another amount of it.
        """
        kind = _KINDS.get(values.kind)
        of_kind = [each for each in self.entries.get(loan_id, ()) if each.kind == kind]
        found = next((each for each in of_kind if _is_named(each, values)), None)
        found = found or next((each for each in of_kind if _is_alike(each, values)), None)
        if found is None:
            return None
        if found.amount_minor != values.amount_minor:
            raise ConflictError(
                f"{found.reference} was booked at the desk with {found.amount_minor}; reverse it if it was another amount."
            )
        if found.told_at is None:
            found.told_at, found.told_as = now, values.reference
            self.loans.add(loan_id)
        return found.entry_id


def _is_named(entry: DeskEntryRow, values: PaymentValues) -> bool:
    if entry.reference in (values.reference, values.bank_reference):
        return True
    by_receipt = entry.receipt is not None and entry.receipt == values.bank_reference
    return by_receipt and entry.amount_minor == values.amount_minor


def _is_alike(entry: DeskEntryRow, values: PaymentValues) -> bool:
    return (
        entry.told_at is None
        and values.bank_reference is None
        and (entry.effective_on, entry.amount_minor) == (values.effective_on, values.amount_minor)
        and may_be_same_way(entry.channel, values.channel)
    )


def find_told_by_desk(
    session: Session, batch: Sequence[PaymentValues], loans: Mapping[str, LoanHead], *, origin: str
) -> ToldByDesk:
    """Return what the desk booked of these payments' loans. Asks nothing where nothing waits to be told or is named."""
    if not (origin == "ingest" or origin.startswith("import:")):
        return ToldByDesk()
    asked = {
        loans[values.loan_no].id
        for values in batch
        if values.loan_no in loans and values.kind in _KINDS and _may_be(values, loans[values.loan_no])
    }
    found: dict[str, list[DeskEntryRow]] = {}
    for entry in find_standing(session, asked) if asked else ():
        found.setdefault(entry.loan_id, []).append(entry)
    return ToldByDesk(found)


def _may_be(values: PaymentValues, loan: LoanHead) -> bool:
    names_us = values.reference.startswith(ORIGIN) or (values.bank_reference or "").startswith(ORIGIN)
    return names_us or loan.desk_untold_minor != 0
