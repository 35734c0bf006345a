"""What `decide` answers with: verdicts on candidates, contacts and further rungs to make, tasks, and when to look again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from app.domain.cases import DecisionKey, Subject
from app.domain.policies import Policy, Step
from app.domain.reasons import Outcome, Reason

NO_FACTS: Mapping[str, object] = {}


class Candidate(NamedTuple):
    """A step whose instant was reached while its subject was open."""

    subject: Subject
    step: Step
    occurs_at: datetime
    policy: Policy

    @property
    def key(self) -> DecisionKey:
        """The unique key of its decision."""
        return DecisionKey(self.subject.kind, self.subject.subject_id, self.subject.anchor_no, self.step.key)

    @property
    def expires_at(self) -> datetime:
        """From this instant on it is too late."""
        return self.occurs_at + self.step.expires_after

    @property
    def rank(self) -> tuple[int, date, str, str, int]:
        """The highest stage leads; of equals the oldest due date, then lender, loan number and row: never by ids."""
        subject = self.subject
        return -self.step.offset_days, subject.due_on, subject.loan.lender_code, subject.loan_no, subject.row_no


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one candidate, or a change of an earlier one. `contact_no` indexes `Decided.contacts`."""

    key: DecisionKey
    loan_id: str
    row_no: int
    occurs_at: datetime
    local_date: date
    outcome: Outcome
    reason: Reason
    rule: str | None = None
    """The check, cap or rule of law that decided."""
    channels: tuple[str, ...] = ()
    not_before: datetime | None = None
    next_evaluation_at: datetime | None = None
    contact_no: int | None = None
    policy_id: str = ""
    experiment: str | None = None
    arm: str | None = None
    is_note: bool = False
    """Only an event: the decision keeps the outcome and reason it has."""
    facts: Mapping[str, object] = field(default_factory=dict)


class Made(NamedTuple):
    """One message to make: a rung of a contact's ladder on its channel."""

    channel: str
    rung_no: int
    not_after: datetime


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact to make: about these candidates, the lead one first, with a message for every rung that goes out now."""

    local_date: date
    zones: tuple[str, ...]
    """Where the borrower may be: quiet hours hold in all of these. The first is the one `local_date` is counted in."""
    slot_no: int | None
    lead: Candidate
    others: tuple[Candidate, ...]
    messages: tuple[Made, ...]
    template: str
    rungs_done: int
    not_before: datetime
    not_after: datetime
    """The latest end of its messages."""

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All it is about, the lead first."""
        return (self.lead, *self.others)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels used now, in the ladder's order."""
        return tuple(made.channel for made in self.messages)


@dataclass(frozen=True, slots=True)
class FurtherRung:
    """What becomes of a contact's next rungs: messages to make now (none: not needed, or not possible)."""

    contact_id: str
    about: tuple[Candidate, ...]
    """What is still open of all it was about, the lead first."""
    messages: tuple[Made, ...]
    template: str
    rungs_done: int
    not_before: datetime


@dataclass(frozen=True, slots=True)
class NewTask:
    """Work for a person. `natural_key` is the same for the same occasion."""

    natural_key: str
    kind: str
    queue: str
    loan_id: str
    key: DecisionKey | None
    due_at: datetime | None
    not_before: datetime | None = None
    not_after: datetime | None = None
    rule: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


class WithdrawnTask(NamedTuple):
    """A task that a person must not do any more, and why."""

    task_id: str
    reason: Reason


class Standing(NamedTuple):
    """A contact whose waiting messages may still leave, until their own end and until `not_after`, where that is sooner."""

    contact_id: str
    not_after: datetime


class Cancelled(NamedTuple):
    """A contact whose waiting messages will not leave. `frees_slot`: nothing of it has, so its place may be used again."""

    contact_id: str
    reason: Reason
    frees_slot: bool
    channel: str | None = None
    """Only its messages on this channel; None: all that wait."""


class Retold(NamedTuple):
    """A contact whose message in the app is taken out of it: it speaks of more than may be said by now."""

    contact_id: str
    about: tuple[Candidate, ...] = ()
    """What the message in its place is about, the lead first; empty: none takes its place."""
    template: str = ""
    rung_no: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """What `decide` says about candidates, and about contacts made earlier. `settled`: all they were about is closed."""

    verdicts: tuple[Verdict, ...]
    contacts: tuple[NewContact, ...]
    standing: tuple[Standing, ...]
    cancelled: tuple[Cancelled, ...]
    settled: tuple[str, ...]
    next_wake: datetime | None
    rungs: tuple[FurtherRung, ...] = ()
    tasks: tuple[NewTask, ...] = ()
    withdrawn: tuple[WithdrawnTask, ...] = ()
    retold: tuple[Retold, ...] = ()


class Stop(NamedTuple):
    """Why something is not done: the reason, the rule that says so, until when where that is known, and facts to keep."""

    reason: Reason
    rule: str | None = None
    until: datetime | None = None
    facts: Mapping[str, object] = NO_FACTS

    @property
    def is_personal(self) -> bool:
        """Whether it is a state of the person or the case: a hold, a flag, a wish for no contact."""
        return self.rule is not None and self.rule.startswith(("hold.", "borrower.flags.", "wish."))


def clipped(facts: Mapping[str, object]) -> dict[str, object]:
    """Facts as they are kept: what is None or empty is left out."""
    return {key: value for key, value in facts.items() if value not in (None, "", (), [])}


LOOK_AGAIN = timedelta(minutes=15)
"""How long to wait for a message that has not left yet before its ladder is looked at again."""
