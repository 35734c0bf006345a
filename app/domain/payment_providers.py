"""What a payment provider is to us: a page to pay at, a word on how a payment stands, its posts, money sent back.

No card data is in any of these values: it is typed on the provider's page alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.domain.payment_intents import IntentTimes, PaymentEvent, Told


class ProviderDownError(Exception):
    """No answer, or none that says what became of it. Asked again with the same key, it is done once."""


class ProviderRefusedError(Exception):
    """The provider will not, however often it is asked. `code` is its word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code[:60]


class ForgedPostError(Exception):
    """The signature is missing or wrong, or the post is too old. Nothing in it is believed."""


class MalformedPostError(Exception):
    """It cannot be read. The text says what is wrong and holds no personal data."""


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """What a provider is asked to make a page for. `intent_id` is the idempotency key: asked twice, there is one payment."""

    intent_id: str
    amount_minor: int
    currency: str
    title: str
    """What the payer reads on the page: neutral, no name, no word of debt."""
    return_url: str
    """Where the payer comes back to; carries no personal data."""
    notify_url: str
    """Where the provider posts, for those that are told it with each payment."""
    expires_at: datetime
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class OpenedPayment:
    """A payment as the provider has it now."""

    provider_reference: str
    """What the provider is asked by: a Checkout Session, our own order number."""
    pay_url: str = field(repr=False)
    told: Told = Told.PENDING
    expires_at: datetime | None = None
    payment_reference: str | None = None


@dataclass(frozen=True, slots=True)
class AskedPayment:
    """Which payment a provider is asked about."""

    intent_id: str
    provider_reference: str | None
    payment_reference: str | None
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class RefundNews:
    """How a refund stands at the provider."""

    reference: str
    state: str
    """pending, succeeded, failed."""
    failure_code: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentPost:
    """One post as it came; header names are in lower case. `now_seconds`: epoch seconds of the machine's clock."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    now_seconds: int


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What the provider must be answered, to the byte."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class PaymentNews:
    """One post of a provider, proven and read."""

    events: Sequence[PaymentEvent]
    answer: ProviderAnswer = ProviderAnswer()


class PaymentProvider(Protocol):
    """One account at one provider. Thread-safe; one attempt per call; never called inside a transaction."""

    name: str
    """As in the providers file and in the address of its callbacks."""
    is_live: bool
    currencies: frozenset[str]
    """What it takes; empty: all."""
    lenders: frozenset[str]
    """Codes of the lenders whose money goes to this account; empty: all."""
    times: IntentTimes

    def create(self, order: PaymentOrder) -> OpenedPayment:
        """Open a page to pay at. Raises ProviderDownError, ProviderRefusedError."""
        ...

    def look_up(self, asked: AskedPayment) -> PaymentEvent | None:
        """Return how a payment stands; None: the provider knows none. Raises ProviderDownError, ProviderRefusedError."""
        ...

    def cancel(self, asked: AskedPayment) -> PaymentEvent | None:
        """Close the page and return how the payment stands then: paid meanwhile is possible. Raises as `look_up`."""
        ...

    def refund(self, asked: AskedPayment, amount_minor: int, *, key: str) -> RefundNews:
        """Send money back; `key` makes it once. Raises as `look_up`."""
        ...

    def look_up_refund(self, asked: AskedPayment, reference: str, *, key: str) -> RefundNews | None:
        """Return how a refund stands. Raises as `look_up`."""
        ...

    def read(self, post: PaymentPost) -> PaymentNews:
        """Prove and read a post. Raises ForgedPostError, MalformedPostError."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
