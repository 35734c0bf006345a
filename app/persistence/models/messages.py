"""Messages (one rung of a contact on one channel), their delivery attempts, and so the outbox and the inbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.lanes import lane_of
from app.persistence.column_types import Id, Instant, Json, Sealed
from app.persistence.db import Base

_IN_A_LANE = text("lane IS NOT NULL")
_WITHDRAWS = text("withdraws_id IS NOT NULL")


def _lane(context: Any) -> str | None:
    """Return the lane of a new row. Rows written in bulk give it themselves."""
    assert context is not None, "rows written in bulk give their lane"
    given = context.get_current_parameters()
    return lane_of(given["state"], message_class=given["message_class"], channel=given["channel"])


class MessageRow(Base):
    """One message. The outbox is the rows that are `queued`; the inbox is the rows of channel `in_app`."""

    __tablename__ = "messages"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    contact_id: Mapped[str | None] = mapped_column(Id, ForeignKey("contacts.id"))
    challenge_id: Mapped[str | None] = mapped_column(Id)
    """A one-time code's challenge; the code itself is computed at send and never stored."""
    channel: Mapped[str] = mapped_column(String(16))
    message_class: Mapped[str] = mapped_column(String(16))
    template: Mapped[str] = mapped_column(String(60))
    template_version: Mapped[int]
    locale: Mapped[str] = mapped_column(String(16))
    text_sealed: Mapped[bytes | None] = mapped_column(Sealed)
    """JSON {title, body} as rendered, and the variables it was made from."""
    state: Mapped[str] = mapped_column(String(20))
    """queued, stale (decided under older facts, waits to be decided again), sending, sent, delivered, failed, uncertain,
    expired, cancelled."""
    state_reason: Mapped[str | None] = mapped_column(String(40))
    lane: Mapped[str | None] = mapped_column(String(16), default=_lane)
    """The queue it stands in (`lanes.lane_of` its state): whoever changes the state changes it too."""
    not_before: Mapped[datetime] = mapped_column(Instant)
    not_after: Mapped[datetime] = mapped_column(Instant)
    """Exclusive: from this instant on it must not be sent."""
    case_version: Mapped[int] = mapped_column(default=0)
    rules_epoch: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(Instant)
    """When to try next; once it is handed over, when to ask its provider what became of it."""
    leased_by: Mapped[str | None] = mapped_column(String(80))
    leased_until: Mapped[datetime | None] = mapped_column(Instant)
    """Machine time, not the book's: a lease must run out also when the book's clock stands still."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    rung_no: Mapped[int] = mapped_column(default=0)
    """Which rung of the step's ladder it is, from 0."""
    about: Mapped[list[str] | None] = mapped_column(Json)
    """Subject ids it speaks of: of a later rung or of what took another's place; null: of all its contact was made about."""
    seen_at: Mapped[datetime | None] = mapped_column(Instant)
    read_at: Mapped[datetime | None] = mapped_column(Instant)
    archived_at: Mapped[datetime | None] = mapped_column(Instant)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
    """What it reminded of has been paid."""
    delivered_at: Mapped[datetime | None] = mapped_column(Instant)
    """When a receipt said that it arrived."""
    clicked_at: Mapped[datetime | None] = mapped_column(Instant)
    replied_at: Mapped[datetime | None] = mapped_column(Instant)
    snoozed_until: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    """Taken back: out of the inbox, or asked off the phone's screen."""
    withdraws_id: Mapped[str | None] = mapped_column(Id)
    """Of a silent push: the message it takes off the screen."""
    inbox_created: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The borrower's inbox state when it came."""
    inbox_state: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The borrower's inbox state of its last change."""
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_messages_inbox", "borrower_id", "channel", "created_at", "id"),
        # Over a column of its own: an index whose condition names `state` is written anew at every change of it.
        Index("ix_messages_lane", "lane", "next_attempt_at", "id", sqlite_where=_IN_A_LANE, postgresql_where=_IN_A_LANE),
        Index(
            "ix_messages_withdraws_id",
            "withdraws_id",
            unique=True,
            sqlite_where=_WITHDRAWS,
            postgresql_where=_WITHDRAWS,
        ),
        Index("ix_messages_contact_id", "contact_id"),
        Index("ix_messages_inbox_state", "borrower_id", "channel", "inbox_state"),
        # Read by bulletins alone, over whole periods: a summary of page ranges leaves updates of a row where they are.
        Index("ix_messages_sent_at", "sent_at", postgresql_using="brin"),
    )


class DeliveryAttemptRow(Base):
    """One try to hand one message to one endpoint. Written before the wire is touched, completed after."""

    __tablename__ = "delivery_attempts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    message_id: Mapped[str] = mapped_column(Id, ForeignKey("messages.id"))
    endpoint_id: Mapped[str | None] = mapped_column(Id)
    attempt_no: Mapped[int]
    provider: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    outcome: Mapped[str] = mapped_column(String(20))
    """sending, accepted, refused, retry, uncertain."""
    provider_reference: Mapped[str | None] = mapped_column(String(200))
    error_code: Mapped[str | None] = mapped_column(String(60))
    raw_code: Mapped[str | None] = mapped_column(String(60))
    units: Mapped[int] = mapped_column(default=1, server_default="1")
    """Segments, pages."""

    __table_args__ = (
        UniqueConstraint("message_id", "endpoint_id", "attempt_no"),
        Index("ix_delivery_attempts_message_id", "message_id"),
        Index("ix_delivery_attempts_reference", "provider_reference", "provider"),
        # Appended in the order of its instants: a summary of page ranges costs a send next to nothing.
        Index("ix_delivery_attempts_started_at", "started_at", postgresql_using="brin"),
    )
