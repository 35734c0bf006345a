"""What every channel adapter is: values in, results out, no database, one attempt per call.

Retries belong to the outbox (engine/dispatch.py): an adapter never sleeps and never sends twice. It says what happened in
four words, and what that means for the endpoint and for the provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from app.domain.deliveries import Callback, DeliveryReport


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
    OPTED_OUT = "opted_out"
    """The provider keeps a list of people who said STOP, and this address is on it."""
    BLOCKED = "blocked"
    """Its owner has blocked us."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address of one borrower. `address` is personal data: it goes to the wire and nowhere else."""

    endpoint_id: str
    address_kind: str
    address: str = field(repr=False)
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderTemplate:
    """A wording as a provider keeps it: its id there, and the provider's name of each field -> what is put in."""

    code: str
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_one_time: bool = False
    """WeChat: each send uses up one consent of the borrower."""


@dataclass(frozen=True, slots=True)
class Document:
    """A letter as it is to be printed. `recipient`: address lines, personal data."""

    pdf: bytes = field(repr=False)
    sha256: str
    pages: int
    recipient: Sequence[str] = field(default=(), repr=False)
    country: str = ""
    """ISO 3166."""
    sender: Sequence[str] = ()
    """Name, then address lines."""
    inserts: Sequence[str] = ()
    """Codes of printed sheets that a print room adds."""


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
    purpose: str = "notify"
    """notify; sync (silent: something changed, ask for it); withdraw (silent: take `withdraws` off the screen)."""
    withdraws: str | None = None
    """The message id that a withdrawal is about."""
    provider_templates: Mapping[str, ProviderTemplate] = field(default_factory=dict, repr=False)
    """By provider: the registered wording to be sent instead of the free text, where the provider wants one."""
    is_answer: bool = False
    """It answers what the borrower wrote on this channel: where the platform allows that, its own words go out."""
    unsubscribe_url: str | None = field(default=None, repr=False)
    """One-click, for e-mail."""
    sender_name: str | None = field(default=None, repr=False)
    """Whose message it is, for e-mail: the lender; None: what the provider's settings say."""
    document: Document | None = None
    """For letters."""
    status_url: str | None = None
    """Where the provider shall post receipts; None: it was told elsewhere, or has none."""


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
    provider: str | None = None
    """Which of a channel's providers it was; None: the channel has one."""
    pause_platform: str | None = None
    """The pause is for this platform's targets only (ios, web): its own credential is refused, others are well."""
    units: int = 1
    """Segments, pages: what is paid for."""
    only_here: bool = False
    """Of RETRY: this provider drops a second copy; another one would make a second message of it."""
    another_may: bool = False
    """Of a refusal: it is this provider's own, and another of the channel may take the message. Nothing was sent."""


NOT_TAKEN = "not_taken"
"""Error code of what `find` tells of a message that the provider surely never took."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A hand-over whose outcome is not known, as far as it can be asked for."""

    message_id: str
    target: Target
    sent_at: datetime
    provider_reference: str | None = None


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


@runtime_checkable
class Queryable(Protocol):
    """A channel whose provider can be asked what became of a message."""

    def find(self, asked: Sequence[Asked], *, now: datetime) -> list[DeliveryReport | None]:
        """Return what the provider knows of each, in order; None: it does not say (yet). Never raises."""
        ...


@runtime_checkable
class TellsInFiles(Protocol):
    """A channel whose provider lays files into a folder instead of posting to us."""

    def returns(self) -> list[tuple[str, Callback | None, bytes]]:
        """Return name, what it says (None: it cannot be read) and content of each file. Raises DropError."""
        ...

    def settle(self, name: str, *, was_read: bool) -> None:
        """Lay a file aside. Raises DropError."""
        ...
