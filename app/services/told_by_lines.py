"""Money that a bank statement and the lender's core both tell of: booked once, whichever comes first.

Equal beyond doubt is: the core names the bank's own reference of the line; or, where it names none and does not say that the
money came another way than by bank, the same loan, value date and amount.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

from app.domain.book import PaymentValues
from app.domain.desk_payments import ORIGIN as OF_DESK
from app.domain.ledger import EntryKind
from app.persistence.models.loans import UnmatchedPaymentRow
from app.persistence.queries.ledger import find_booked_lines, find_waiting
from app.persistence.queries.loans import LoanHead
from app.persistence.queries.statement_lines import BY_BANK, LineEntry, find_entries_of_lines, find_known_lines

TOLD_BY_LINE = "told-by-statement"
"""Why a payment of the core waits: a statement line brought it before."""
ORIGIN = BY_BANK
"""The origin of ledger entries that statement lines made."""
CHANNEL = "bank_transfer"
_PAID = (EntryKind.REPAYMENT, EntryKind.PREPAYMENT)
_BY_BANK = frozenset({None, "bank", "bank_account", CHANNEL, "credit_transfer", "transfer", "standing_order"})
"""Channels by which money of a core may be a line of a statement."""
_AT_DESK = frozenset({CHANNEL, "cheque"})
"""And of the desk, which says how each came: cash is paid in by the day."""


def may_be_a_line(channel: str | None, origin: str) -> bool:
    """Return whether a payment under this channel and origin may be money that a statement line tells of as well."""
    if origin.startswith(OF_DESK):
        return channel in _AT_DESK
    return channel in _BY_BANK and is_of_core(origin)


def is_of_core(origin: str) -> bool:
    """Return whether the lender's core tells of it: by a call, or in a file."""
    return origin == "ingest" or origin.startswith("import:")


def _is_asked(values: PaymentValues, origin: str) -> bool:
    """Whether a line may have brought it. What a core names by the bank's own reference is that, however it says it came."""
    is_named = values.bank_reference is not None and is_of_core(origin)
    return is_named or may_be_a_line(values.channel, origin)


@dataclass(slots=True)
class ToldByLines:
    """By (loan id, value date): amounts that lines brought, and those of core payments that wait because of them."""

    references: frozenset[str] = frozenset()
    """Bank references of the batch that are lines which are matched."""
    booked: Mapping[tuple[str, date], Sequence[int]] = field(default_factory=dict)
    held: dict[tuple[str, date], list[int]] = field(default_factory=dict)

    def has(self, values: PaymentValues, loan_id: str, origin: str) -> bool:
        """Return whether a line brought this payment; what it brought is used up by it."""
        if values.kind not in _PAID or not _is_asked(values, origin):
            return False
        if values.bank_reference is not None:
            return values.bank_reference in self.references
        key = loan_id, values.effective_on
        held = self.held.setdefault(key, [])
        if self.booked.get(key, []).count(values.amount_minor) <= held.count(values.amount_minor):
            return False
        held.append(values.amount_minor)
        return True

    def release(self, values: PaymentValues, loan_id: str) -> None:
        """Forget that this payment waits: it is about to be looked at again."""
        held = self.held.get((loan_id, values.effective_on), [])
        if values.amount_minor in held:
            held.remove(values.amount_minor)


def find_told_by_lines(
    session: Session, lender_id: str, batch: Sequence[PaymentValues], loans: Mapping[str, LoanHead], origin: str
) -> ToldByLines:
    """Return what lines brought of the loans and days of these payments."""
    asked = [v for v in batch if v.kind in _PAID and v.loan_no in loans and _is_asked(v, origin)]
    named = {v.bank_reference for v in asked if v.bank_reference is not None}
    references = frozenset(find_known_lines(session, lender_id, named)) if named else frozenset()
    unnamed = [v for v in asked if v.bank_reference is None]
    numbers = {loans[v.loan_no].id: v.loan_no for v in unnamed}
    booked = find_booked_lines(session, numbers, {v.effective_on for v in unnamed}) if numbers else {}
    told = ToldByLines(references, booked)
    for row in find_waiting(session, lender_id, list(numbers.values())) if booked else ():
        if row.reason == TOLD_BY_LINE and row.payload.get("bank_reference") is None:
            key = loans[row.loan_no].id, date.fromisoformat(row.payload["effective_on"])
            told.held.setdefault(key, []).append(row.payload["amount_minor"])
    return told


def line_entry_of(session: Session, kept: UnmatchedPaymentRow, loan_id: str) -> LineEntry | None:
    """Return the entry of the line that a waiting payment is; None where it waits for another reason, or it is not certain.

    One of several that are alike may be the one that the bank took back: then nobody knows which is meant.
    """
    if kept.reason != TOLD_BY_LINE or kept.matched_at is not None:
        return None
    said = kept.payload
    found = find_entries_of_lines(
        session,
        loan_id,
        amount_minor=said["amount_minor"],
        bank_reference=said.get("bank_reference"),
        on=date.fromisoformat(said["effective_on"]),
    )
    if not found or (len(found) > 1 and any(each.reversal_id for each in found)):
        return None
    return found[0]
