"""Ledger entries: append-only facts about money, each with the day it counts for and the instant it became known."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter

from app.domain.allocation import Surplus
from app.domain.errors import refused_at
from app.domain.splits import Split


class EntryKind(StrEnum):
    """What an entry does to a loan."""

    REPAYMENT = "repayment"
    """Money in, spread over the rows."""
    WAIVER = "waiver"
    """A claim given up; spread like a repayment, but no money."""
    PREPAYMENT = "prepayment"
    """Principal paid outside the plan; the rows stay as given until the core sends new ones."""
    SOURCE_ADJUSTMENT = "source_adjustment"
    """What a source's own balances leave unexplained; changes the principal balance only, may be negative."""
    REVERSAL = "reversal"
    """Undoes one earlier entry as if it had never been."""
    REFUND = "refund"
    """Money given back out of what was paid over."""
    CHARGE = "charge"
    """A fee or a penalty levied: a new claim, in its `split`, due on `due_on` with the row of that day."""
    CHARGE_OFF = "charge_off"
    """The lender's books give the claim up as lost; the borrower owes it still. Changes no position."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One fact. `amount_minor` is not negative, except for a source adjustment that raises the balance.

    `effective_on` is the value date, `recorded_at` when the book of record knew it. `row_no` names the instalment the
    payer meant, `split` the source's own division, both optional. `reverses` is the id of the entry undone. `due_on` is the
    day a charge falls due; None: the day it is levied.
    """

    entry_id: str
    kind: EntryKind
    amount_minor: int
    effective_on: date
    recorded_at: datetime
    row_no: int | None = None
    split: Split | None = None
    reverses: str | None = None
    due_on: date | None = None
    surplus: Surplus | None = None
    """What the payer chose for money that is more than what is due; None: what the contract says."""

    @property
    def order(self) -> tuple[date, datetime, str]:
        """Entries apply in this order: value date, then when known, then id (ids are made in time order)."""
        return self.effective_on, self.recorded_at, self.entry_id


def check_entry(entry: LedgerEntry, *, today: date) -> None:
    """Refuse an entry that cannot be true. `today` is the business date in the loan's zone. Raises ValidationError."""
    if entry.effective_on > today:
        raise refused_at("/effective_on", f"The value date {entry.effective_on} is in the future; send it when it has come.")
    if entry.amount_minor < 0 and entry.kind is not EntryKind.SOURCE_ADJUSTMENT:
        raise refused_at("/amount", "The amount is negative; a payment taken back is a reversal that names the payment.")
    if entry.kind is EntryKind.REVERSAL and entry.reverses is None:
        raise refused_at("/reverses_reference", "A reversal must name the entry it reverses.")
    if entry.kind is EntryKind.CHARGE and (entry.split is None or entry.split.principal or entry.split.interest):
        raise refused_at("/split", "A charge says in its split what of it is fees and what penalties, and nothing else.")
    if entry.split is not None and entry.kind is not EntryKind.SOURCE_ADJUSTMENT and min(entry.split) < 0:
        raise refused_at("/split", "A part of the split is negative; more owed is a charge, money taken back a reversal.")
    if entry.split is not None and entry.split.total != entry.amount_minor:
        raise refused_at("/split", "The split does not add up to the amount.")


_IN_ORDER = attrgetter("effective_on", "recorded_at", "entry_id")
"""`LedgerEntry.order`, without the cost of a property for each of many entries."""


def standing(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return the entries that count, in order: neither reversals nor what they reversed."""
    return sorted(counting(entries), key=_IN_ORDER)


def counting(entries: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Return the entries that count, as they come: neither reversals nor what they reversed."""
    listed = list(entries)
    undone = {entry.reverses for entry in listed if entry.kind is EntryKind.REVERSAL}
    if not undone:
        return listed
    return [e for e in listed if e.kind is not EntryKind.REVERSAL and e.entry_id not in undone]
