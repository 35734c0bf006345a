"""One channel of several providers: the preferred one, and the next where that one is slow, paused or cannot be reached.

What one provider surely did not take may be given to another at once, for nothing has left. What may have been taken
(`UNCERTAIN`) never is: an SMS cannot be called back. The engine does the asking, provider by provider, because it compares
what it sends with the facts before each hand-over; `send` alone asks one provider.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app import clock
from app.channels.base import Asked, Channel, DeliveryResult, Outcome, Outgoing, Queryable
from app.domain.deliveries import DeliveryReport
from app.domain.provider_weights import ProviderWeights, WeightPolicy


class Routed:
    """Several adapters as one channel. `provider` is the preferred one's; each result says which one it was."""

    def __init__(
        self, adapters: Sequence[Channel], *, policy: WeightPolicy | None = None, rng: random.Random | None = None
    ) -> None:
        """`adapters`: the preferred one first. Raises ValueError where two are the same provider's."""
        self.providers: Mapping[str, Channel] = {each.provider: each for each in adapters}
        if len(self.providers) < len(adapters):
            raise ValueError("A channel has one adapter per provider.")
        self.name, self.provider = adapters[0].name, adapters[0].provider
        self.batch = min(getattr(each, "batch", _BATCH) for each in adapters)
        self.weights = ProviderWeights(list(self.providers), policy)
        self._rng = rng or random.Random()  # noqa: S311 a share of the traffic, not a secret

    def order(self) -> list[str]:
        """Return the providers in the order in which they are to be asked now."""
        return self.weights.order(clock.monotonic_seconds(), self._rng.random())

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once, all with the provider whose turn it is."""
        return self.send_by(self.order()[0], batch, now=now)

    def send_by(self, provider: str, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once with one provider; its answers move the weights."""
        started = clock.monotonic_seconds()
        results = [_among_several(each, provider) for each in self.providers[provider].send(batch, now=now)]
        ended = clock.monotonic_seconds()
        failed = sum(each.outcome is Outcome.RETRY or each.only_here for each in results)
        self.weights.note(provider, answers=len(results), failed=failed, seconds=ended - started, at=ended)
        return results

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Ask every provider that can be asked; the first that knows a message tells of it."""
        found: list[DeliveryReport | None] = [None] * len(asked)
        for adapter in self.providers.values():
            open_ones = [place for place, report in enumerate(found) if report is None]
            if isinstance(adapter, Queryable) and open_ones:
                for place, report in zip(open_ones, adapter.find([asked[p] for p in open_ones], now=now), strict=True):
                    found[place] = report
        return found

    def close(self) -> None:
        """Close all of them."""
        for adapter in self.providers.values():
            adapter.close()


def _among_several(result: DeliveryResult, provider: str) -> DeliveryResult:
    """Return a result with its provider. What may be given again to that one alone is uncertain where others are asked."""
    outcome = Outcome.UNCERTAIN if result.only_here else result.outcome
    return replace(result, provider=provider, outcome=outcome)


_BATCH = 25
