"""Requests for help with money trouble: few questions, all but one optional, and where a request may go."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import ConflictError, refused_at

STATES = ("open", "in_review", "agreed", "declined", "withdrawn")
OPEN = ("open", "in_review")
OUTCOMES = ("agreed", "declined")
MOVES: Mapping[str, frozenset[str]] = {
    "open": frozenset({"in_review", "agreed", "declined", "withdrawn"}),
    "in_review": frozenset({"agreed", "declined", "withdrawn"}),
    "agreed": frozenset(),
    "declined": frozenset(),
    "withdrawn": frozenset(),
}
CHANGES = ("income_lost", "income_lower", "costs_higher", "illness", "family", "other")
"""What has changed; the one question that must be answered."""
LASTS = ("under_3_months", "3_to_12_months", "longer", "not_known")


@dataclass(frozen=True, slots=True)
class HardshipValues:
    """What a borrower says. `loan_id` None: about all of their loans. `monthly_minor`: what could be paid a month."""

    change: str
    loan_id: str | None = None
    lasts: str | None = None
    monthly_minor: int | None = None
    currency: str | None = None
    wants_advice: bool = False
    words: str | None = None
    attachments: tuple[str, ...] = ()


def check_new(values: HardshipValues) -> None:
    """Refuse answers that cannot be. Raises ValidationError that points at the field."""
    if values.change not in CHANGES:
        raise refused_at("/change", f"change is not one of {', '.join(CHANGES)}.")
    if values.lasts is not None and values.lasts not in LASTS:
        raise refused_at("/lasts", f"lasts is not one of {', '.join(LASTS)}.")
    if values.monthly_minor is not None and values.monthly_minor < 0:
        raise refused_at("/monthly", "monthly is less than nothing; 0 says that nothing can be paid now.")


def check_none_open(open_id: str | None) -> None:
    """Refuse a second request beside one that is open. Raises ConflictError that names it."""
    if open_id is not None:
        raise ConflictError(
            f"Request {open_id} is open already; write to us about it, or withdraw it and send a new one.",
            {"hardship_request_id": open_id},
        )


def check_move(state: str, to: str) -> None:
    """Refuse a step that a request cannot take. Raises ConflictError."""
    if to in MOVES[state]:
        return
    if state in OPEN:
        raise ConflictError("The request is being looked at already; decide it.")
    raise ConflictError(f"The request is over ({state}); a new one can be sent.")


def answers_document(values: HardshipValues) -> dict[str, Any]:
    """Return the answers as they are sealed: only what was said."""
    said = {
        "change": values.change,
        "lasts": values.lasts,
        "monthly_minor": values.monthly_minor,
        "currency": values.currency if values.monthly_minor is not None else None,
        "wants_advice": values.wants_advice,
        "words": values.words,
    }
    return {name: value for name, value in said.items() if value is not None}
