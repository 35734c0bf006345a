"""Escalations of arrears: their policies with what was rehearsed, where each loan stands, and why a step did not happen."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.persistence.column_types import Id, Instant, Json
from app.persistence.db import Base

_IS_OPEN = text("state = 'open'")
_IS_ACTIVE = text("status = 'active'")
_WAITS = text("outcome = 'needs_approval'")


class EscalationPolicyRow(Base):
    """One version of an escalation policy. Its document never changes once approved."""

    __tablename__ = "escalation_policies"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    version_no: Mapped[int]
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    """Whose loans it is for: nobody's arrears escalate by a policy that is not their lender's own."""
    status: Mapped[str] = mapped_column(String(12))
    """draft, approved, active, retired."""
    document: Mapped[dict[str, Any]] = mapped_column(Json)
    content_hash: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(String(80))
    approved_by: Mapped[str | None] = mapped_column(String(80))
    activated_by: Mapped[str | None] = mapped_column(String(80))
    created_at: Mapped[datetime] = mapped_column(Instant)
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    activated_at: Mapped[datetime | None] = mapped_column(Instant)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)

    __table_args__ = (
        UniqueConstraint("lender_id", "key", "version_no"),
        Index(
            "ix_escalation_policies_active",
            "lender_id",
            unique=True,
            sqlite_where=_IS_ACTIVE,
            postgresql_where=_IS_ACTIVE,
        ),
    )


class EscalationRehearsalRow(Base):
    """What a version was predicted to do over the book of its lender, and under which assumptions."""

    __tablename__ = "escalation_rehearsals"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    policy_id: Mapped[str] = mapped_column(Id, ForeignKey("escalation_policies.id"))
    content_hash: Mapped[str] = mapped_column(String(64))
    """Of the document that was rehearsed: a draft that changed since was not."""
    asked_by: Mapped[str] = mapped_column(String(80))
    made_at: Mapped[datetime] = mapped_column(Instant)
    assumptions: Mapped[dict[str, Any]] = mapped_column(Json)
    result: Mapped[dict[str, Any]] = mapped_column(Json)
    """Counts by step and day, by reason, loans looked at, days."""

    __table_args__ = (Index("ix_escalation_rehearsals_policy_id", "policy_id", "made_at"),)


class EscalationRow(Base):
    """One spell of arrears of one loan that escalated. A loan has at most one that is open."""

    __tablename__ = "escalations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    spell_no: Mapped[int]
    """From 1: a loan that is cured and falls late again begins anew."""
    policy_id: Mapped[str] = mapped_column(Id, ForeignKey("escalation_policies.id"))
    """The version it was looked at by last."""
    anchor_no: Mapped[int]
    """The plan version that was owed by when it began: another plan ends it."""
    state: Mapped[str] = mapped_column(String(12))
    """open, ended."""
    stage: Mapped[str | None] = mapped_column(String(24))
    """Kind of the last step that happened; None: none has."""
    began_at: Mapped[datetime] = mapped_column(Instant)
    late_since: Mapped[date]
    """The oldest unpaid due date when it began."""
    next_look_at: Mapped[datetime | None] = mapped_column(Instant)
    """When something may change by time alone; the agenda wakes."""
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_reason: Mapped[str | None] = mapped_column(String(40))
    ended_by: Mapped[str | None] = mapped_column(String(80))
    """Staff, where a person stopped it."""
    event_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        UniqueConstraint("loan_id", "spell_no"),
        Index("ix_escalations_open", "loan_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
        Index("ix_escalations_borrower_id", "borrower_id", "state"),
        Index("ix_escalations_lender_id", "lender_id", "state", "stage", "id"),
    )


class EscalationStepRow(Base):
    """One step of one escalation with its current outcome and reason; what it was before is in its events."""

    __tablename__ = "escalation_steps"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    escalation_id: Mapped[str] = mapped_column(Id, ForeignKey("escalations.id"))
    borrower_id: Mapped[str] = mapped_column(Id, ForeignKey("borrowers.id"))
    loan_id: Mapped[str] = mapped_column(Id, ForeignKey("loans.id"))
    lender_id: Mapped[str] = mapped_column(Id, ForeignKey("lenders.id"))
    step_key: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(24))
    """A kind of domain/escalations.py."""
    outcome: Mapped[str] = mapped_column(String(16))
    """waiting, stopped, needs_approval, declined, handed_over, delivered, returned, done, not_applicable, ended."""
    reason: Mapped[str] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(80))
    due_on: Mapped[date | None]
    """The first day on which it may happen, as far as that is known."""
    attempt_no: Mapped[int] = mapped_column(default=0)
    """How often its notice was handed over: one that came back may be served again."""
    message_id: Mapped[str | None] = mapped_column(Id)
    """Of the notice, as it was handed over last."""
    handed_over_at: Mapped[datetime | None] = mapped_column(Instant)
    delivered_at: Mapped[datetime | None] = mapped_column(Instant)
    """Only what a receipt proves; of a step without a notice, when it was done."""
    wanted_at: Mapped[datetime | None] = mapped_column(Instant)
    """Since when it waits for a person."""
    approved_by: Mapped[str | None] = mapped_column(String(80))
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    confirmed_by: Mapped[str | None] = mapped_column(String(80))
    """The second person, where the policy asks for two."""
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    declined_by: Mapped[str | None] = mapped_column(String(80))
    declined_reason: Mapped[str | None] = mapped_column(String(40))
    changed_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        UniqueConstraint("escalation_id", "step_key"),
        Index("ix_escalation_steps_borrower_id", "borrower_id"),
        Index("ix_escalation_steps_message_id", "message_id"),
        Index("ix_escalation_steps_reason", "lender_id", "kind", "outcome", "reason"),
        Index("ix_escalation_steps_waits", "lender_id", "wanted_at", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
    )


class EscalationEventRow(Base):
    """One change of an escalation or of one of its steps: what became of it, when, why, by whom. Never changed."""

    __tablename__ = "escalation_events"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    escalation_id: Mapped[str] = mapped_column(Id, ForeignKey("escalations.id"))
    seq: Mapped[int]
    """1, 2, 3 ... of its escalation, in the order recorded."""
    borrower_id: Mapped[str] = mapped_column(Id)
    lender_id: Mapped[str] = mapped_column(Id)
    loan_id: Mapped[str] = mapped_column(Id)
    step_key: Mapped[str | None] = mapped_column(String(40))
    """None: about the escalation as a whole (begun, ended)."""
    kind: Mapped[str | None] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(Instant)
    """When it was recorded; of a proof of delivery, what it proves is among the facts."""
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(40))
    rule: Mapped[str | None] = mapped_column(String(80))
    by: Mapped[str] = mapped_column(String(80))
    facts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    __table_args__ = (
        UniqueConstraint("escalation_id", "seq"),
        Index("ix_escalation_events_borrower_id", "borrower_id", "at"),
        Index("ix_escalation_events_lender_id", "lender_id", "at", "kind", "outcome"),
    )
