"""Promises to pay: their states, which money keeps them, and what becomes of one when its day is over.

A promise is a word about money, never money: it changes nothing of what is owed. Whether it was kept is read off the ledger
at the end of the promised day where the borrower lives, and anew whenever the ledger of its loan changes, so that money told
late, and money taken back, put it right.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from app.domain.errors import ConflictError
from app.domain.ledger import EntryKind
from app.domain.times import local_instant

MONEY_IN = frozenset({EntryKind.REPAYMENT, EntryKind.PREPAYMENT})
"""Entries that keep a promise: money the borrower paid. A waiver is the lender's own act."""
HOLDER = "duecourse"
"""Who puts and releases the hold of a promise; what others put by that kind is a promise that this book does not follow."""
BY_BORROWER = "borrower"
"""Who made or gave up a promise, where it was the borrower in the app."""
CHANNELS = ("in_app", "voice", "sms", "wechat", "email", "letter", "in_person", "core")
"""How a promise was given."""


class PromiseState(StrEnum):
    """Where a promise stands."""

    OPEN = "open"
    """Its day is not over and the money is not all in."""
    KEPT = "kept"
    PARTLY_KEPT = "partly_kept"
    """Its day is over and some of the money came."""
    BROKEN = "broken"
    """Its day is over and nothing came."""
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    """Another promise stands in its place."""


S = PromiseState
MOVES: Mapping[PromiseState, frozenset[PromiseState]] = {
    S.OPEN: frozenset({S.KEPT, S.PARTLY_KEPT, S.BROKEN, S.CANCELLED, S.REPLACED}),
    S.KEPT: frozenset({S.OPEN, S.PARTLY_KEPT, S.BROKEN}),  # its money was taken back, before or after its day
    S.PARTLY_KEPT: frozenset({S.KEPT, S.BROKEN}),  # money with a value date within the day was told late, or taken back
    S.BROKEN: frozenset({S.KEPT, S.PARTLY_KEPT}),
    S.CANCELLED: frozenset(),
    S.REPLACED: frozenset(),
}
"""State -> the states it may change to."""
STATES = tuple(each.value for each in PromiseState)
GIVEN_UP = frozenset({S.CANCELLED, S.REPLACED})
"""States in which a promise takes no money and counts for nothing."""
FAILED = frozenset({S.BROKEN, S.PARTLY_KEPT})
"""States that count as a promise not kept."""


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise as far as money goes."""

    promise_id: str
    promise_no: int
    """Counts the promises of a loan from 1."""
    amount_minor: int
    promised_on: date
    """In the borrower's zone."""
    ends_at: datetime
    """The first instant after the promised day there."""
    made_at: datetime
    made_on: date
    """The day it was made by the lender's calendar, in which value dates are told."""

    def takes(self, money: "MoneyIn") -> bool:
        """Return whether money can keep it: paid after it was made, and on its day at the latest.

        What was known before it was made does not count, also where it was the next day already by the loan's calendar. A
        value date is the lender's: what is known before
        the promised day is over where the borrower lives is in time, whatever day the lender's calendar has by then.
        """
        if money.effective_on < self.made_on or money.recorded_at < self.made_at:
            return False
        return money.effective_on <= self.promised_on or money.recorded_at < self.ends_at


@dataclass(frozen=True, slots=True)
class MoneyIn:
    """Money a borrower paid on a loan, as the ledger has it now: not taken back."""

    entry_id: str
    amount_minor: int
    effective_on: date
    recorded_at: datetime


def ends_at(promised_on: date, zone: str) -> datetime:
    """Return the first instant after a day in a zone."""
    return local_instant(promised_on + timedelta(days=1), time(0), zone)


def shared_out(promises: Iterable[Promise], paid: Iterable[MoneyIn]) -> dict[str, int]:
    """Return promise id -> minor units that keep it. Of several the one with the earliest day takes first.

    No cent counts twice, and no promise takes more than it is of. Leave out promises that were given up.
    """
    ordered = sorted(promises, key=lambda each: (each.promised_on, each.promise_no))
    taken = {promise.promise_id: 0 for promise in ordered}
    for money in sorted(paid, key=lambda each: (each.effective_on, each.recorded_at, each.entry_id)):
        left = money.amount_minor
        for promise in ordered:
            if left and promise.takes(money):
                part = min(left, promise.amount_minor - taken[promise.promise_id])
                taken[promise.promise_id] += part
                left -= part
    return taken


def state_by(
    state: PromiseState, amount_minor: int, paid_minor: int, *, is_over: bool, loan_status: str = "active"
) -> PromiseState:
    """Return how a promise stands by the money that keeps it. `is_over`: its day has ended.

    Where the loan is closed by what was paid, that was enough. Where a loan is over otherwise (given up, written off) an
    open promise falls away: nobody waits for its money.
    """
    if paid_minor >= amount_minor or (loan_status == "closed" and paid_minor > 0):
        return S.KEPT
    if loan_status != "active" and state is S.OPEN:
        return S.CANCELLED
    if not is_over:
        return S.OPEN
    return S.PARTLY_KEPT if paid_minor > 0 else S.BROKEN


def check_move(state: PromiseState, to: PromiseState) -> None:
    """Refuse a change a promise cannot make. Raises ConflictError, which says what can be done."""
    if to in MOVES[state]:
        return
    if state is S.OPEN:
        raise ConflictError(f"An open promise does not become {to}.")
    if state in GIVEN_UP:
        raise ConflictError(f"The promise was {state} before; make a new one.")
    raise ConflictError(f"The promise is {state.replace('_', ' ')}; only an open one can be {to}. Make a new one.")


@dataclass(frozen=True, slots=True)
class PromiseCounts:
    """How promises of one borrower turned out."""

    open: int = 0
    kept: int = 0
    partly_kept: int = 0
    broken: int = 0


def counts_of(states: Collection[str]) -> PromiseCounts:
    """Count what became of promises; those given up count for nothing."""
    listed: Sequence[str] = list(states)
    return PromiseCounts(*(listed.count(state) for state in (S.OPEN, S.KEPT, S.PARTLY_KEPT, S.BROKEN)))
