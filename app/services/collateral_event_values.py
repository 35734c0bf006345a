"""One event of a pledged thing as it is told, and what is wrong with it on its face."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.domain.book import check_text
from app.domain.collateral_events import COST_KINDS, OPENING, EventKind
from app.domain.errors import ConflictError, refused_at

LONGEST_REFERENCE, LONGEST_TEXT, LONGEST_REASON = 120, 500, 40

_KINDS = frozenset(kind.value for kind in EventKind)
_AMOUNT_TAKEN = OPENING | {EventKind.COST, EventKind.COSTS_PAID}
_AMOUNT_NEEDED = frozenset({EventKind.COST, EventKind.STORAGE_RATE, EventKind.COSTS_PAID})


@dataclass(frozen=True, slots=True)
class EventValues:
    """One event as it is told. `thing`: the lender's own number of it; `reference`: the teller's own of the event.

    `amount_minor`: of a cost, what it was; of `taken` and `storage_rate`, what each day costs; of
    `costs_paid`, what was paid of them.
    """

    thing: str
    kind: str
    effective_on: date
    reference: str
    cost_kind: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    is_charged: bool = False
    reason: str | None = None
    """A code of the teller's: voluntary, court_order ...; anything else is words, and sealed."""
    reverses: str | None = None
    """Reference of the event that a reversal takes back."""
    place: str | None = field(default=None, repr=False)
    note: str | None = field(default=None, repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Ids of a served notice, a sale, a quote; nothing personal."""


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event. `created` False: it was recorded before."""

    event_id: str
    thing_id: str
    created: bool


def same_event(before: Any, values: EventValues, thing: Any) -> EventResult:
    """Return an event that was told before. Raises ConflictError where its reference stands for another."""
    was = (before.thing_id, before.kind, before.effective_on, before.amount_minor, before.cost_kind)
    told = (thing.id, values.kind, values.effective_on, values.amount_minor, values.cost_kind)
    if was != told:
        raise ConflictError(f"Reference {values.reference} stands for another event; give each its own.")
    return EventResult(before.id, before.thing_id, created=False)


def check_event(values: EventValues) -> None:
    """Refuse an event that says too little, or what its kind does not have. Raises ValidationError."""
    check_text("reference", values.reference, LONGEST_REFERENCE)
    for name, text, most in (
        ("place", values.place, LONGEST_TEXT),
        ("note", values.note, LONGEST_TEXT),
        ("reason", values.reason, LONGEST_REASON),
    ):
        if text is not None:
            check_text(name, text, most)
    if values.kind not in _KINDS:
        raise refused_at("/kind", f"kind is not one of {', '.join(EventKind)}.")
    kind = EventKind(values.kind)
    if (kind is EventKind.COST) != (values.cost_kind is not None):
        raise refused_at("/cost_kind", "A cost, and nothing else, says of which kind it is.")
    if values.cost_kind is not None and values.cost_kind not in COST_KINDS:
        raise refused_at("/cost_kind", f"cost_kind is not one of {', '.join(COST_KINDS)}.")
    if kind in _AMOUNT_NEEDED and values.amount_minor is None:
        raise refused_at("/amount", f"A {kind.value} says how much.")
    if values.amount_minor is not None and kind not in _AMOUNT_TAKEN:
        raise refused_at("/amount", f"{kind.value} has no amount.")
    if values.amount_minor is not None and values.amount_minor < 0:
        raise refused_at("/amount", "The amount is negative; a cost taken back is a reversal of it.")
