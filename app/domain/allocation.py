"""How a payment is spread: over which rows, over which components, in which order, and what becomes of a surplus.

A strategy is data: an ordered list of stages. A stage names the rows it serves by their class on the day of the payment
(past due, due today, in advance), the order of components, and its direction: *horizontal* finishes one row before the
next, *vertical* finishes one component over all rows before the next component. What comes before its due date is surplus,
and goes to the next row, to the last one, or evenly over all open rows. `spread` is the whole of it; everything else about
a loan's history is in `replay.py`, orders of one's own in `allocation_orders.py`. Each strategy names its source; study:
loan servicing §2.4.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum, IntFlag, StrEnum
from typing import NamedTuple, Protocol

from app.domain.errors import ValidationError
from app.domain.rounding import divide
from app.domain.splits import Split


class Component(IntEnum):
    """The parts of a claim, in the order of `Split`."""

    PRINCIPAL = 0
    INTEREST = 1
    FEES = 2
    PENALTIES = 3


class When(IntFlag):
    """A row's class on the day of a payment."""

    PAST_DUE = 1
    DUE = 2
    IN_ADVANCE = 4


class Surplus(StrEnum):
    """Where money goes that is more than what is due."""

    NEXT = "next"
    """The next row, then the one after it."""
    LAST = "last"
    """The last row, then the one before it: the term gets shorter."""
    EVENLY = "evenly"
    """All open rows alike: each instalment gets smaller."""


Order = tuple[Component, ...]
_P, _I, _F, _N = Component.PRINCIPAL, Component.INTEREST, Component.FEES, Component.PENALTIES


class Stage(NamedTuple):
    """One pass over the rows of some classes."""

    when: When
    order: Order
    vertical: bool = False


@dataclass(frozen=True, slots=True)
class Strategy:
    """A named way to spread a payment. `own_day`: a charge is due on its own day rather than with its row."""

    name: str
    stages: tuple[Stage, ...]
    source: str
    surplus: Surplus = Surplus.NEXT
    own_day: bool = False


def _fixed(name: str, due: Order, source: str, *, in_advance: Order | None = None, vertical: bool = False) -> Strategy:
    stages = (Stage(When.PAST_DUE | When.DUE, due, vertical), Stage(When.IN_ADVANCE, in_advance or due))
    return Strategy(name, stages, source, own_day=in_advance is not None)


_FINERACT = "Apache Fineract, LoanRepaymentScheduleTransactionProcessor "

STANDARD = _fixed("standard", (_N, _F, _I, _P), _FINERACT + "mifos-standard-strategy")

# Costs and interest of everything due come before any principal; within them the oldest row first.
INTEREST_FIRST = Strategy(
    "interest-first",
    (
        Stage(When.PAST_DUE | When.DUE, (_N, _F, _I)),
        Stage(When.PAST_DUE | When.DUE, (_P,)),
        Stage(When.IN_ADVANCE, (_N, _F, _I, _P)),
    ),
    "Reserve Bank of India, as " + _FINERACT + "rbi-india-strategy",
)

STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        STANDARD,
        INTEREST_FIRST,
        _fixed("principal-interest-penalties-fees", (_P, _I, _N, _F), _FINERACT + "principal-interest-penalties-fees-order"),
        _fixed("interest-principal-penalties-fees", (_I, _P, _N, _F), _FINERACT + "interest-principal-penalties-fees-order"),
        _fixed(
            "principal-interest-fees-penalties", (_P, _I, _F, _N), _FINERACT + "heavensfamily-strategy, without its waiver"
        ),
        _fixed("principal-first", (_P, _I, _N, _F), "Frappe Lending, non-performing loans", vertical=True),
        _fixed(
            "due-penalty-fee-interest-principal-in-advance-principal-penalty-fee-interest",
            (_N, _F, _I, _P),
            _FINERACT + "due-penalty-fee-interest-principal-in-advance-principal-penalty-fee-interest-strategy",
            in_advance=(_P, _N, _F, _I),
        ),
        _fixed(
            "due-penalty-interest-principal-fee-in-advance-penalty-interest-principal-fee",
            (_N, _I, _P, _F),
            _FINERACT + "due-penalty-interest-principal-fee-in-advance-penalty-interest-principal-fee-strategy",
            in_advance=(_N, _I, _P, _F),
        ),
        # Costs of enforcement, interest (with overdue interest and damages), principal: of all that is due, not row by row.
        _fixed(
            "cn-civil-code-561", (_F, _I, _N, _P), "PRC Civil Code art. 561; the oldest row first: art. 560", vertical=True
        ),
    )
}


def strategy_named(name: str, surplus: Surplus = Surplus.NEXT) -> Strategy:
    """Return a strategy by its name. Raises ValidationError listing the names there are."""
    if name not in STRATEGIES:
        raise ValidationError(f"{name!r} is no allocation strategy; there are {', '.join(STRATEGIES)}.")
    return STRATEGIES[name] if surplus is Surplus.NEXT else replace(STRATEGIES[name], surplus=surplus)


class OpenClaim(Protocol):
    """What `spread` needs of a row: when it is due, what is open, and what of its charges is due by a day of their own."""

    due_on: date
    open: list[int]
    """Minor units by component, as in `Split`; never negative."""

    def due_ahead(self, on: date) -> list[int]:
        """Return, by component, the open charges of the row that are due by `on` although the row is not."""


def spread(
    amount_minor: int, rows: Sequence[OpenClaim], on: date, strategy: Strategy = STANDARD, start: int = 0
) -> list[tuple[int, Split]]:
    """Return (index of row, what it takes) for a payment on that day; the sum is at most `amount_minor`.

    `rows` ascend by due date and are not changed; those before `start` have nothing open. What the parts do not add up to
    is more than the loan owes.
    """
    taken: dict[int, list[int]] = {}
    left = amount_minor
    due_until = start
    while due_until < len(rows) and rows[due_until].due_on <= on:
        due_until += 1
    for stage in strategy.stages:
        if left <= 0:
            break
        if stage.when is not When.IN_ADVANCE:
            served = [k for k in range(start, due_until) if _is_of(rows[k], on, stage.when)]
            left = _serve(left, rows, served, stage, taken)
            if strategy.own_day and When.DUE in stage.when:
                left = _serve_charges(left, rows, range(due_until, len(rows)), on, stage.order, taken)
        elif strategy.surplus is Surplus.EVENLY:
            left = _serve_evenly(left, rows, range(due_until, len(rows)), stage.order, taken)
        else:
            ahead = range(due_until, len(rows))
            left = _serve(left, rows, ahead if strategy.surplus is Surplus.NEXT else ahead[::-1], stage, taken)
    return [(index, Split(*parts)) for index, parts in sorted(taken.items()) if any(parts)]


def _is_of(row: OpenClaim, on: date, when: When) -> bool:
    return (When.PAST_DUE if row.due_on < on else When.DUE) in when


def _serve(left: int, rows: Sequence[OpenClaim], served: Sequence[int], stage: Stage, taken: dict[int, list[int]]) -> int:
    """Take row by row, or for a vertical stage component by component; return what is left."""
    passes: Iterable[Order] = ((component,) for component in stage.order) if stage.vertical else (stage.order,)
    for order in passes:
        for index in served:
            left = _take(left, index, rows[index].open, order, taken)
            if not left:
                return 0
    return left


def _take(left: int, index: int, limit: list[int], order: Order, taken: dict[int, list[int]]) -> int:
    """Take up to `limit` of each component, less what this payment took of it before; return what is left."""
    mine = taken.get(index)
    if mine is None:
        mine = taken[index] = [0, 0, 0, 0]
    for component in order:
        part = limit[component] - mine[component]
        if part > 0:
            if part > left:
                part = left
            mine[component] += part
            left -= part
            if not left:
                break
    return left


def _serve_charges(
    left: int, rows: Sequence[OpenClaim], ahead: Iterable[int], on: date, order: Order, taken: dict[int, list[int]]
) -> int:
    """Take what is due by its own day in rows that are not. Source: Fineract, a charge is due by its own due date."""
    for index in ahead:
        due = rows[index].due_ahead(on)
        if any(due):
            left = _take(left, index, due, order, taken)
    return left


def _serve_evenly(
    left: int, rows: Sequence[OpenClaim], ahead: Iterable[int], order: Order, taken: dict[int, list[int]]
) -> int:
    """Give every open row the same, rounded to whole minor units; the last one takes what that leaves, or lacks.

    Source: Fineract, future instalment allocation rule re-amortisation.
    """

    def room(index: int) -> int:
        mine = taken.get(index, (0, 0, 0, 0))
        return sum(rows[index].open[component] - mine[component] for component in order)

    still_open = [k for k in ahead if room(k) > 0]
    while left and still_open:
        part, last = divide(left, len(still_open)), still_open[-1]
        to_give = left
        for index in still_open:
            share = to_give if index == last else min(part, to_give)
            to_give -= share
            left -= share - _take(share, index, rows[index].open, order, taken) if share else 0
        still_open = [k for k in still_open if room(k) > 0]
    return left
