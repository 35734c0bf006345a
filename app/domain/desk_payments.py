"""Payments that staff take in at the desk: their states, and under what the ledger and the lender's core know them."""

from collections.abc import Mapping
from enum import StrEnum

from app.domain.errors import ConflictError

METHODS: Mapping[str, str] = {"cash": "cash", "cheque": "cheque", "transfer": "bank_transfer", "other": "other"}
"""How the money came -> the channel of its ledger entry. Never by card: no card number is taken here (PCI DSS)."""
ORIGIN = "desk:"
"""What the origin and the reference of a ledger entry begin with that the desk made."""


class DeskPaymentState(StrEnum):
    """How far it came."""

    WAITING = "waiting"
    """More than who took it in may book alone: somebody else approves it. The ledger has nothing of it."""
    BOOKED = "booked"
    DECLINED = "declined"
    REVERSED = "reversed"
    """Booked by mistake, and taken back."""


_S = DeskPaymentState
MOVES: Mapping[DeskPaymentState, frozenset[DeskPaymentState]] = {
    _S.WAITING: frozenset({_S.BOOKED, _S.DECLINED}),
    _S.BOOKED: frozenset({_S.REVERSED}),
    _S.DECLINED: frozenset(),
    _S.REVERSED: frozenset(),
}
"""State -> where it may go."""


def check_move(before: str, after: DeskPaymentState) -> None:
    """Refuse a move that no payment makes. Raises ConflictError."""
    if after not in MOVES[DeskPaymentState(before)]:
        raise ConflictError(f"The payment is {before}; it cannot be {after.value} any more.")


def reference_of(kind: str, row_id: str) -> str:
    """Return the reference of a ledger entry of the desk; `kind`: payment, reversal, waiver."""
    return f"{ORIGIN}{kind}:{row_id}"


_ALIKE: Mapping[str | None, frozenset[str | None]] = {
    "cash": frozenset({None, "cash", "branch", "counter", "desk", "office"}),
    "cheque": frozenset({None, "cheque", "check", "bank", "desk"}),
    "bank_transfer": frozenset(
        {None, "bank", "bank_account", "bank_transfer", "credit_transfer", "transfer", "standing_order"}
    ),
    "other": frozenset({None, "other", "desk"}),
    "collateral_sale": frozenset({None, "collateral_sale", "sale", "auction"}),
}


def may_be_same_way(desk_channel: str | None, core_channel: str | None) -> bool:
    """Return whether money that came to the desk this way may be what a core calls so. A waiver came no way at all."""
    return desk_channel is None or core_channel in _ALIKE.get(desk_channel, frozenset({None}))
