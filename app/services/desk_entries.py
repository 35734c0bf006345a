"""Keeping what the desk booked apart until the lender's core tells of it: its figures lack it until then."""

from typing import Protocol

from app.domain.ledger import EntryKind
from app.persistence.models.desk_acts import DeskEntryRow
from app.persistence.queries.desk_entries import add_desk_entry, count_untold
from app.persistence.queries.ledger import find_entry_rows
from app.persistence.unit_of_work import Work


class DeskAct(Protocol):
    """A payment or a waiver of the desk whose entry is in the ledger."""

    borrower_id: str
    loan_id: str
    lender_id: str
    reference: str
    entry_id: str | None


def keep_entry(
    work: Work, act: DeskAct, *, kind: EntryKind, amount_minor: int, channel: str | None = None, receipt: str | None = None
) -> None:
    """Keep the entry of an act as one that the core has not told of. The caller holds the agenda row."""
    assert act.entry_id is not None
    booked = find_entry_rows(work.session, [act.entry_id])[act.entry_id]
    row = DeskEntryRow(
        entry_id=act.entry_id, borrower_id=act.borrower_id, loan_id=act.loan_id, lender_id=act.lender_id, kind=kind.value,
        amount_minor=amount_minor, effective_on=booked.effective_on, channel=channel, reference=act.reference,
        receipt=receipt,
    )  # fmt: skip
    add_desk_entry(work.session, row)
    count_untold(work.session, [act.loan_id])
