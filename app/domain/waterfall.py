"""Positions of loans that are paid row by row in one order: how much was paid says where the loan stands.

Where every row is finished before the next one begins, with the same order of components early and late, it makes no
difference in which parts or on which days the money came. So a position needs no replay: it is one pass over the rows. This
is the usual loan with the usual payments; `replay.py` does everything, and a property holds the two together.
"""

from collections.abc import Sequence
from functools import lru_cache

from app.domain.allocation import Order, Strategy, Surplus
from app.domain.ledger import EntryKind, LedgerEntry
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.domain.terms import EarlySettlement, LoanTerms


@lru_cache(maxsize=64)
def order_of(strategy: Strategy) -> Order | None:
    """Return the one order of a strategy that goes row by row whatever is due; None when it does otherwise."""
    orders = {stage.order for stage in strategy.stages}
    classes = [stage.when for stage in strategy.stages]
    by_row = len(orders) == 1 and len(classes) == 2 and classes == sorted(classes)
    if not by_row or strategy.own_day or strategy.surplus is not Surplus.NEXT:
        return None
    return None if any(stage.vertical for stage in strategy.stages) else orders.pop()


def paid_in_order(terms: LoanTerms, entries: Sequence[LedgerEntry]) -> int | None:
    """Return how much was paid, when that alone says where the loan stands; None when a replay is needed.

    `entries` are those that count, neither reversals nor what they undid.
    """
    if terms.late is not None or terms.contract is not None or terms.remembers_arrears:
        return None
    if terms.early_settlement is not EarlySettlement.AS_PLANNED:
        return None
    if order_of(terms.strategy) is None:
        return None
    total = 0
    for entry in entries:
        if (
            entry.kind is not EntryKind.REPAYMENT
            or entry.row_no is not None
            or entry.split is not None
            or entry.surplus is not None
        ):
            return None
        total += entry.amount_minor
    return total


def open_after(rows: Sequence[PlanRow], paid_minor: int, strategy: Strategy) -> tuple[list[PlanRow], int, int]:
    """Return (rows still open with what is open of them, principal paid, what is left over) of rows in their order."""
    left, principal = paid_minor, 0
    for index, row in enumerate(rows):
        due = row[2]
        total = due[0] + due[1] + due[2] + due[3]
        if total > left:
            first = row
            if left:
                part = _part(left, due, order_of(strategy) or ())
                first, principal = PlanRow(row.row_no, row.due_on, due.minus(part)), principal + part[0]
            return [first, *(later for later in rows[index + 1 :] if sum(later[2]) > 0)], principal, 0
        left -= total
        principal += due[0]
    return [], principal, left


def _part(left: int, due: Split, order: Order) -> Split:
    taken = [0, 0, 0, 0]
    for component in order:
        taken[component] = min(left, due[component])
        left -= taken[component]
    return Split(*taken)
