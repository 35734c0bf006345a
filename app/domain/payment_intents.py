"""Payment intents: a borrower means to pay an amount at a provider, on the provider's own page.

What a provider tells comes late, twice, in any order, and forged. `next_state` only moves forward along one order, so that
any order of the same events ends in the same state, and money that has come counts whatever was said before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.domain.errors import refused_at
from app.domain.money import Money
from app.domain.times import business_date


class Purpose(StrEnum):
    """What the borrower pays."""

    DUE = "due"
    """What is due now."""
    PART = "part"
    PAYOFF = "payoff"
    """All that is owed."""
    PROMISE = "promise"
    ARRANGEMENT = "arrangement"


class IntentState(StrEnum):
    """How far a payment came."""

    CREATED = "created"
    """Kept here; the provider has not answered yet."""
    PENDING = "pending"
    """The provider has a page where it can be paid."""
    PROCESSING = "processing"
    """The money is on its way: a bank debit, a check of the payer."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Told(StrEnum):
    """What a provider says of a payment, in our words."""

    PENDING = "pending"
    DECLINED = "declined"
    """One try was turned away; the page is open, and the payer may try again."""
    PROCESSING = "processing"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """For good: no other try can follow."""
    SUCCEEDED = "succeeded"
    REFUNDED = "refunded"
    """Money went back. Moves no intent: the refund is a payment of its own."""
    DISPUTED = "disputed"
    """The payer's bank takes the payment back. Moves no intent."""


_ORDER = (
    IntentState.CREATED,
    IntentState.PENDING,
    IntentState.PROCESSING,
    IntentState.EXPIRED,
    IntentState.CANCELLED,
    IntentState.FAILED,
    IntentState.SUCCEEDED,
)
"""Each state is left for a later one alone. Money is money: success is the last and follows all others, an expired or a
cancelled intent too, and nothing follows it. Of several ends without money, the last of them here stands."""

_MEANS: Mapping[Told, IntentState] = {
    Told.PENDING: IntentState.PENDING,
    Told.DECLINED: IntentState.PENDING,
    Told.PROCESSING: IntentState.PROCESSING,
    Told.EXPIRED: IntentState.EXPIRED,
    Told.CANCELLED: IntentState.CANCELLED,
    Told.FAILED: IntentState.FAILED,
    Told.SUCCEEDED: IntentState.SUCCEEDED,
}

OPEN = frozenset({IntentState.CREATED, IntentState.PENDING, IntentState.PROCESSING})
"""States in which money may still be expected."""
MOST_PAGES = 20
"""Pages to pay at that one borrower may have open at once: each is a request to the provider and a row of ours."""
CANCELLABLE = frozenset({IntentState.CREATED, IntentState.PENDING})
"""States in which the borrower may take it back; money on its way is stopped by nobody here."""


def next_state(state: IntentState, told: Told, *, ran_out_here: bool = False) -> IntentState | None:
    """Return the state an intent goes to when the provider says `told`, or None when that changes nothing.

    `ran_out_here`: it is expired by our clock alone, and the provider has said no such thing. Then any word of it but that
    of an open page is believed; its word that the page is over gives EXPIRED once more, the provider's from then on.
    """
    stands = IntentState.PENDING if ran_out_here and state is IntentState.EXPIRED else state
    wanted = _MEANS.get(told)
    if wanted is None or _ORDER.index(wanted) <= _ORDER.index(stands):
        return None
    return wanted


class WhyRefused(StrEnum):
    """Why an event is not believed."""

    FORGED = "forged"
    MALFORMED = "malformed"
    UNKNOWN_INTENT = "unknown_intent"
    OTHER_AMOUNT = "other_amount"
    OTHER_CURRENCY = "other_currency"
    OTHER_PROVIDER = "other_provider"
    OTHER_MODE = "other_mode"
    """A test event at a live account, or the other way round."""
    OTHER_REFERENCE = "other_reference"
    """It names an intent of ours and another payment than that intent's."""


@dataclass(frozen=True, slots=True)
class IntentFacts:
    """What of an intent an event is held against."""

    provider: str
    amount_minor: int
    currency: str
    is_live: bool
    provider_reference: str | None = None
    payment_reference: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """One thing a provider tells of one payment, by webhook or when asked. `told` None: nothing that we act upon."""

    event_id: str
    """Tells it from every other of its provider; told again it has the same."""
    kind: str
    """The provider's own word, such as payment_intent.succeeded."""
    told: Told | None
    intent_id: str | None = None
    """Ours, where the provider gives it back."""
    provider_reference: str | None = None
    payment_reference: str | None = None
    amount_minor: int | None = None
    """What was to be paid; of a refund, what has gone back so far. None: not told."""
    currency: str | None = None
    is_live: bool | None = None
    paid_at: datetime | None = None
    """When the money was taken, by the provider's clock."""
    failure_code: str | None = None
    refund_reference: str | None = None


_MONEY_COUNTS = frozenset({Told.PROCESSING, Told.SUCCEEDED})


def why_refused(event: PaymentEvent, intent: IntentFacts | None, *, provider: str) -> WhyRefused | None:
    """Return why an event is not applied to the intent it names, or None when it may be.

    A success must say how much and in which currency: an amount that is not told is another amount.
    """
    if intent is None:
        return WhyRefused.UNKNOWN_INTENT
    if intent.provider != provider:
        return WhyRefused.OTHER_PROVIDER
    if event.is_live is not None and event.is_live != intent.is_live:
        return WhyRefused.OTHER_MODE
    for told, ours in (
        (event.provider_reference, intent.provider_reference),
        (event.payment_reference, intent.payment_reference),
    ):
        if told is not None and ours is not None and told != ours:
            return WhyRefused.OTHER_REFERENCE
    if event.told in (Told.REFUNDED, Told.DISPUTED):
        return None  # theirs is the amount of the refund
    is_told = event.told in _MONEY_COUNTS
    if event.currency != intent.currency and (is_told or event.currency is not None):
        return WhyRefused.OTHER_CURRENCY
    if event.amount_minor != intent.amount_minor and (is_told or event.amount_minor is not None):
        return WhyRefused.OTHER_AMOUNT
    return None


def check_amount(amount: Money, *, currency: str, most_minor: int) -> None:
    """Refuse what cannot be paid: less than one minor unit, or more than pays the loan off today. Raises ValidationError."""
    if amount.currency != currency:
        raise refused_at("/amount", f"The loan is in {currency}; pay in that currency.")
    if most_minor < 1:
        raise refused_at("/amount", "Nothing is owed on this loan today, so there is nothing to pay.")
    if amount.minor < 1:
        raise refused_at("/amount", "Pay at least the smallest unit of the currency.")
    if amount.minor > most_minor:
        raise refused_at(
            "/amount",
            f"That is more than pays the whole loan off today; pay at most {Money(most_minor, currency)}.",
        )


@dataclass(frozen=True, slots=True)
class IntentTimes:
    """How long things last with one provider."""

    page_minutes: int = 60
    """How long its page may be paid. Stripe takes 30 minutes to 24 hours."""
    pending_hold_minutes: int = 30
    """How long an open page holds reminders back; 0: not at all."""
    processing_hold_days: int = 7
    """How long money on its way holds reminders back at most; bank debits take up to 7 business days."""
    ask_after_minutes: tuple[int, ...] = (2, 10, 60)
    """When the provider is asked if it told nothing; then at the end of the page, and daily while money is on its way."""

    def hold_until(self, state: IntentState, *, now: datetime) -> datetime | None:
        """Return until when reminders are held back by an intent that came into this state at `now`; None: not at all."""
        if state is IntentState.PROCESSING:
            return now + timedelta(days=self.processing_hold_days)
        if state is IntentState.PENDING and self.pending_hold_minutes:
            return now + timedelta(minutes=self.pending_hold_minutes)
        return None

    def next_ask(self, state: IntentState, *, created_at: datetime, expires_at: datetime, now: datetime) -> datetime | None:
        """Return when the provider is to be asked next, after `now`; None: no more."""
        if state is IntentState.PROCESSING:
            return now + timedelta(days=1)
        after_end = expires_at + timedelta(minutes=2)
        asks = [created_at + timedelta(minutes=minutes) for minutes in self.ask_after_minutes]
        return min((at for at in (*(at for at in asks if at < after_end), after_end) if at > now), default=None)


def paid_on(paid_at: datetime | None, *, now: datetime, zone: str) -> date:
    """Return the value date of a payment: the provider's day in the loan's zone, never in the future."""
    today = business_date(now, zone)
    return today if paid_at is None else min(business_date(paid_at, zone), today)


def entry_reference(provider: str, intent_id: str) -> str:
    """Return the reference in the ledger: one for each intent, known before the provider has said anything."""
    return f"pi:{provider}:{intent_id}"
