"""What an explanation consists of: values that a command prints and a door sends."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RuleShown:
    """A rule of law that decided. A recalled one is not shown as law: it was not verified."""

    id: str
    jurisdiction: str
    title: str
    paragraph: str
    evidence: str
    is_recalled: bool


@dataclass(frozen=True, slots=True)
class EventShown:
    """One change of a decision. `sentence`: outcome and reason in words; `owner`: who can change the reason."""

    at: datetime
    outcome: str
    reason: str
    sentence: str
    owner: str
    rule: str | None
    law: RuleShown | None
    channels: list[str]
    not_before: datetime | None
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AttemptShown:
    """One try to hand a message over."""

    at: datetime
    provider: str
    outcome: str
    error_code: str | None


@dataclass(frozen=True, slots=True)
class MessageShown:
    """One message on one channel and how it fared."""

    id: str
    channel: str
    template: str
    template_version: int
    locale: str
    state: str
    reason: str | None
    sentence: str | None
    sent_at: datetime | None
    seen_at: datetime | None
    attempts: list[AttemptShown]


@dataclass(frozen=True, slots=True)
class TaskShown:
    """Work that a decision made for a person."""

    id: str
    kind: str
    queue: str
    state: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepShown:
    """One step for one instalment. `status`: decided, to_come, or none (there was no candidate; `code` says why)."""

    step: str
    local_date: date
    occurs_at: datetime
    timezone: str
    status: str
    code: str
    """Outcome of a decision; NOT_DUE_YET of a step to come; else why there was no candidate."""
    sentence: str
    policy: str | None = None
    events: list[EventShown] = field(default_factory=list)
    messages: list[MessageShown] = field(default_factory=list)
    tasks: list[TaskShown] = field(default_factory=list)
    expected: EventShown | None = None
    """Of a step to come: what would be decided if nothing changed until then."""


@dataclass(frozen=True, slots=True)
class SubjectShown:
    """One instalment of one plan version, with the steps near the date."""

    row_no: int
    plan_version: int
    due_on: date
    steps: list[StepShown]
    kind: str = "instalment"
    """instalment, or promise: then `row_no` is 0, `plan_version` its number among the loan's promises, `due_on` its day."""


@dataclass(frozen=True, slots=True)
class LoanShown:
    """One loan. `sentence`: why there is nothing about it near the date."""

    lender: str
    loan_no: str
    subjects: list[SubjectShown]
    code: str | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class ManualShown:
    """A contact that a person made on the date. `by` None: told of before such contacts had a record of their own."""

    at: datetime
    message_class: str
    channels: list[str]
    kind: str | None = None
    """message, reply, call, visit, letter."""
    by: str | None = None
    outcome: str = "SENT"
    """SUPPRESSED: taken back before it left."""
    reason: str | None = None
    rule: str | None = None
    overridden: list[str] = field(default_factory=list)
    """Reasons of the policy that were set aside for it."""
    sentence: str | None = None
    came_to: str | None = None
    """How a call or a visit went; dialled or started until somebody tells."""
    overridden_by: str | None = None
    override_reason: str | None = field(default=None, repr=False)
    """As it was written; opened for the lender's own desk alone."""


@dataclass(frozen=True, slots=True)
class NoticeShown:
    """A notice of that date, told or not. It is servicing: of no contact, under no cap, decided by no policy."""

    at: datetime
    template: str
    loan_no: str | None
    status: str
    """told, withheld or withdrawn."""
    reason: str | None
    """Why it was withheld."""
    push: str | None
    """State of the push beside it; null: there is none."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one borrower around one date. `sentence`: why there is nothing at all."""

    borrower_no: str
    on: date
    as_of: datetime
    was_contacted: bool
    """Whether a contact was made that day, by the policy or by a person."""
    loans: list[LoanShown]
    manual: list[ManualShown]
    notices: list[NoticeShown] = field(default_factory=list)
    """Besides contacts: what the borrower was told of their own affairs that day."""
    code: str | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """A decision that a reason touched, at the instant it last did."""

    decision_id: str
    at: datetime
    borrower_no: str
    lender: str
    loan_no: str
    row_no: int
    step: str
    local_date: date
    outcome: str
    reason: str
    """As the decision stands now."""
