"""What happened to pledged things, as a credit report tells of it: taken, handed over, got back, sold."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from app.domain.collateral_events import EventKind
from app.domain.credit_events import CreditEvent, CreditEventKind

VOLUNTARY = "voluntary"
"""The reason of a thing that was handed over of the borrower's own will (`collateral_law`)."""
_BACK = frozenset({EventKind.RELEASED, EventKind.REDEEMED})


class ThingMove(NamedTuple):
    """A standing event of a thing that secures the loan. `reason`: the teller's code."""

    thing_id: str
    kind: str
    on: date
    reason: str | None = None


def loan_events(moves: Iterable[ThingMove]) -> list[CreditEvent]:
    """Return what the moves of all things pledged to one loan make of it, given in the order they happened.

    The loan is repossessed while anything is in custody, or was sold out of it; it is redeemed when the last thing is back.
    A thing that was lost or destroyed changes nothing: the loan is owed as it was.
    """
    held: set[str] = set()
    found: list[CreditEvent] = []
    for move in moves:
        if move.kind == EventKind.TAKEN:
            held.add(move.thing_id)
            kind = CreditEventKind.SURRENDERED if move.reason == VOLUNTARY else CreditEventKind.REPOSSESSED
            if len(held) == 1:
                found.append(CreditEvent(kind, move.on))
        elif move.kind in _BACK and move.thing_id in held:
            held.discard(move.thing_id)
            if not held:
                found.append(CreditEvent(CreditEventKind.REDEEMED, move.on))
        elif move.kind == EventKind.SOLD and move.thing_id in held:
            found.append(CreditEvent(CreditEventKind.COLLATERAL_SOLD, move.on))
    return found
