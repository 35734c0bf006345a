"""`decide`: who is contacted now, about what and on which channels, and the reason for every candidate, sent or not.

Pure: the same case, rules and instant give the same answer in the live loop, in an explanation and in a rehearsal. It never
sees provider health or rates; those act at dispatch. Order of the checks: closed, expired, superseded by a higher step,
restrictions of the person, quiet hours, cap, channels. The first that fails decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from app.domain.cases import Case, DecisionKey, PastContact, Subject
from app.domain.policies import OUTWARD_CHANNELS, Policy, Rules, Step
from app.domain.quiet_hours import first_allowed, window_end
from app.domain.reasons import PERSON_FLAGS, Outcome, Reason
from app.domain.times import business_date, local_instant

ZONE_SLACK = timedelta(days=2)
"""When a borrower changes zone a step's instant can move by up to 26 h; so far back keys are looked up, not assumed."""


class Candidate(NamedTuple):
    """A step whose instant was reached while its subject was open."""

    subject: Subject
    step: Step
    occurs_at: datetime

    @property
    def key(self) -> DecisionKey:
        """The unique key of its decision."""
        return DecisionKey("instalment", self.subject.subject_id, self.subject.anchor_no, self.step.key)

    @property
    def expires_at(self) -> datetime:
        """From this instant on it is too late."""
        return self.occurs_at + self.step.expires_after


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
    channels: tuple[str, ...] = ()
    not_before: datetime | None = None
    next_evaluation_at: datetime | None = None
    contact_no: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact to make: about these candidates, the lead one first, on these channels."""

    local_date: date
    zones: tuple[str, ...]
    """Where the borrower may be: quiet hours hold in all of these. The first is the one `local_date` is counted in."""
    slot_no: int | None
    lead: Candidate
    others: tuple[Candidate, ...]
    channels: tuple[str, ...]
    not_before: datetime
    not_after: datetime

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All it is about, the lead first."""
        return (self.lead, *self.others)


class Standing(NamedTuple):
    """A contact whose waiting messages may still leave, until their own end and until `not_after`, where that is sooner."""

    contact_id: str
    not_after: datetime


class Cancelled(NamedTuple):
    """A contact whose waiting messages will not leave. `frees_slot`: nothing of it has, so its place may be used again."""

    contact_id: str
    reason: Reason
    frees_slot: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """What `decide` says about candidates, and about contacts made earlier. `settled`: all they were about is closed."""

    verdicts: tuple[Verdict, ...]
    contacts: tuple[NewContact, ...]
    standing: tuple[Standing, ...]
    cancelled: tuple[Cancelled, ...]
    settled: tuple[str, ...]
    next_wake: datetime | None


def decide(case: Case, rules: Rules, now: datetime) -> Decided:
    """Decide everything about one borrower that is due at `now`, and say when to look again."""
    return _Decider(case, rules.policy, now).run()


class _Decider:
    """One run of `decide`; gathers verdicts on the way."""

    def __init__(self, case: Case, policy: Policy, now: datetime) -> None:
        self.case, self.policy, self.now = case, policy, now
        self.verdicts: list[Verdict] = []
        self.contacts: list[NewContact] = []
        self.standing: list[Standing] = []
        self.cancelled: list[Cancelled] = []
        self.settled: list[str] = []
        self.wakes: list[datetime] = []
        self.open_subjects = {(s.subject_id, s.anchor_no): s for s in case.subjects if s.speaks}
        self.open_ids = {subject.subject_id for subject in self.open_subjects.values()}
        self.closed_subjects = {(s.subject_id, s.anchor_no): s for s in case.subjects if not s.speaks}

    def run(self) -> Decided:
        for contact in self.case.contacts:
            if contact.subject_keys:
                self._review(contact)
        self._release_deferred()
        candidates = [c for subject in self.case.subjects for c in self._candidates(subject)]
        live = self._drop_superseded(self._drop_expired(self._drop_closed(candidates)))
        if live:
            self._contact(live)
        return Decided(
            tuple(self.verdicts),
            tuple(self.contacts),
            tuple(self.standing),
            tuple(self.cancelled),
            tuple(self.settled),
            min(self.wakes, default=None),
        )

    # -- what was decided before ---------------------------------------------------------------------------------------

    def _review(self, contact: PastContact) -> None:
        """Check a contact again: nothing leaves for what is closed, for someone who must not be contacted, or at night."""
        if not any(key.subject_id in self.open_ids for key in contact.subject_keys):
            self.settled.append(contact.contact_id)
        if not contact.waiting:
            return
        about = [
            subject for key in contact.subject_keys if (subject := self.open_subjects.get((key.subject_id, key.anchor_no)))
        ]
        reason = self._person_block() if about else self._closed_reason(contact.subject_keys)
        if reason is not None:
            self._take_back(contact, reason)
        else:
            reason = self.case.push_block or self._stand(contact, about)  # if not None, what the app shows stands
        if reason is not None:
            self.cancelled.append(Cancelled(contact.contact_id, reason, frees_slot=not contact.tried))

    def _stand(self, contact: PastContact, about: Sequence[Subject]) -> Reason | None:
        """Let a contact wait on where the borrower is by now, or say why it cannot."""
        zones = self._zones(about)
        if self._allowed_at(zones) != self.now:
            return Reason.QUIET_HOURS
        today = business_date(self.now, zones[0])
        if business_date(contact.created_at, zones[0]) != today:
            return Reason.EXPIRED_WINDOW
        others = [c for c in self._made_on(today, zones[0]) if c.contact_id != contact.contact_id]
        if len(others) >= self.policy.contacts_per_day:
            return Reason.CAP_PERSON
        self.standing.append(Standing(contact.contact_id, self._window_end(zones)))
        return None

    def _take_back(self, contact: PastContact, reason: Reason) -> None:
        for key in contact.subject_keys:
            past = self.case.decisions.get(key)
            if past is not None and past.contact_id == contact.contact_id:
                self._say_again(key, Outcome.SUPPRESSED, reason)

    def _release_deferred(self) -> None:
        """A deferred decision ends here if its subject is closed by now, or its step is no longer part of the policy."""
        steps = {step.key for step in self.policy.steps}
        for key, past in self.case.decisions.items():
            if past.outcome is not Outcome.DEFERRED:
                continue
            if (key.subject_id, key.anchor_no) not in self.open_subjects:
                self._say_again(key, Outcome.SUPPRESSED, self._closed_reason((key,)))
            elif key.step_key not in steps:
                self._say_again(key, Outcome.SUPPRESSED, Reason.RULES_CHANGED)

    def _say_again(self, key: DecisionKey, outcome: Outcome, reason: Reason) -> None:
        past = self.case.decisions[key]
        zone = self.case.zone or "UTC"
        self.verdicts.append(
            Verdict(key, past.loan_id, past.row_no, past.occurs_at, business_date(self.now, zone), outcome, reason)
        )

    def _closed_reason(self, keys: Iterable[DecisionKey]) -> Reason:
        for key in keys:
            subject = self.closed_subjects.get((key.subject_id, key.anchor_no))
            if subject is not None:
                return subject.held_reason or subject.closed_reason
            if key.subject_id in self.open_ids:
                return Reason.REANCHORED
            past = self.case.decisions.get(key)
            if past is not None and past.loan_id in self.case.ended_loans:
                return self.case.ended_loans[past.loan_id]
        return Reason.PAID

    # -- candidates ----------------------------------------------------------------------------------------------------

    def _candidates(self, subject: Subject) -> Iterable[Candidate]:
        """Yield the steps reached and not finally decided; note when the next one will be."""
        zone = self.case.zone or subject.lender_zone
        decided_until = self.case.decided_until
        if decided_until is not None and self.case.decided_zone != self.case.zone:
            decided_until -= ZONE_SLACK
        for step in self.policy.steps:
            occurs_at = local_instant(subject.due_on + timedelta(days=step.offset_days), step.at, zone)
            if occurs_at > self.now:
                if subject.closed_at is None:
                    self.wakes.append(occurs_at)
                return
            candidate = Candidate(subject, step, occurs_at)
            past = self.case.decisions.get(candidate.key)
            is_new = decided_until is None or occurs_at > decided_until or subject.watched_from >= decided_until
            if past is None and is_new and occurs_at >= subject.watched_from:
                yield candidate
            elif past is not None and past.outcome is Outcome.DEFERRED and subject.speaks:
                yield candidate

    def _drop_closed(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        live: list[Candidate] = []
        for candidate in candidates:
            closed_at = candidate.subject.closed_at
            if candidate.subject.held_reason is not None:
                self._say(candidate, Outcome.SUPPRESSED, candidate.subject.held_reason)
            elif closed_at is None:
                live.append(candidate)
            elif candidate.occurs_at < closed_at:
                self._say(candidate, Outcome.SUPPRESSED, candidate.subject.closed_reason)
        return live

    def _drop_expired(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        live: list[Candidate] = []
        for candidate in candidates:
            if self.now >= candidate.expires_at:
                self._say(candidate, Outcome.EXPIRED, Reason.EXPIRED_WINDOW, rule="expires_after")
            else:
                live.append(candidate)
        return live

    def _drop_superseded(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        highest: dict[tuple[str, int], Candidate] = {}
        for candidate in candidates:
            highest[candidate.subject.subject_id, candidate.subject.anchor_no] = candidate  # steps ascend
        live = list(highest.values())
        for candidate in candidates:
            winner = highest[candidate.subject.subject_id, candidate.subject.anchor_no]
            if winner is not candidate:
                facts = {"by_step": winner.step.key}
                self._say(candidate, Outcome.SUPPRESSED, Reason.STEP_SUPERSEDED, rule="highest_step", facts=facts)
        return live

    # -- one contact for all that is left ------------------------------------------------------------------------------

    def _contact(self, live: list[Candidate]) -> None:
        blocked = self._person_block()
        if blocked is not None:
            for candidate in live:
                self._say(candidate, Outcome.SUPPRESSED, blocked, rule="borrower.flags")
            return
        live.sort(key=_rank)
        zones = self._zones([candidate.subject for candidate in live])
        live = self._defer_quiet(live, zones)
        if not live:
            return
        lead, *others = live
        ladder = [rung.channel for rung in lead.step.ladder]
        channels = tuple(c for c in ladder if c == "in_app" or (c == "push" and self.case.push_block is None))
        blocks = {"push": str(self.case.push_block)} if "push" in ladder and self.case.push_block else {}
        if not channels:
            for candidate in live:
                self._say(candidate, Outcome.UNREACHABLE, self.case.push_block or Reason.NO_ENDPOINT, facts=blocks)
            return
        today = business_date(self.now, zones[0])
        slot_no: int | None = None
        if any(channel in OUTWARD_CHANNELS for channel in channels):
            slot_no = self._free_slot(today, zones[0])
            if slot_no is None:
                for candidate in live:
                    self._say(candidate, Outcome.SUPPRESSED, Reason.CAP_PERSON, rule="caps.borrower.P1D")
                return
        not_after = min(*(candidate.expires_at for candidate in live), self._window_end(zones))
        self._make(NewContact(today, zones, slot_no, lead, tuple(others), channels, self.now, not_after), blocks)

    def _make(self, contact: NewContact, blocks: Mapping[str, object]) -> None:
        number = len(self.contacts)
        self.contacts.append(contact)
        for candidate in contact.candidates:
            is_lead = candidate is contact.lead
            self._say(
                candidate,
                Outcome.SENT if is_lead else Outcome.CONSOLIDATED,
                Reason.ON_SCHEDULE if is_lead else Reason.CONSOLIDATED_INTO,
                channels=contact.channels,
                not_before=contact.not_before,
                contact_no=number,
                facts={**blocks, "open_minor": candidate.subject.open_minor},
            )

    def _defer_quiet(self, live: list[Candidate], zones: tuple[str, ...]) -> list[Candidate]:
        allowed_at = self._allowed_at(zones)
        if allowed_at == self.now:
            return live
        for candidate in live:
            if allowed_at is None or allowed_at >= candidate.expires_at:
                self._say(candidate, Outcome.EXPIRED, Reason.QUIET_HOURS, rule="quiet_hours")
                continue
            self.wakes.append(allowed_at)
            past = self.case.decisions.get(candidate.key)
            if past is None or past.next_evaluation_at != allowed_at:
                self._say(
                    candidate,
                    Outcome.DEFERRED,
                    Reason.QUIET_HOURS,
                    rule="quiet_hours",
                    not_before=allowed_at,
                    next_evaluation_at=allowed_at,
                )
        return []

    def _allowed_at(self, zones: tuple[str, ...]) -> datetime | None:
        """The first instant that is not quiet and leaves the margin to send in."""
        quiet = self.policy.quiet_hours
        allowed_at = first_allowed(quiet, self.now, zones)
        if allowed_at == self.now:
            closes_at = window_end(quiet, self.now, zones)
            if closes_at is not None and self.now >= closes_at - self.policy.not_after_margin:
                return first_allowed(quiet, closes_at, zones)
        return allowed_at

    def _zones(self, about: Iterable[Subject]) -> tuple[str, ...]:
        """Where the borrower may be, the zone that days are counted in first; the lenders' zones where nothing is known."""
        known = self.case.known_zones or tuple(dict.fromkeys(subject.lender_zone for subject in about))
        return tuple(dict.fromkeys((self.case.zone or known[0], *known)))

    def _free_slot(self, today: date, zone: str) -> int | None:
        if len(self._made_on(today, zone)) >= self.policy.contacts_per_day:
            return None
        held = {contact.slot_no for contact in self._holders() if contact.local_date == today}
        return next((slot for slot in range(1, self.policy.contacts_per_day + 1) if slot not in held), None)

    def _made_on(self, today: date, zone: str) -> list[PastContact]:
        """Return the contacts that count for a day: by the day they were made for, and by the day it was in this zone."""
        return [
            contact
            for contact in self._holders()
            if contact.local_date == today or business_date(contact.created_at, zone) == today
        ]

    def _holders(self) -> Iterable[PastContact]:
        freed = {cancelled.contact_id for cancelled in self.cancelled if cancelled.frees_slot}
        return (c for c in self.case.contacts if c.slot_no is not None and c.contact_id not in freed)

    def _window_end(self, zones: tuple[str, ...]) -> datetime:
        """Return when what may leave now may leave no longer: before quiet hours, and on the day its place is taken on."""
        ends = local_instant(business_date(self.now, zones[0]) + timedelta(days=1), time(0), zones[0])
        closes_at = window_end(self.policy.quiet_hours, self.now, zones)
        return ends if closes_at is None else min(ends, closes_at - self.policy.not_after_margin)

    def _person_block(self) -> Reason | None:
        return next((reason for flag, reason in PERSON_FLAGS.items() if flag in self.case.flags), None)

    def _say(
        self,
        candidate: Candidate,
        outcome: Outcome,
        reason: Reason,
        *,
        rule: str | None = None,
        channels: tuple[str, ...] = (),
        not_before: datetime | None = None,
        next_evaluation_at: datetime | None = None,
        contact_no: int | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        subject = candidate.subject
        zone = self.case.zone or subject.lender_zone
        self.verdicts.append(
            Verdict(
                candidate.key,
                subject.loan_id,
                subject.row_no,
                candidate.occurs_at,
                business_date(candidate.occurs_at, zone),
                outcome,
                reason,
                rule,
                channels,
                not_before,
                next_evaluation_at,
                contact_no,
                facts or {},
            )
        )


def _rank(candidate: Candidate) -> tuple[int, date, str, int]:
    """The highest stage leads; of equals the oldest due date, then loan number and row, so that it never depends on ids."""
    subject = candidate.subject
    return -candidate.step.offset_days, subject.due_on, subject.loan_no, subject.row_no
