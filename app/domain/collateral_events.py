"""What happens to a pledged thing: a table of moves, undone by reversals; and what its custody has cost until a day.

Nothing here takes a thing from anybody: recovery is the work of others, and what they tell is written down.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.errors import ConflictError, refused_at


class ThingState(StrEnum):
    """Where a thing stands."""

    PLEDGED = "pledged"
    """With the borrower, as agreed."""
    NOTICE_SERVED = "notice_served"
    """The borrower was told that it may be recovered."""
    IN_CUSTODY = "in_custody"
    RELEASED = "released"
    """Given back, or let go, without a redemption."""
    REDEEMED = "redeemed"
    """Got back by paying what the law lets the borrower get it back for."""
    SOLD = "sold"
    LOST = "lost"
    DESTROYED = "destroyed"
    WRITTEN_OFF = "written_off"


class EventKind(StrEnum):
    """What may be told of a thing."""

    PLEDGED = "pledged"
    NOTICE_SERVED = "notice_served"
    TAKEN = "taken"
    """Into custody: recovered by others, or handed over."""
    MOVED = "moved"
    """Kept elsewhere from now on."""
    RELEASED = "released"
    REDEEMED = "redeemed"
    SOLD = "sold"
    LOST = "lost"
    DESTROYED = "destroyed"
    WRITTEN_OFF = "written_off"
    COST = "cost"
    STORAGE_RATE = "storage_rate"
    """What each day of custody costs from a day on."""
    COSTS_PAID = "costs_paid"
    """By whoever got it back, or out of the proceeds."""
    REVERSAL = "reversal"


_S, _K = ThingState, EventKind
HOME = frozenset({_S.PLEDGED, _S.NOTICE_SERVED, _S.RELEASED, _S.REDEEMED})
"""States in which the borrower has it."""
MOVES: Mapping[EventKind, tuple[frozenset[ThingState], ThingState]] = {
    _K.PLEDGED: (frozenset({_S.RELEASED, _S.REDEEMED}), _S.PLEDGED),
    _K.NOTICE_SERVED: (HOME, _S.NOTICE_SERVED),
    # Without a notice before it too: it has happened, and what the law says against it becomes a task.
    _K.TAKEN: (HOME | {_S.LOST}, _S.IN_CUSTODY),
    _K.MOVED: (frozenset({_S.IN_CUSTODY}), _S.IN_CUSTODY),
    _K.RELEASED: (frozenset({_S.PLEDGED, _S.NOTICE_SERVED, _S.IN_CUSTODY}), _S.RELEASED),
    _K.REDEEMED: (frozenset({_S.IN_CUSTODY}), _S.REDEEMED),
    _K.SOLD: (frozenset({_S.IN_CUSTODY}), _S.SOLD),
    _K.LOST: (HOME | {_S.IN_CUSTODY}, _S.LOST),
    _K.DESTROYED: (HOME | {_S.IN_CUSTODY, _S.LOST}, _S.DESTROYED),
    _K.WRITTEN_OFF: (HOME | {_S.IN_CUSTODY, _S.LOST, _S.DESTROYED}, _S.WRITTEN_OFF),
}
"""Event -> the states that it may follow, and the state it leads to. What is not here is refused."""
ENDS = frozenset({_S.SOLD, _S.DESTROYED, _S.WRITTEN_OFF})
"""States in which it secures nothing any more."""
COST_KINDS = ("recovery", "transport", "storage", "repair", "appraisal", "insurance", "sale", "legal", "other")
STORAGE = "storage"
OPENING = frozenset({_K.TAKEN, _K.STORAGE_RATE})
"""Events whose amount is what each day costs."""


@dataclass(frozen=True, slots=True)
class ThingEvent:
    """One event as the rules see it. `no`: its place among its thing's, from 1."""

    id: str
    no: int
    kind: str
    effective_on: date
    reverses_id: str | None = None
    cost_kind: str | None = None
    amount_minor: int | None = None
    is_charged: bool = False
    """Of a cost: it stands in the loan's own ledger already."""


def standing(events: Iterable[ThingEvent]) -> list[ThingEvent]:
    """Return the events that count, in the order they were recorded: neither reversals nor what they reversed."""
    listed = sorted(events, key=lambda event: event.no)
    undone = {event.reverses_id for event in listed if event.reverses_id is not None}
    return [event for event in listed if event.kind != _K.REVERSAL and event.id not in undone]


def state_after(events: Iterable[ThingEvent]) -> tuple[ThingState, date]:
    """Return where its events leave a thing, and since when. Raises ValueError where none has pledged it."""
    moves = [event for event in standing(events) if _K(event.kind) in MOVES]
    if not moves:
        raise ValueError("a thing begins with the event that pledges it")
    last = moves[-1]
    return MOVES[_K(last.kind)][1], last.effective_on


def moved(state: str, state_on: date, kind: str, effective_on: date, *, today: date) -> ThingState | None:
    """Return where an event leads; None: it moves nothing.

    Raises ConflictError for a move that is not in the table, or that would come before what is known; ValidationError for a
    day to come.
    """
    if effective_on > today:
        raise refused_at("/effective_on", f"{effective_on} has not come yet; record it when it has.")
    if _K(kind) not in MOVES:
        return None
    before, after = MOVES[_K(kind)]
    if _S(state) not in before:
        listed = ", ".join(sorted(each.value for each in before))
        raise ConflictError(f"The thing is {state}: it cannot be {kind} from there, only from {listed}.")
    if effective_on < state_on:
        raise ConflictError(f"It is {state} since {state_on}; what came before is corrected by a reversal of that.")
    return after


def reversible(events: Sequence[ThingEvent], event_id: str) -> ThingEvent:
    """Return the event that is to be taken back.

    Raises ConflictError: it is none of these, or is taken back already, pledged the thing in the first place, or another
    move came after it, which is taken back first.
    """
    stands = standing(events)
    event = next((each for each in stands if each.id == event_id), None)
    if event is None:
        raise ConflictError("There is no such event of this thing that stands; it may be taken back already.")
    moves = [each for each in stands if _K(each.kind) in MOVES]
    if _K(event.kind) in MOVES:
        if event.id == moves[0].id:
            raise ConflictError("The event that pledged the thing is not taken back; release it instead.")
        if event.id != moves[-1].id:
            raise ConflictError(f"It was {moves[-1].kind} after that; take that back first.")
    return event


@dataclass(frozen=True, slots=True)
class CostSheet:
    """What custody has cost until a day, and what of it is open. Minor units."""

    by_kind: Mapping[str, int]
    """Not in a loan's ledger already; kinds without any are absent."""
    charged_minor: int
    """In a loan's ledger already: owed there and not again."""
    paid_minor: int
    """By redemptions and sales."""
    daily_minor: int
    """What the next day adds."""
    days: int
    """In custody, this time."""

    @property
    def total_minor(self) -> int:
        """All that is not in a ledger."""
        return sum(self.by_kind.values())

    @property
    def open_minor(self) -> int:
        """What is still to be paid."""
        return max(self.total_minor - self.paid_minor, 0)


def costs_on(events: Iterable[ThingEvent], on: date) -> CostSheet:
    """Return the costs until the end of `on`. A day of custody costs from the one it begins; the last one counts too."""
    by_kind: dict[str, int] = {}
    charged = paid = storage = days = daily = 0
    since: date | None = None
    rate_from = on
    known = sorted((each for each in standing(events) if each.effective_on <= on), key=lambda e: (e.effective_on, e.no))
    for event in known:
        kind, amount = _K(event.kind), event.amount_minor or 0
        if kind is _K.COST:
            if event.is_charged:
                charged += amount
            else:
                name = event.cost_kind or "other"
                by_kind[name] = by_kind.get(name, 0) + amount
        elif kind is _K.COSTS_PAID:
            paid += amount
        elif kind is _K.TAKEN:
            since, rate_from, daily = event.effective_on, event.effective_on, amount
        elif kind is _K.STORAGE_RATE and since is not None:
            storage += daily * (event.effective_on - rate_from).days
            rate_from, daily = event.effective_on, amount
        elif kind in MOVES and kind not in (_K.MOVED, _K.PLEDGED) and since is not None:
            storage += daily * ((event.effective_on - rate_from).days + 1)
            since, daily = None, 0
    if since is not None:
        days = (on - since).days + 1
        storage += daily * ((on - rate_from).days + 1)
    if storage:
        by_kind[STORAGE] = by_kind.get(STORAGE, 0) + storage
    return CostSheet(by_kind, charged, paid, daily, days)
