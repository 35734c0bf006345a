"""The tick that asks providers what became of messages they have not told of. Addresses go from here to the wire."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from app.channels.base import Asked, Channel, Queryable, Target
from app.domain.deliveries import DeliveryReport
from app.engine.addresses import AddressBook
from app.persistence.queries.outbox import Claimable
from app.persistence.unit_of_work import close_session, unit_of_work
from app.services.untold import Ask, Untold, measure_untold, resolve_untold


def ask_about_untold(channels: Mapping[str, Channel], *, now: datetime) -> int:
    """Ask about a batch of untold messages; return how many were cleared up."""
    told = resolve_untold(asking(channels, now), now=now)
    measure_untold(now=now)
    return told


def asking(channels: Mapping[str, Channel], now: datetime) -> Ask:
    """Return how the providers of these channels are asked."""

    def ask(channel: str, provider: str, untold: Sequence[Untold]) -> Sequence[DeliveryReport | None] | None:
        adapter = _adapter(channels.get(channel), provider)
        if adapter is None:
            return None
        targets = _targets(untold, now)
        close_session()  # a slow provider must not hold a connection
        known = [each for each in untold if each.id in targets]
        asked = [Asked(each.id, targets[each.id], each.sent_at, each.provider_reference) for each in known]
        found = dict(zip((each.id for each in known), adapter.find(asked, now=now), strict=True))
        return [found.get(each.id) for each in untold]

    return ask


def _adapter(channel: Any, provider: str) -> Queryable | None:
    """Return the adapter of a provider that can be asked; of a channel with several it is found by the provider's name."""
    several: Mapping[str, Channel] = getattr(channel, "providers", {})
    adapter = several.get(provider, channel)
    is_it = adapter is not None and adapter.provider == provider
    return adapter if is_it and isinstance(adapter, Queryable) else None


def _targets(untold: Sequence[Untold], now: datetime) -> dict[str, Target]:
    """Return message id -> where it went; without those that went to a stored address that is another by now."""
    found: dict[str, Target] = {}
    with unit_of_work() as work:
        messages = cast(Sequence[Claimable], untold)
        book = AddressBook(work, messages, now)
        for each, message in zip(untold, messages, strict=True):
            for addressed in book.targets_of(message):
                if addressed.target.endpoint_id == each.endpoint_id:
                    found[each.id] = addressed.target
                    break
    return found
