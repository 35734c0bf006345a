"""What providers say of a message after it was handed over, and which of it may change what we know.

A message has two axes that never mix (as Knock keeps them): how far its delivery came, which is one state, and what the
borrower did with it, which is a set of instants. Receipts come late, twice, in any order and forged; `next_state` lets a
state only move forward, so that any order of the same receipts ends in the same state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Told(StrEnum):
    """What a receipt says became of a message."""

    ACCEPTED = "accepted"
    """Queued or sending at the provider: says no more than that it has it."""
    SENT = "sent"
    """Handed to the network, the platform or the post."""
    DELIVERED = "delivered"
    """Reached the handset, the mailbox, the door; of a call: somebody answered."""
    FAILED = "failed"
    """Did not arrive, and will not."""


def next_state(state: str, told: Told) -> str | None:
    """Return the state a message goes to when a receipt says `told`, or None when the receipt changes nothing.

    The table: what never left (queued, stale, cancelled, expired) is no business of a receipt, but for one: what waits to be
    tried again and has arrived after all must not leave a second time. `sending` is settled by the engine that sends, a
    receipt may be ahead of it; delivered is the end; a failure the provider tells after `sent` counts, after `delivered` it
    does not.
    """
    if told is Told.DELIVERED and state in ("queued", "sending", "sent", "uncertain", "failed"):
        return "delivered"
    if told is Told.FAILED and state in ("sending", "sent", "uncertain"):
        return "failed"
    if told in (Told.SENT, Told.ACCEPTED) and state == "uncertain":
        return "sent"
    return None


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """One receipt about one message, in our words. `reference` is the provider's id of it, `message_id` ours; one is known.

    `event_key` tells this receipt from every other of its provider: the same one again has the same key.
    """

    event_key: str
    told: Told
    reference: str | None = None
    message_id: str | None = None
    at: datetime | None = None
    """The provider's instant, if it gives one with a zone."""
    error_code: str | None = None
    """Our word: bad_address, unreachable, opted_out, blocked, content_refused, quota, expired, unknown, ..."""
    raw_code: str | None = None
    verdict: str = "keep"
    """What it says of the address: keep, invalid, suspect, opted_out, blocked."""
    units: int | None = None
    """Segments, pages: what is paid for."""
    call: "CallOutcome | None" = None


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a phone call went."""

    outcome: str
    """answered, no_answer, busy, rejected, voicemail, failed, wrong_number."""
    seconds: int = 0
    """Of talk; 0 when nobody answered."""
    keypress: str | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What somebody sent to us. The sender's address is personal data, the text too."""

    event_key: str
    channel: str
    """sms, wechat, email, voice."""
    address_kind: str
    """phone (E.164), email, openid."""
    address: str = field(repr=False)
    text: str = field(repr=False)
    at: datetime | None = None
    in_reply_to: str | None = None
    """Our message id, where the provider tells."""
    subject: str = field(default="", repr=False)
    is_sender_proven: bool = True
    """False: the address is only what the message says of itself, as in mail that nobody checked. Believed where it answers
    a message of ours to that very borrower; else an opt-out alone counts."""


@dataclass(frozen=True, slots=True)
class EndpointEvent:
    """What happened to an address or to what its owner allows, told by the provider."""

    event_key: str
    channel: str
    address_kind: str
    address: str = field(repr=False)
    kind: str
    """blocked, unblocked, opted_out, complained, subscribed, consent_given, consent_refused, link, letter_returned."""
    detail: Mapping[str, str] = field(default_factory=dict)
    """E.g. {"template": "T1", "count": "1"} of consents, {"token": "..."} of links."""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """What the provider must be answered, to the byte."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Callback:
    """One post of a provider, read: everything it told, and what it is to be answered."""

    provider: str
    reports: Sequence[DeliveryReport] = ()
    inbound: Sequence[InboundMessage] = ()
    events: Sequence[EndpointEvent] = ()
    answer: CallbackAnswer = CallbackAnswer()
    is_signed: bool = False
    """Proven to be the provider's. What is not is trusted for the state of delivery only, never for an address or a text."""
