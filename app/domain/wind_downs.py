"""A lender that winds down: it takes no new loans and only collects. Asked for by an admin, approved by another."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.errors import ConflictError
from app.domain.plan_options import OptionKind

LENGTHENING = frozenset({OptionKind.EXTEND, OptionKind.LENGTHEN, OptionKind.INTEREST_ONLY})
"""Offers by which money is owed for longer than the contract says."""
LONGEST_REASON, LONGEST_CONTACT = 400, 200


class WindDownState(StrEnum):
    """Where it is."""

    WAITING = "waiting"
    ACTIVE = "active"
    DECLINED = "declined"
    ENDED = "ended"


MOVES: Mapping[WindDownState, frozenset[WindDownState]] = {
    WindDownState.WAITING: frozenset({WindDownState.ACTIVE, WindDownState.DECLINED}),
    WindDownState.ACTIVE: frozenset({WindDownState.ENDED}),
    WindDownState.DECLINED: frozenset(),
    WindDownState.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class WindDownTerms:
    """What goes on. `longer_plans`: plans that lengthen what is owed are still offered: people who cannot pay are helped.

    `contact`: whom borrowers ask, as the app shows it.
    """

    longer_plans: bool = False
    contact: str | None = None


def check_move(state: str, to: WindDownState) -> None:
    """Refuse a step that skips. Raises ConflictError."""
    if to not in MOVES[WindDownState(state)]:
        raise ConflictError(f"The wind-down is {state}; it cannot become {to.value}.")
