"""A channel that lies beyond the wire: keeps what it was given and answers as told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.channels.base import DeliveryResult, Outcome, Outgoing

ACCEPTED = DeliveryResult(Outcome.ACCEPTED, provider_reference="ref")


@dataclass
class FakeChannel:
    """Answers each message with `answer(message)`; runs `before` first, where a test puts what happens meanwhile."""

    name: str = "push"
    provider: str = "fake"
    answer: Callable[[Outgoing], DeliveryResult] = lambda _message: ACCEPTED
    before: Callable[[], None] = lambda: None
    handed: list[Outgoing] = field(default_factory=list)
    """All of it, silent pushes too."""

    @property
    def sent(self) -> list[Outgoing]:
        """What a person can notice."""
        return [message for message in self.handed if message.purpose == "notify"]

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        self.before()
        self.handed += batch
        return [self.answer(message) for message in batch]

    def close(self) -> None:
        pass
