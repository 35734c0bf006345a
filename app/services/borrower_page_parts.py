"""What a borrower's page at the desk is made of, as values. Lists are newest first and hold `MOST_LISTED` at most.

All of it is of one lender: loans of others, and what is about them alone, are not in it. Personal data is masked.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time

from app.domain.money import Money
from app.domain.splits import Split

MOST_LISTED = 20
"""Rows of each list on the page; `BorrowerPage.more` names the lists that have further ones."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is. Everything masked; None: not known."""

    name: str | None = field(repr=False)
    """Whole: who opened the page has to call them by it."""
    phone_masked: str | None
    email_masked: str | None
    address_masked: str | None
    national_id_masked: str | None
    country: str | None
    locale: str | None
    officer: str | None
    flags: list[str]
    """deceased, insolvent, represented, no_contact, minor_or_unverified."""
    known_since: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A zone the borrower may be in, and what the clock there shows. `source`: profile, device, phone or lender."""

    zone: str
    source: str
    local_at: datetime
    """Now, with the zone's own offset."""
    local_date: date
    local_time: time
    """As the wall shows it there."""


@dataclass(frozen=True, slots=True)
class LoanOnPage:
    """A loan with its position today, in the loan's zone."""

    loan_id: str
    loan_no: str
    product: str | None
    status: str
    """active, closed, written_off, cancelled."""
    currency: str
    zone: str
    as_of: date
    outstanding: Money
    principal_outstanding: Money
    due: Split
    """Unpaid of rows due by today, minor units by component."""
    overdue: Split
    unapplied: Money
    days_past_due: int
    bucket: str
    next_due_on: date | None
    next_due: Money | None
    disputed: Money | None
    """Of what is outstanding, what open cases dispute."""
    is_of_core: bool
    """The core's figures are shown in place of ours."""
    autopay: bool
    maturity_on: date | None
    marks: list[str]
    """What a reader must know: estimated_plan, absent_from_tape, ..."""


@dataclass(frozen=True, slots=True)
class PaymentSplit:
    """What a payment did to one instalment; `row_no` None: kept beyond the plan, in `unapplied_minor`."""

    row_no: int | None
    split: Split
    unapplied_minor: int


@dataclass(frozen=True, slots=True)
class PaymentOnPage:
    """One entry of the ledger that moved money: a payment, a reversal, a refund, a waiver, a charge."""

    id: str
    loan_no: str
    kind: str
    """domain/ledger.py `EntryKind`."""
    amount: Money
    effective_on: date
    recorded_at: datetime
    reference: str
    channel: str | None
    reverses_id: str | None
    is_reversed: bool
    splits: list[PaymentSplit]


@dataclass(frozen=True, slots=True)
class HoldOnPage:
    """What stops or limits contact. `loan_no` None: all loans."""

    id: str
    kind: str
    loan_no: str | None
    from_at: datetime
    until_at: datetime | None
    stands: bool
    by: str
    recorded_at: datetime
    released_at: datetime | None
    released_by: str | None


@dataclass(frozen=True, slots=True)
class ConsentOnPage:
    """The newest word of each purpose and channel. Purpose `contact` refused is an opt-out."""

    purpose: str
    channel: str
    given: bool
    form: str | None
    recorded_at: datetime
    origin: str


@dataclass(frozen=True, slots=True)
class WishOnPage:
    """What the borrower wishes about when, where and how; wall times where they are, `until_time` exclusive."""

    id: str
    kind: str
    channel: str | None
    from_time: time | None
    until_time: time | None
    place: str | None
    by: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceOnPage:
    """An installation of the app. `push`: state of its push address; None: it has none."""

    id: str
    platform: str
    app_version: str | None
    zone: str | None
    locale: str | None
    push_permission: bool
    push: str | None
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class EndpointOnPage:
    """An address on a channel besides push. `state`: active, unverified, suspect, invalid, opted_out, blocked."""

    id: str
    channel: str
    state: str
    reason: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class PromiseOnPage:
    """A promise to pay."""

    id: str
    loan_no: str
    amount: Money
    paid: Money
    promised_on: date
    state: str
    made_by: str
    channel: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class ArrangementOnPage:
    """An agreed change of a plan."""

    id: str
    loan_no: str
    kind: str
    state: str
    agreed_at: datetime
    ended_at: datetime | None
    ended_reason: str | None


@dataclass(frozen=True, slots=True)
class PlanRequestOnPage:
    """A request for another plan."""

    id: str
    loan_no: str
    kind: str
    state: str
    asked_by: str
    requested_at: datetime
    stands_until: datetime


@dataclass(frozen=True, slots=True)
class DisputeOnPage:
    """A dispute, objection or complaint."""

    id: str
    reference: str
    loan_no: str
    kind: str
    ground: str
    state: str
    amount: Money | None
    """None: all of what is owed."""
    received_at: datetime
    answer_due_on: date
    taken_by: str | None
    is_breached: bool


@dataclass(frozen=True, slots=True)
class HardshipOnPage:
    """A request for help with money trouble. `loan_no` None: about all loans."""

    id: str
    loan_no: str | None
    state: str
    opened_at: datetime
    review_due_on: date
    taken_by: str | None
    is_breached: bool


@dataclass(frozen=True, slots=True)
class ContactRequestOnPage:
    """What the borrower asked about contact: cease, representative, avoid_place, only_channel."""

    id: str
    kind: str
    channel: str | None
    place: str | None
    recorded_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class DocumentOnPage:
    """A file handed in, or a letter made. `kind`: attachment or letter."""

    id: str
    kind: str
    what: str
    """Purpose of an attachment; template of a letter."""
    state: str
    media_type: str
    pages: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TaskOnPage:
    """Work that waits for a person."""

    id: str
    kind: str
    queue: str
    loan_no: str | None
    due_on: date | None
    due_at: datetime | None
    not_before: datetime | None
    not_after: datetime | None
    is_breached: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ConversationOnPage:
    """A thread with the borrower that is not resolved."""

    id: str
    status: str
    channel: str
    opened_at: datetime
    waiting_since: datetime | None
    last_at: datetime


@dataclass(frozen=True, slots=True)
class MandateOnPage:
    """An autopay mandate."""

    id: str
    loan_no: str
    provider: str
    state: str
    last_drawn_on: date | None
    retry_on: date | None
    failures: int
    failure_code: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class IntentOnPage:
    """A payment begun at a provider."""

    id: str
    loan_no: str
    amount: Money
    purpose: str
    state: str
    provider: str
    created_at: datetime
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefundOnPage:
    """Money that was paid over and goes back."""

    id: str
    loan_no: str
    amount: Money
    state: str
    method: str
    requested_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionOnPage:
    """A sign-in of the borrower that has not ended."""

    id: str
    device_label: str | None
    created_at: datetime
    last_used_at: datetime


@dataclass(frozen=True, slots=True)
class NoteOnPage:
    """A private note of staff, its newest version. `version_no` counts from 1."""

    id: str
    text: str = field(repr=False)
    by: str
    pinned: bool
    version_no: int
    written_at: datetime
    corrected_at: datetime | None


@dataclass(frozen=True, slots=True)
class DecisionOnPage:
    """The newest decisions: what became of a step, and why. The pointer to "why (not)": ask with `local_date`."""

    id: str
    loan_no: str
    step: str
    local_date: date
    decided_at: datetime
    outcome: str
    reason: str
    sentence: str
    """In the reader's language."""


@dataclass(frozen=True, slots=True)
class QueuedOnPage:
    """A message that is made and waits to leave; what else is to come is asked for at `/upcoming`."""

    id: str
    channel: str
    message_class: str
    template: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class CollateralOnPage:
    """A thing pledged to loans of this lender; where it is and what it costs stand on its own page."""

    id: str
    reference: str
    kind: str
    state: str
    state_on: date
    in_custody_on: date | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is next without asking the engine: the queue, and when this borrower is looked at again."""

    queued: list[QueuedOnPage]
    looks_at: datetime | None
    """None: nothing to come until something changes."""


@dataclass(frozen=True, slots=True)
class BorrowerPage:
    """Everything staff of one lender see of a borrower at once."""

    borrower_id: str
    borrower_no: str
    as_of: datetime
    identity: Identity
    places: list[Place]
    loans: list[LoanOnPage]
    payments: list[PaymentOnPage] = field(default_factory=list)
    holds: list[HoldOnPage] = field(default_factory=list)
    consents: list[ConsentOnPage] = field(default_factory=list)
    wishes: list[WishOnPage] = field(default_factory=list)
    devices: list[DeviceOnPage] = field(default_factory=list)
    endpoints: list[EndpointOnPage] = field(default_factory=list)
    promises: list[PromiseOnPage] = field(default_factory=list)
    arrangements: list[ArrangementOnPage] = field(default_factory=list)
    plan_requests: list[PlanRequestOnPage] = field(default_factory=list)
    disputes: list[DisputeOnPage] = field(default_factory=list)
    hardship: list[HardshipOnPage] = field(default_factory=list)
    contact_requests: list[ContactRequestOnPage] = field(default_factory=list)
    documents: list[DocumentOnPage] = field(default_factory=list)
    tasks: list[TaskOnPage] = field(default_factory=list)
    conversations: list[ConversationOnPage] = field(default_factory=list)
    mandates: list[MandateOnPage] = field(default_factory=list)
    intents: list[IntentOnPage] = field(default_factory=list)
    refunds: list[RefundOnPage] = field(default_factory=list)
    collateral: list[CollateralOnPage] = field(default_factory=list)
    sessions: list[SessionOnPage] = field(default_factory=list)
    notes: list[NoteOnPage] = field(default_factory=list)
    """Pinned ones first."""
    decisions: list[DecisionOnPage] = field(default_factory=list)
    outlook: Outlook = field(default_factory=lambda: Outlook([], None))
    more: list[str] = field(default_factory=list)
    """Names of the lists above that go on; their own doors have the rest."""
