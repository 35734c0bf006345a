"""What an escalation is decided by, and what was decided: values of one loan at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.domain.escalation_policies import EscalationStep, Kind
from app.domain.escalation_reasons import Ends, Outcome
from app.domain.holds import Hold


@dataclass(frozen=True, slots=True)
class GateStop:
    """Why the law, or a gate of reporting, lets a step not happen now. `allowed_on`: from when it would, if known."""

    reason: str
    rule: str | None = None
    allowed_on: date | None = None
    missing: tuple[str, ...] = ()


Gates = Mapping[str, GateStop | None]
"""Step key -> what its questions were answered; None: nothing stands in the way."""
NOT_ASKED: Gates = {}


@dataclass(frozen=True, slots=True)
class StepState:
    """How a step stands as recorded, and how its notice fared."""

    outcome: Outcome
    attempt_no: int = 0
    handed_over_at: datetime | None = None
    has_left: bool = False
    """Its notice left the house, or is leaving: nothing takes it back."""
    delivered_at: datetime | None = None
    """When the notice arrived, as a receipt proves; of a step without one, when it was done."""
    answer_by: date | None = None
    """The last day that its letter leaves to pay or to object: what is no further notice waits until that is over."""
    came_back: bool = False
    never_left: bool = False
    lost_reason: str | None = None
    """Why it never left, by the message's own reason."""
    wanted_at: datetime | None = None
    approved_at: tuple[datetime, ...] = ()
    """When each person said yes, the first one first."""
    is_declined: bool = False
    kind: Kind | None = None
    """What the step was when it was recorded; None: as the policy has it."""


@dataclass(frozen=True, slots=True)
class Spell:
    """One run of arrears that escalates. `is_stopped`: a person stopped it, until the arrears are over."""

    anchor_no: int
    late_since: date
    steps: Mapping[str, StepState] = field(default_factory=dict)
    is_stopped: bool = False


@dataclass(frozen=True, slots=True)
class EscalationCase:
    """One loan at a moment. `oldest_due_on`: oldest unpaid due date that has passed; None: nothing is overdue."""

    loan_id: str
    zone: str
    currency: str
    oldest_due_on: date | None
    next_due_on: date | None
    """When the next open row falls due, today or later."""
    overdue_minor: int
    anchor_no: int
    is_over: bool = False
    is_arranged: bool = False
    holds: tuple[Hold, ...] = ()
    has_dispute: bool = False
    forbearance_on: date | None = None
    """When forbearance was considered last."""
    is_cap_known: bool = True
    is_secured: bool = False
    spell: Spell | None = None


@dataclass(frozen=True, slots=True)
class StepDecision:
    """What becomes of one step. `withdraw`: its notice has not left and must not any more."""

    step: EscalationStep
    outcome: Outcome
    reason: str
    rule: str | None = None
    due_on: date | None = None
    look_at: datetime | None = None
    withdraw: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of an escalation. `next_look_at` None: nothing changes by time alone."""

    begins: bool = False
    ends: Ends | None = None
    steps: tuple[StepDecision, ...] = ()
    next_look_at: datetime | None = None

    @property
    def ready(self) -> tuple[StepDecision, ...]:
        """The steps that happen now."""
        return tuple(each for each in self.steps if each.outcome is Outcome.READY)
