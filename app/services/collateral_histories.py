"""Stored events of pledged things: as the rules see them, and what of them is sealed, opened."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.domain.collateral_events import ThingEvent
from app.persistence.vault import Vault


def events_of(rows: Sequence[Any]) -> list[ThingEvent]:
    """Return stored events as the rules see them."""
    return [
        ThingEvent(
            row.id, row.no, row.kind, row.effective_on, row.reverses_id, row.cost_kind, row.amount_minor, row.is_charged
        )
        for row in rows
    ]


def text_of(ring: Vault, row: Any) -> Mapping[str, str]:
    """Return what of an event may be personal, opened: `place`, `note`."""
    text = ring.open(row.text_sealed, place=f"collateral_events.text:{row.id}")
    return orjson.loads(text) if text else {}


def place_of(ring: Vault, thing: Any) -> str | None:
    """Return where a thing in custody is kept, opened."""
    return ring.open(thing.place_sealed, place=f"collateral_things.place:{thing.id}")
