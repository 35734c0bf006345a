"""Ledgers at random over a loan's plan: money in and out, claims levied and given up, late and undone entries."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from app.domain.allocation import Surplus
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.splits import Split
from tests.builders.random_loans import RandomLoan

PLAIN_KINDS = (EntryKind.REPAYMENT,) * 5 + (EntryKind.WAIVER, EntryKind.REFUND, EntryKind.CHARGE)
FORMS = ("plain", "plain", "plain", "row", "split", "row and split", "surplus")


def known_at(day: date, seconds: int = 0) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC) + timedelta(seconds=seconds)


def payment(entry_id: str, amount_minor: int, day: date, seconds: int = 0, **more: Any) -> LedgerEntry:
    """A repayment known on its own day, so many seconds after noon."""
    return LedgerEntry(entry_id, EntryKind.REPAYMENT, amount_minor, day, known_at(day, seconds), **more)


def last_of_the_day(amount_minor: int, day: date, entry_id: str = "~") -> LedgerEntry:
    """A repayment that comes after everything else with its value date, however late that became known."""
    return payment(entry_id, amount_minor, day, 400 * 86_400)


@st.composite
def ledgers(
    draw: st.DrawFn, loan: RandomLoan, most: int = 6, forms: tuple[str, ...] = FORMS, reversals: bool = True
) -> list[LedgerEntry]:
    """Entries in the order they were made up, not the one they apply in. `forms` says how money may be directed."""
    entries: list[LedgerEntry] = []
    span = (loan.rows[-1].due_on - loan.contract.starts_on).days + 60
    for number in range(draw(st.integers(0, most))):
        kind = draw(st.sampled_from(PLAIN_KINDS))
        day = loan.day(draw(st.integers(0, span)))
        typical = [0, 1, loan.total_minor // len(loan.rows), loan.total_minor]
        amount = draw(st.sampled_from(typical) | st.integers(0, loan.total_minor))
        more: dict[str, Any] = {}
        if kind is EntryKind.CHARGE:
            amount = draw(st.integers(1, 500))
            more = _charge(draw, amount, day)
        elif kind is not EntryKind.REFUND:
            more = _directed(draw, amount, draw(st.sampled_from(forms)), len(loan.rows))
        known = known_at(day, draw(st.integers(0, 20 * 86_400)))
        entries.append(LedgerEntry(f"e{number:03}", kind, amount, day, known, **more))
    for entry in list(entries) if reversals else ():
        if draw(st.integers(0, 4)) == 0:
            entries.append(_undone(draw, entry))
    return entries


def _charge(draw: st.DrawFn, amount: int, day: date) -> dict[str, Any]:
    fees = draw(st.integers(0, amount))
    due_on = draw(st.none() | st.integers(-5, 60).map(lambda days: day + timedelta(days=days)))
    return {"split": Split(fees=fees, penalties=amount - fees), "due_on": due_on}


def _directed(draw: st.DrawFn, amount: int, form: str, rows: int) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if form.startswith("row"):
        more["row_no"] = draw(st.integers(1, rows + 2))
    if form.endswith("split"):
        interest = draw(st.integers(0, amount))
        fees = draw(st.integers(0, min(50, amount - interest)))
        more["split"] = Split(amount - interest - fees, interest, fees)
    if form == "surplus":
        more["surplus"] = draw(st.sampled_from(Surplus))
    return more


def _undone(draw: st.DrawFn, entry: LedgerEntry) -> LedgerEntry:
    """A reversal, which may have an earlier value date or id than what it undoes and be known before it."""
    return LedgerEntry(
        draw(st.sampled_from("az")) + entry.entry_id,
        EntryKind.REVERSAL,
        entry.amount_minor,
        entry.effective_on + timedelta(days=draw(st.sampled_from([-3, 0, 0, 1, 20]))),
        entry.recorded_at + timedelta(days=draw(st.sampled_from([-1, 0, 0, 1, 20]))),
        reverses=entry.entry_id,
    )
