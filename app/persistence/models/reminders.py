"""Policies, the agenda, decisions with their events, and contacts."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base


class PolicyRow(Base):
    """One version of a reminder policy. Its document never changes once approved."""

    __tablename__ = "policies"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    version_no: Mapped[int]
    lender_id: Mapped[str | None] = mapped_column(Id, ForeignKey("lenders.id"))
    """Whose loans it is for; None: of every lender that has no policy of its own."""
    status: Mapped[str] = mapped_column(String(12))
    """draft, in_review, approved, active, retired."""
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    content_hash: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(80))
    approved_by: Mapped[str | None] = mapped_column(String(80))
    activated_by: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(Instant)
    submitted_at: Mapped[datetime | None] = mapped_column(Instant)
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    activated_at: Mapped[datetime | None] = mapped_column(Instant)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("key", "version_no"),)


class RulesStateRow(Base):
    """The epoch of policy and law: raised by every activation. One row."""

    __tablename__ = "rules_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    rules_epoch: Mapped[int]
    content_version: Mapped[str | None] = mapped_column(String(64))
    """Of the law packs and texts that this epoch decides by; another release may bring others."""


class AgendaRow(Base):
    """One row per borrower: when to look next, and the lock that every change of the case takes."""

    __tablename__ = "agenda"

    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"), primary_key=True)
    wake_at: Mapped[datetime | None] = mapped_column(Instant, index=True)
    """None: nothing to come until something changes."""
    case_version: Mapped[int] = mapped_column(default=0)
    decided_version: Mapped[int] = mapped_column(default=0)
    """The case version that was decided last; the case has changed since where they differ."""
    rules_epoch: Mapped[int] = mapped_column(default=0, index=True)
    """The epoch of the rules it was decided under last; one of an older epoch is looked at again."""
    decided_until: Mapped[datetime | None] = mapped_column(Instant)
    """Every step reached up to here has its decision; None: never looked at."""
    zone: Mapped[str | None] = mapped_column(String(64))
    """The zone steps were last counted in (profile, device or phone region); None: each loan's lender's."""
    zone_since: Mapped[datetime | None] = mapped_column(Instant)
    """Since when they are counted in that zone; None: ever since."""
    duties_at: Mapped[datetime | None] = mapped_column(Instant, index=True, server_default="0")
    """When to look next for duties of the law; None: not before something changes."""
    escalations_at: Mapped[datetime | None] = mapped_column(Instant, index=True, server_default="0")
    """When to look next at how far arrears have escalated; None: not before something changes."""
    inbox_state: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Raised with every change of the borrower's inbox; a message keeps the number of its own last change."""


class DecisionRow(Base):
    """One candidate contact with its current outcome and reason. Unique per subject, anchor and step."""

    __tablename__ = "decisions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id)
    subject_kind: Mapped[str] = mapped_column(String(16))
    """instalment; later promise, arrangement, duty."""
    subject_id: Mapped[str] = mapped_column(String(64))
    """Of an instalment: loan id/row no, the same through all plan versions."""
    row_no: Mapped[int]
    anchor_no: Mapped[int]
    step_key: Mapped[str] = mapped_column(String(40))
    policy_id: Mapped[str] = mapped_column(Id)
    occurs_at: Mapped[datetime] = mapped_column(Instant)
    """The step's local instant, in UTC."""
    local_date: Mapped[date]
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(40))
    contact_id: Mapped[str | None] = mapped_column(Id)
    next_evaluation_at: Mapped[datetime | None] = mapped_column(Instant)
    decided_at: Mapped[datetime] = mapped_column(Instant)
    experiment: Mapped[str | None] = mapped_column(String(40))
    """Key of the experiment or holdout the borrower was assigned in when it was decided."""
    arm: Mapped[str | None] = mapped_column(String(40))
    event_count: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        Index("ix_decisions_contact_id", "contact_id"),
        UniqueConstraint("subject_kind", "subject_id", "anchor_no", "step_key"),
        Index("ix_decisions_borrower_id_occurs_at", "borrower_id", "occurs_at"),
    )


class DecisionEventRow(Base):
    """One change of a decision: what became of it, when and by which rule."""

    __tablename__ = "decision_events"

    decision_id: Mapped[str] = mapped_column(Id, ForeignKey("decisions.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(Instant)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(80))
    channels: Mapped[list[str]] = mapped_column(Json, default=list)
    not_before: Mapped[datetime | None] = mapped_column(Instant)
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (Index("ix_decision_events_reason_at", "reason", "at"),)


class ContactRow(Base):
    """One outward initiative towards a borrower, all its rungs. `slot_no` holds its place under the daily cap."""

    __tablename__ = "contacts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    message_class: Mapped[str] = mapped_column(String(16))
    """reminder (before or on the due date), collection (after), servicing, statutory, support, security."""
    local_date: Mapped[date]
    zones: Mapped[list[str]] = mapped_column(Json, default=list)
    """Where the borrower might be: quiet hours held in all of these. The first is the one `local_date` was counted in."""
    cap_class: Mapped[str] = mapped_column(String(16), default="outreach")
    """Which daily cap its slot is taken from; one for all reminders and collection today."""
    slot_no: Mapped[int | None]
    """None: uses no slot (in_app alone, or taken back before anything left)."""
    stage: Mapped[str] = mapped_column(String(20))
    step_key: Mapped[str] = mapped_column(String(40))
    """Of the highest step it carries."""
    origin: Mapped[str] = mapped_column(String(12), default="policy")
    """policy, manual (a person sent it or called)."""
    rungs_done: Mapped[int] = mapped_column(default=0)
    """How many rungs of its step's ladder were looked at: sent, not possible, or not needed any more."""
    state: Mapped[str] = mapped_column(String(12), default="open")
    """open, settled."""
    created_at: Mapped[datetime] = mapped_column(Instant)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (UniqueConstraint("borrower_id", "local_date", "cap_class", "slot_no"),)
