"""Payment intents and everything providers tell of them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Sealed
from app.persistence.db import Base

_WAITS = text("state IN ('created', 'pending')")


class PaymentIntentRow(Base):
    """One payment that a borrower means to make at a provider. Its id is the provider's idempotency key."""

    __tablename__ = "payment_intents"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    provider: Mapped[str] = mapped_column(String(40))
    is_live: Mapped[bool]
    """Made at an account where money is money; a test event is not believed of it."""
    purpose: Mapped[str] = mapped_column(String(16))
    """due, part, payoff, promise, arrangement."""
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    surplus: Mapped[str | None] = mapped_column(String(12))
    """What the borrower chose for money beyond what is due (domain/allocation.py `Surplus`)."""
    state: Mapped[str] = mapped_column(String(12))
    """domain/payment_intents.py `IntentState`."""
    ran_out_here: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Expired by our clock: the provider has not said so, and may still tell that the money is on its way."""
    provider_reference: Mapped[str | None] = mapped_column(String(120))
    """What the provider is asked by."""
    payment_reference: Mapped[str | None] = mapped_column(String(120))
    """The provider's id of the money itself: what refunds and bank statements name."""
    pay_url_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    return_to: Mapped[str | None] = mapped_column(String(400))
    """Where in the app the borrower goes on afterwards."""
    expires_at: Mapped[datetime] = mapped_column(Instant)
    page_until: Mapped[datetime] = mapped_column(Instant)
    """The same in machine time, as the provider is told it: asked again, it must be told the same."""
    locale: Mapped[str] = mapped_column(String(16))
    """Of the page."""
    paid_at: Mapped[datetime | None] = mapped_column(Instant)
    entry_reference: Mapped[str | None] = mapped_column(String(120))
    """Of the ledger entry, once it is booked."""
    failure_code: Mapped[str | None] = mapped_column(String(60))
    """The provider's word for why the last try did not work."""
    ask_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the provider is asked next how it stands, if it has not told; None: no more."""
    opening_until: Mapped[datetime | None] = mapped_column(Instant)
    """Machine time; until then one request is asking the provider for the page, and others wait."""
    request_key: Mapped[str | None] = mapped_column(String(64))
    """Of the request that made it (a hash of its Idempotency-Key): sent again, it goes on with this intent."""
    request_hash: Mapped[str | None] = mapped_column(String(64))
    """Of that request's body."""
    created_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(Instant)
    changed_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        UniqueConstraint("provider", "provider_reference"),
        UniqueConstraint("provider", "payment_reference"),
        UniqueConstraint("borrower_id", "request_key"),
        Index("ix_payment_intents_borrower_id", "borrower_id", "loan_id", "id"),
        Index(
            "ix_payment_intents_ask_at",
            "ask_at",
            sqlite_where=text("ask_at IS NOT NULL"),
            postgresql_where=text("ask_at IS NOT NULL"),
        ),
        Index("ix_payment_intents_waiting", "lender_id", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )


class PaymentEventRow(Base):
    """One thing a provider told of a payment, kept whatever became of it. A forged one is kept too, and not believed."""

    __tablename__ = "payment_events"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    provider: Mapped[str] = mapped_column(String(40))
    event_id: Mapped[str] = mapped_column(String(200))
    intent_id: Mapped[str | None] = mapped_column(Id)
    borrower_id: Mapped[str | None] = mapped_column(Id)
    lender_id: Mapped[str | None] = mapped_column(Id)
    """Of the intent; None: it names none of ours."""
    kind: Mapped[str] = mapped_column(String(60))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str | None] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(12))
    """applied, duplicate (changed nothing), refused, unknown (says nothing that we act upon)."""
    why: Mapped[str | None] = mapped_column(String(40))
    """domain/payment_intents.py `WhyRefused`."""
    body_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    received_at: Mapped[datetime] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        Index("ix_payment_events_state", "state", "received_at", "id"),
        Index("ix_payment_events_intent_id", "intent_id", "received_at"),
    )
