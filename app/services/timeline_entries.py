"""Entries of a borrower's timeline at the desk, as values."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from app.domain.money import Money
from app.services.borrower_page_parts import PaymentSplit

KINDS: Final = (
    "payment",
    "decision",
    "message",
    "delivery",
    "call",
    "visit",
    "word",
    "note",
    "hold",
    "promise",
    "arrangement",
    "plan_request",
    "dispute",
    "hardship",
    "contact_request",
    "letter",
    "escalation",
    "credit",
    "register_report",
    "refund",
    "collateral",
    "interest_stop",
    "intent",
    "notice",
    "consent",
    "wish",
    "session",
    "act",
)
"""Kinds of entries. `word`: of a conversation. `act`: what staff, the borrower or the operator did, from the audit trail."""


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened. What `code` says in words stands in the reader's catalogue under `kind.code`."""

    kind: str
    """One of KINDS."""
    id: str
    """Of the row it is made of; with `code` it names the entry."""
    at: datetime
    code: str
    """payment: the ledger's kind of entry (payment, reversal, waiver, charge ...); decision: the outcome (SENT ...);
    message: its state; delivery: its outcome or receipt; call: its outcome; word: inbound, outbound; note: written,
    corrected; hold: put, released; promise: made, or the state it came to; arrangement: agreed, ended; plan_request:
    asked, offered, ended; dispute: received, answered, escalated; hardship: opened, decided; letter: its state; refund:
    requested, closed; credit: started, furnished (`on`: the month), corrected, deleted, ended; escalation: begun, ended,
    stopped, resumed, or the kind of the step; register_report: reported, corrected, removed; collateral: its kind of event;
    interest_stop: began, ended, goes_on (an end that was known is none any more), withdrawn;
    intent: opened, and its state; notice: told, withheld; consent: given, refused; wish: made, ended;
    session: signed_in, ended; act: the audit trail's action."""
    by: str | None = None
    """staff:NAME, borrower, core:CODE, engine ...; None: nobody in particular."""
    loan_no: str | None = None
    """None: about no single loan."""
    channel: str | None = None
    amount: Money | None = None
    on: date | None = None
    """A business date it is about: value date, promised day, step's day, day by which to answer."""
    reason: str | None = None
    """A code; of a decision one of docs/reasons.md."""
    sentence: str | None = None
    """Of a decision: outcome and reason in words, in the reader's language."""
    title: str | None = field(default=None, repr=False)
    text: str | None = field(default=None, repr=False)
    """Opened for this reading: words of a conversation, a note, a message that is about this lender's loans alone."""
    splits: list[PaymentSplit] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """Further ids, counts and codes: step, template, provider, reference, seconds ..."""
    link: str | None = None
    """Id of what it belongs to: the conversation of a word, the message of a delivery, the task of a call."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """One page, newest first by (at, kind, id). `resume`: where the next one begins; None: this was the last."""

    entries: list[TimelineEntry]
    resume: tuple[datetime, str, str] | None
    opened_texts: int
    """How many texts were opened for it; more than 0 is written into the audit trail."""
