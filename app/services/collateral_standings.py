"""Where a pledged thing stands while a batch of its events is taken in."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.collateral_events import EventKind, ThingState
from app.services.collateral_event_values import EventValues


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a thing stands while a batch is taken in."""

    state: str
    on: date
    last_no: int
    in_custody_on: date | None
    place: str | None = None
    is_place_new: bool = False

    @classmethod
    def of(cls, thing: Any) -> "Standing":
        """Return where a stored thing stands."""
        return cls(thing.state, thing.state_on, thing.last_no, thing.in_custody_on)

    def numbered(self, no: int) -> "Standing":
        """Return the same after an event that moves nothing."""
        return Standing(self.state, self.on, no, self.in_custody_on, self.place, self.is_place_new)

    def after(self, state: ThingState, values: EventValues, no: int) -> "Standing":
        """Return where an event led."""
        if state is not ThingState.IN_CUSTODY:
            return Standing(state.value, values.effective_on, no, None, None, is_place_new=True)
        since = values.effective_on if values.kind == EventKind.TAKEN else self.in_custody_on
        return Standing(state.value, values.effective_on, no, since, values.place, is_place_new=True)
