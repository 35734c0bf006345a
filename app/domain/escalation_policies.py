"""An escalation policy: by which steps arrears go further than reminders, and what stands before each step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Any

from app.domain.holds import ALWAYS_STOP
from app.domain.money import minor_from_text

Document = Mapping[str, Any]


class Kind(StrEnum):
    """What a step is."""

    ARREARS_NOTICE = "arrears_notice"
    REPAYMENT_LETTER = "repayment_letter"
    PRE_REPORT_NOTICE = "pre_report_notice"
    REPORT = "report"
    COLLATERAL_NOTICE = "collateral_notice"
    REFERRAL = "referral"


NOTICE_KINDS = frozenset({Kind.ARREARS_NOTICE, Kind.REPAYMENT_LETTER, Kind.PRE_REPORT_NOTICE, Kind.COLLATERAL_NOTICE})
"""Steps that happen by a notice to the borrower. Days after one count from its proved delivery, never from its sending."""
CREDIT = "credit"
"""Where a report goes: to the credit system; any other name is a register of an authority or association."""

FORBEARANCE, CAP = "forbearance", "cap"
NEEDS = (FORBEARANCE, CAP)
"""What a step may need besides: that forbearance was considered in this spell; that the cap of law on the loan is known."""

STOPPING = ALWAYS_STOP | {"plan_agreed", "plan_pending", "debt_adviser", "refuses_time_barred"}
"""Kinds of holds that stop every step, whatever a policy says. `stop_on` of a policy adds to them."""


@dataclass(frozen=True, slots=True)
class After:
    """The step that must have happened before, and how many days before: of a notice since its proved delivery."""

    step: str
    days: int


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice by which a step happens. `attempts`: how often it is served in all when it comes back."""

    kind: str
    """By the law packs' word."""
    template: str
    channel: str = "letter"
    attempts: int = 2


@dataclass(frozen=True, slots=True)
class Approval:
    """That people say yes first. A yes that is not made use of within `valid_days` lapses."""

    people: int = 1
    valid_days: int = 30


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """One step. `days_past_due`: counted from the oldest unpaid due date; on that day it may happen first."""

    key: str
    kind: Kind
    days_past_due: int
    after: After | None = None
    notice: Notice | None = None
    approval: Approval | None = None
    needs: frozenset[str] = frozenset()
    law: tuple[str, ...] = ()
    """Acts that the law is asked about when its turn comes, by the law packs' words."""
    register: str | None = None
    record: str = "negative"
    """Kind of the credit record."""
    basis: str | None = None
    """Of a report to a restricted register: the legal basis it is made on, by the register's word."""
    secured_only: bool = False
    """Only of loans that something is pledged for."""


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """One version as values; `policy_id` is its row."""

    policy_id: str
    key: str
    version_no: int
    begins_days_past_due: int
    min_overdue_minor: Mapping[str, int]
    """By currency: with less than that overdue nothing begins, and no step happens."""
    at: time
    """On the loan's wall: no step happens earlier in the day."""
    steps: tuple[EscalationStep, ...]
    stop_on: frozenset[str] = field(default_factory=lambda: STOPPING)
    description: str = ""
    in_force_since: datetime | None = None
    """A yes that was given before was to another version, which may have said something else. None: it does not matter."""

    def step(self, key: str) -> EscalationStep | None:
        """Return the step of that key."""
        return next((each for each in self.steps if each.key == key), None)

    def announced_by(self, step: EscalationStep) -> EscalationStep | None:
        """Return the report to the credit system that a notice before reports announces; None: it announces none."""
        return next(
            (
                each
                for each in self.steps
                if each.register == CREDIT and each.after is not None and each.after.step == step.key
            ),
            None,
        )

    @property
    def needs_collateral(self) -> bool:
        """Whether a step asks what a loan is secured on."""
        return any(step.secured_only for step in self.steps)

    @property
    def needs_forbearance(self) -> bool:
        """Whether a step needs forbearance to have been considered."""
        return any(FORBEARANCE in step.needs for step in self.steps)


def read_escalation_policy(document: Document, policy_id: str = "") -> EscalationPolicy:
    """Return a checked document as values."""
    begins = document["begins"]
    return EscalationPolicy(
        policy_id=policy_id,
        key=document["escalation_policy"],
        version_no=document["version"],
        begins_days_past_due=begins["days_past_due"],
        min_overdue_minor={
            currency: minor_from_text(amount, currency) for currency, amount in begins.get("min_overdue", {}).items()
        },
        at=time.fromisoformat(document.get("at", "09:00")),
        steps=tuple(_step(each) for each in document["steps"]),
        stop_on=STOPPING | frozenset(document.get("stop_on", ())),
        description=document.get("description", ""),
    )


def _step(step: Document) -> EscalationStep:
    return EscalationStep(
        key=step["key"],
        kind=Kind(step["kind"]),
        days_past_due=step["days_past_due"],
        after=After(**step["after"]) if "after" in step else None,
        notice=Notice(**step["notice"]) if "notice" in step else None,
        approval=Approval(**step["approval"]) if "approval" in step else None,
        needs=frozenset(step.get("needs", ())),
        law=tuple(step.get("law", ())),
        register=step.get("register"),
        record=step.get("record", "negative"),
        basis=step.get("basis"),
        secured_only=step.get("secured_only", step["kind"] == Kind.COLLATERAL_NOTICE),
    )
