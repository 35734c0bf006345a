"""Waivers: fees, penalties and interest given up. Principal never: that is a settlement, and the core's to agree."""

from collections.abc import Mapping
from enum import StrEnum

from app.domain.errors import ConflictError, FieldError, ValidationError, refused_at
from app.domain.money import Money
from app.domain.splits import Split

REASONS = ("goodwill", "our_error", "hardship", "settlement", "legal")
"""Why something is given up: kindness; a mistake of ours; the borrower's trouble; part of an agreement; the law, a court."""


class WaiverState(StrEnum):
    """How far a waiver came."""

    WAITING = "waiting"
    """Somebody else approves it."""
    GRANTED = "granted"
    DECLINED = "declined"


_S = WaiverState
MOVES: Mapping[WaiverState, frozenset[WaiverState]] = {
    _S.WAITING: frozenset({_S.GRANTED, _S.DECLINED}),
    _S.GRANTED: frozenset(),
    _S.DECLINED: frozenset(),
}
"""State -> where it may go. What was granted stays: the borrower was told, and may rely on it."""


def check_move(before: str, after: WaiverState) -> None:
    """Refuse a move that no waiver makes. Raises ConflictError."""
    if after not in MOVES[WaiverState(before)]:
        raise ConflictError(f"The waiver is {before}; it cannot be {after.value} any more.")


def check_parts(parts: Split, still_open: Split, currency: str) -> None:
    """Refuse to give up nothing, principal, or more of a component than is due and unpaid. Raises ValidationError.

    `still_open`: what is due on the day and unpaid, by component.
    """
    if parts.principal:
        raise refused_at("/parts", "Principal is not given up at the desk.")
    if min(parts) < 0 or not parts.total:
        raise refused_at("/parts", "Give an amount above nothing of fees, penalties or interest.")
    wrong = [
        FieldError(
            f"/parts/{name}", "invalid", f"At most {Money(max(most, 0), currency).to_decimal()} {currency} is due of it."
        )
        for name, given, most in zip(parts._fields, parts, still_open, strict=True)
        if given > max(most, 0)
    ]
    if wrong:
        raise ValidationError("More would be given up than is due.", errors=tuple(wrong))
