"""What every channel adapter is: values in, results out, no database, one attempt per call.

Retries belong to the outbox (engine/dispatch.py): an adapter never sleeps and never sends twice. It says what happened in
four words, and what that means for the endpoint and for the provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """What became of one attempt."""

    ACCEPTED = "accepted"
    """The provider took it; not proof that anyone saw it."""
    REFUSED = "refused"
    """For good: the same bytes would be refused again."""
    RETRY = "retry"
    """Surely not delivered; another attempt may succeed."""
    UNCERTAIN = "uncertain"
    """The bytes left and no answer came: it may have been delivered."""


class EndpointVerdict(StrEnum):
    """What the answer says about the address."""

    KEEP = "keep"
    INVALID = "invalid"
    """Dead: never send there again (unless the stored target has changed meanwhile)."""
    SUSPECT = "suspect"
    """Quarantined: a person or a new registration must clear it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one borrower. `address` is personal data: it goes to the wire and nowhere else."""

    endpoint_id: str
    address_kind: str
    address: str = field(repr=False)
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for one target. `expires_at` is when its text stops being true (exclusive)."""

    message_id: str
    target: Target
    kind: str
    """What it is about, e.g. "due_soon": the analytics label, never an id."""
    title: str = field(repr=False)
    body: str = field(repr=False)
    expires_at: datetime
    locale: str = "en"
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What one attempt came to. `raw_code` is the provider's own word, kept as it was."""

    outcome: Outcome
    provider_reference: str | None = None
    error_code: str | None = None
    raw_code: str | None = None
    verdict: EndpointVerdict = EndpointVerdict.KEEP
    retry_after_seconds: float | None = None
    pause_provider_seconds: float | None = None
    """Stop sending to this provider altogether for so long (quota, or its credential is refused)."""


class Channel(Protocol):
    """One provider behind one channel."""

    name: str
    """push, sms, ..."""
    provider: str
    """fcm, generic_sms, ... ; the label of attempts and metrics."""

    def send(self, batch: Sequence[Outgoing], *, now: datetime) -> list[DeliveryResult]:
        """Try each message once; one result per message, in order. Never raises for what a provider does."""
        ...

    def close(self) -> None:
        """Give connections and threads back."""
        ...
