"""Promises to pay in a rehearsal: how they stand at an instant by what is known of their loans then.

What a borrower took back or replaced is as the book has it. Whether money keeps a promise is read off the rehearsed ledger,
as it is off the real one, and a promise that is kept lets the ladder of its loan go on at once.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.promises import GIVEN_UP, MONEY_IN, MoneyIn, Promise, PromiseState, shared_out, state_by
from app.persistence.queries.case_promises import take_promises
from app.persistence.queries.gathered import Gathered
from app.services.rehearsals.loans import RehearsedLoan


@dataclass(frozen=True, slots=True)
class StandingPromise:
    """A promise at an instant, with the columns that cases are made of."""

    loan_id: str
    promise_no: int
    amount_minor: int
    paid_minor: int
    promised_on: date
    state: str
    open_since: datetime
    settled_at: datetime | None
    ends_at: datetime


class KnownPromises:
    """The promises of one borrower."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._by_loan: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            self._by_loan[row.loan_id].append(row)

    def add_to(self, parts: Gathered, loans: Mapping[str, RehearsedLoan], now: datetime) -> None:
        """Add what stands at `now` to a case that has its loans and holds."""
        standing = [
            each
            for loan_id, rows in self._by_loan.items()
            if loan_id in loans
            for each in _standing([row for row in rows if row.made_at <= now], loans[loan_id], now)
        ]
        if not standing:
            return
        take_promises(parts, standing, now)
        kept = {(each.loan_id, each.ends_at) for each in standing if each.state == PromiseState.KEPT}
        parts.holds = [
            hold
            for hold in parts.holds
            if hold.kind != "promise_to_pay" or (hold.loan_id or "", hold.until_at or now) not in kept
        ]


def _standing(rows: Sequence[Any], loan: RehearsedLoan, now: datetime) -> list[StandingPromise]:
    given_up = [row for row in rows if row.state in GIVEN_UP and row.settled_at is not None and row.settled_at <= now]
    counting = [row for row in rows if row not in given_up]
    paid = _money_in(loan.known_entries)
    promises = [
        Promise(row.id, row.promise_no, row.amount_minor, row.promised_on, row.ends_at, row.made_at, row.made_on)
        for row in counting
    ]
    shares = shared_out(promises, paid) if promises else {}
    found = [_as_is(row, row.paid_minor, row.state, row.settled_at) for row in given_up]
    for row in counting:
        share = shares[row.id]
        state = state_by(PromiseState.OPEN, row.amount_minor, share, is_over=row.ends_at <= now, loan_status=loan.status)
        settled_at = None
        if state is PromiseState.KEPT:
            settled_at = max([row.made_at, *(each.recorded_at for each in paid if each.recorded_at <= now)])
        elif state is not PromiseState.OPEN:
            settled_at = min(row.ends_at, now)
        found.append(_as_is(row, share, state.value, settled_at))
    return found


def _as_is(row: Any, paid_minor: int, state: str, settled_at: datetime | None) -> StandingPromise:
    return StandingPromise(
        row.loan_id, row.promise_no, row.amount_minor, paid_minor, row.promised_on, state, row.open_since, settled_at,
        row.ends_at,
    )  # fmt: skip


def _money_in(entries: Sequence[LedgerEntry]) -> list[MoneyIn]:
    undone = {entry.reverses for entry in entries if entry.kind is EntryKind.REVERSAL}
    return [
        MoneyIn(entry.entry_id, entry.amount_minor, entry.effective_on, entry.recorded_at)
        for entry in entries
        if entry.kind in MONEY_IN and entry.entry_id not in undone
    ]
