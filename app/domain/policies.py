"""A reminder policy as values: steps anchored to the due date, audiences, ladders, caps, quiet hours, experiments."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from app.domain.audiences import ALWAYS, Condition
from app.domain.quiet_hours import QuietHours

if TYPE_CHECKING:
    from app.domain.calendars import Calendar
    from app.domain.cases import Subject
    from app.domain.law.packs import LawPack
    from app.domain.law.vocabulary import Vocabulary

OUTWARD_CHANNELS = ("push", "sms", "voice", "wechat", "email", "letter")
"""Channels that reach out; in_app waits to be opened and uses no place under the daily cap."""
MESSAGE_CLASSES = ("servicing", "reminder", "collection", "statutory", "support")
STAGE_ORDER = ("upcoming", "due", "early", "mid", "late", "pre_legal", "legal")
CAPPED_CLASSES = frozenset({"reminder", "collection"})
"""Classes that take a place under the daily cap and can be held out. Statutory notices never wait for either."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of a ladder: a channel, and when it is used.

    `after` None: at once, with the rungs before it. Else so long after the rung before it went out, unless that was `seen`
    (or `delivered`) by then; where no outward rung could go out before, it does not wait. `only_if` must hold besides.
    """

    channel: str
    after: timedelta | None = None
    unless: str = "seen"
    only_if: Condition = ALWAYS


@dataclass(frozen=True, slots=True)
class Action:
    """What a step does instead of sending: a task for a person. `kind`: call or letter; `sla`: how long there is for it."""

    kind: str
    queue: str
    sla: timedelta
    needs_approval: bool = False


@dataclass(frozen=True, slots=True)
class Experiment:
    """Arms by stable hash of the borrower: `arms` are (name, percent, template or None for no message), adding up to 100."""

    key: str
    arms: tuple[tuple[str, int, str | None], ...]
    paid_by: timedelta
    """The outcome: paid within so long of the decision."""
    planned_borrowers: int | None = None
    """How many borrowers in all arms together it was planned for; a look at it before that is a peek."""


@dataclass(frozen=True, slots=True)
class Holdout:
    """A share of borrowers that is not reminded, up to and including a stage; statutory notices go out nevertheless."""

    key: str
    percent: int
    max_stage: str
    planned_borrowers: int | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `max_contacts` in `days` local dates, today included. `channel` None: contacts; else messages on it."""

    days: int
    max_contacts: int
    channel: str | None = None
    per: str = "borrower"
    """borrower or loan."""

    @property
    def rule(self) -> str:
        """How it is named in a decision."""
        return f"caps.{self.per}{'.' + self.channel if self.channel else ''}.P{self.days}D"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: reached `offset_days` after the due date (negative: before) at `at` on the borrower's wall.

    With `until` the time of day is spread between them by a stable hash of the loan. Not worth doing `expires_after` later.
    """

    key: str
    offset_days: int
    at: time
    expires_after: timedelta
    stage: str
    template: str
    ladder: tuple[Rung, ...]
    until: time | None = None
    given_class: str | None = None
    audience: Condition = ALWAYS
    on_non_working_day: str = "keep"
    """keep, previous, next (the step moves), skip (it is suppressed)."""
    replaces: tuple[str, ...] = ()
    """Keys this step had in earlier versions: what was decided under one of them is not done again."""
    action: Action | None = None
    experiment: Experiment | None = None
    notice_kind: str | None = None
    """Which notice of law the message is, by the law packs' name."""
    given_debt_stage: str | None = None
    """Where the debt stands where that does not follow from the offset: a promise may be about what is overdue."""

    @property
    def message_class(self) -> str:
        """As given; else `reminder` up to the due date, `collection` after it."""
        return self.given_class or ("collection" if self.offset_days > 0 else "reminder")

    @property
    def debt_stage(self) -> str:
        """Where the debt stands by the law packs' word."""
        return self.given_debt_stage or self._stage_by_offset

    @property
    def _stage_by_offset(self) -> str:
        return "upcoming" if self.offset_days < 0 else "due" if self.offset_days == 0 else "overdue"

    @property
    def is_capped(self) -> bool:
        """Whether it takes a place under the daily cap and may be held out."""
        return self.message_class in CAPPED_CLASSES


@dataclass(frozen=True)
class Policy:
    """One approved version. `steps` ascend by (offset, time of day)."""

    policy_id: str
    key: str
    version_no: int
    steps: tuple[Step, ...]
    quiet_hours: QuietHours
    caps: tuple[Cap, ...]
    not_after_margin: timedelta
    """A message must leave so long before its window closes."""
    tolerance: Mapping[str, int] = field(default_factory=dict)
    """Currency -> minor units: an instalment with less open than that is not worth a reminder."""
    stop_on: frozenset[str] = frozenset()
    """Holds and conditions that stop, beside those that always do: kinds of holds, autopay_expected."""
    balance_max_age: timedelta | None = None
    """A loan whose core has said nothing for longer is not reminded of; None: age does not matter."""
    holdout: Holdout | None = None
    in_force_from: date | None = None
    in_force_until: date | None = None
    """Local dates, the end exclusive; outside of them its steps are SUPPRESSED / POLICY_INACTIVE."""
    calendar_country: str | None = None
    promise_steps: tuple[Step, ...] = ()
    """Reminders of a promise to pay, by the promised day; they ascend as `steps` do. While one is open they stand alone."""

    @cached_property
    def stopping(self) -> frozenset[str]:
        """Kinds of holds that stop besides those that always do: `stop_on`, and promises where they have their own steps."""
        return self.stop_on | {"promise_to_pay"} if self.promise_steps else self.stop_on

    @cached_property
    def all_steps(self) -> tuple[Step, ...]:
        """Steps of every kind of subject."""
        return (*self.steps, *self.promise_steps)

    def steps_of(self, subject: "Subject") -> tuple[Step, ...]:
        """Return the steps that remind of a subject."""
        if subject.kind != "promise":
            return self.steps
        return self.late_promise_steps if subject.is_late else self.promise_steps

    @cached_property
    def late_promise_steps(self) -> tuple[Step, ...]:
        """The promise's steps where something is past due: then the law of overdue debts and collection holds for them."""
        return tuple(replace(step, given_class="collection", given_debt_stage="overdue") for step in self.promise_steps)

    @cached_property
    def contacts_per_day(self) -> int:
        """Contacts per borrower and local day."""
        return min(cap.max_contacts for cap in self.caps if cap.per == "borrower" and cap.channel is None and cap.days == 1)

    @cached_property
    def longer_caps(self) -> tuple[Cap, ...]:
        """Every cap besides the daily one, which is kept by a unique key."""
        return tuple(cap for cap in self.caps if (cap.per, cap.channel, cap.days) != ("borrower", None, 1))

    @cached_property
    def moves_days(self) -> bool:
        """Whether a step of it moves off days without business."""
        return any(step.on_non_working_day in ("previous", "next") for step in self.all_steps)

    @cached_property
    def lead_days(self) -> int:
        """How long before a due date the first step may be reached."""
        return max(0, -min(step.offset_days for step in self.all_steps))

    @cached_property
    def trail_days(self) -> int:
        """How long after a due date the last step may be reached."""
        return max(0, max(step.offset_days for step in self.all_steps))


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """What the catalogue says of one template on one channel in one locale."""

    is_approved: bool
    markers: frozenset[str] | None
    """Content markers by the law packs' vocabulary; None: nobody stated them."""
    unfit: str | None = None
    """What the check of its words found, by the check's codes; None: it may be used."""


Templates = Mapping[tuple[str, str], Mapping[str, TemplateInfo]]
"""(template, channel) -> locale -> what is known of it."""


@dataclass(frozen=True)
class Rules:
    """All that decides besides the case: policies, law, calendars, templates, and the epoch that every activation raises."""

    policy: Policy
    """Of every lender that has none of its own."""
    rules_epoch: int
    by_lender: Mapping[str, Policy] = field(default_factory=dict)
    """Lender id -> its own policy."""
    laws: Mapping[str, "LawPack"] = field(default_factory=dict)
    """Jurisdiction -> pack. Key `DEFAULT`: the careful pack where there is none."""
    calendars: Mapping[str, "Calendar"] = field(default_factory=dict)
    """Lender id -> business days."""
    templates: Templates | None = None
    """None: the catalogue is not looked at (tests of something else)."""
    channels: frozenset[str] = frozenset(OUTWARD_CHANNELS)
    """Outward channels this installation has a provider for."""
    one_time_codes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Template -> its ids at WeChat, where each send uses up one consent of the borrower."""
    vocabulary: "Vocabulary | None" = None
    """What case records are read by; None: none are looked at."""
    law_facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts of law that hold for every case."""

    def policy_of(self, lender_id: str) -> Policy:
        """Return the policy that a lender's loans are reminded by."""
        return self.by_lender.get(lender_id, self.policy)

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy in force, each once."""
        return (self.policy, *self.by_lender.values())

    @cached_property
    def lead_days(self) -> int:
        """The longest lead of any policy in force."""
        return max(policy.lead_days for policy in self.policies)

    @cached_property
    def trail_days(self) -> int:
        """The longest trail of any policy in force."""
        return max(policy.trail_days for policy in self.policies)

    @cached_property
    def longest_cap_days(self) -> int:
        """How far back messages must be known for policies' caps, in days."""
        return max((cap.days for policy in self.policies for cap in policy.caps), default=1)

    @cached_property
    def longest_expiry(self) -> timedelta:
        """How long after its instant a step may still be worth doing, at most."""
        return max(step.expires_after for policy in self.policies for step in policy.all_steps)

    @cached_property
    def longest_wait(self) -> timedelta:
        """How long after a contact was made a further rung of it may still come, at most."""
        ladders = [step for policy in self.policies for step in policy.all_steps if any(rung.after for rung in step.ladder)]
        return max((step.expires_after for step in ladders), default=timedelta())

    @cached_property
    def longest_loan_cap_days(self) -> int:
        """How far back contacts must be known with what they were about, for caps per loan, in days."""
        return max((cap.days for policy in self.policies for cap in policy.caps if cap.per == "loan"), default=0)


def share_of(salt: str, natural_key: str) -> int:
    """Return 0..9999 for a natural key, the same for ever: who is in which arm hangs on nothing else."""

    return int.from_bytes(sha256(f"{salt}\x1f{natural_key}".encode()).digest()[:8], "big") % 10_000
