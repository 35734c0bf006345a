"""`decide`: who is contacted now, about what and on which channels, and the reason for every candidate, sent or not.

Pure: the same case, rules and instant give the same answer in the live loop, in an explanation and in a rehearsal. It never
sees provider health or rates; those act at dispatch. Order of the checks: closed, expired, superseded by a higher step,
restrictions of the person, quiet hours, cap, channels. The first that fails decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
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


@dataclass(frozen=True, slots=True)
class Decided:
    """What `decide` says. `standing` contacts keep their waiting messages; `cancelled` lose them, for a reason."""

    verdicts: tuple[Verdict, ...]
    contacts: tuple[NewContact, ...]
    standing: tuple[str, ...]
    cancelled: Mapping[str, Reason]
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
        self.wakes: list[datetime] = []
        self.open_subjects = {(s.subject_id, s.anchor_no): s for s in case.subjects if s.closed_at is None}
        self.open_ids = {subject.subject_id for subject in self.open_subjects.values()}
        self.closed_subjects = {(s.subject_id, s.anchor_no): s for s in case.subjects if s.closed_at is not None}

    def run(self) -> Decided:
        standing, cancelled, settled = self._review_contacts()
        self._release_closed()
        candidates = [c for subject in self.case.subjects for c in self._candidates(subject)]
        live = self._drop_superseded(self._drop_expired(self._drop_closed(candidates)))
        if live:
            self._contact(live, freed={contact_id for contact_id in cancelled})
        return Decided(
            tuple(self.verdicts), tuple(self.contacts), standing, cancelled, settled, min(self.wakes, default=None)
        )

    # -- what was decided before ---------------------------------------------------------------------------------------

    def _review_contacts(self) -> tuple[tuple[str, ...], dict[str, Reason], tuple[str, ...]]:
        """Check again what was decided: nothing leaves for what is closed or for someone who must not be contacted."""
        standing: list[str] = []
        cancelled: dict[str, Reason] = {}
        settled: list[str] = []
        for contact in self.case.contacts:
            if not contact.subject_keys:
                continue
            still_open = any((key.subject_id, key.anchor_no) in self.open_subjects for key in contact.subject_keys)
            if not any(key.subject_id in self.open_ids for key in contact.subject_keys):
                settled.append(contact.contact_id)
            if contact.waiting:
                reason = self._closed_reason(contact.subject_keys) if not still_open else self._person_block()
                if reason is not None:
                    cancelled[contact.contact_id] = reason
                    self._take_back(contact, reason)
                elif self.case.push_block is not None:
                    cancelled[contact.contact_id] = self.case.push_block  # what the app shows stands
                else:
                    standing.append(contact.contact_id)
        return tuple(standing), cancelled, tuple(settled)

    def _take_back(self, contact: PastContact, reason: Reason) -> None:
        for key in contact.subject_keys:
            past = self.case.decisions.get(key)
            if past is not None and past.contact_id == contact.contact_id:
                self._say_again(key, Outcome.SUPPRESSED, reason)

    def _release_closed(self) -> None:
        """A deferred decision whose subject is closed by now ends here."""
        for key, past in self.case.decisions.items():
            if past.outcome is Outcome.DEFERRED and (key.subject_id, key.anchor_no) not in self.open_subjects:
                self._say_again(key, Outcome.SUPPRESSED, self._closed_reason((key,)))

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
                return subject.closed_reason
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
            is_new = occurs_at >= subject.watched_from and (decided_until is None or occurs_at > decided_until)
            if past is None and is_new:
                yield candidate
            elif past is not None and past.outcome is Outcome.DEFERRED and subject.closed_at is None:
                yield candidate

    def _drop_closed(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        live: list[Candidate] = []
        for candidate in candidates:
            closed_at = candidate.subject.closed_at
            if closed_at is None:
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

    def _contact(self, live: list[Candidate], *, freed: set[str]) -> None:
        blocked = self._person_block()
        if blocked is not None:
            for candidate in live:
                self._say(candidate, Outcome.SUPPRESSED, blocked, rule="borrower.flags")
            return
        zones = self.case.known_zones or tuple(dict.fromkeys(c.subject.lender_zone for c in live))
        live = self._defer_quiet(live, zones)
        if not live:
            return
        lead, *others = sorted(live, key=_rank)
        ladder = lead.step.ladder
        channels = tuple(c for c in ladder if c == "in_app" or (c == "push" and self.case.push_block is None))
        blocks = {"push": str(self.case.push_block)} if "push" in ladder and self.case.push_block else {}
        if not channels:
            for candidate in live:
                self._say(candidate, Outcome.UNREACHABLE, self.case.push_block or Reason.NO_ENDPOINT, facts=blocks)
            return
        today = business_date(self.now, self.case.zone or lead.subject.lender_zone)
        slot_no: int | None = None
        if any(channel in OUTWARD_CHANNELS for channel in channels):
            slot_no = self._free_slot(today, freed)
            if slot_no is None:
                for candidate in live:
                    self._say(candidate, Outcome.SUPPRESSED, Reason.CAP_PERSON, rule="caps.borrower.P1D")
                return
        self._make(NewContact(today, slot_no, lead, tuple(others), channels, self.now, self._not_after(live, zones)), blocks)

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
            if past is None or past.reason is not Reason.QUIET_HOURS:
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

    def _free_slot(self, today: date, freed: set[str]) -> int | None:
        used = {
            contact.slot_no
            for contact in self.case.contacts
            if contact.local_date == today and contact.slot_no is not None and contact.contact_id not in freed
        }
        return next((slot for slot in range(1, self.policy.contacts_per_day + 1) if slot not in used), None)

    def _not_after(self, live: Iterable[Candidate], zones: tuple[str, ...]) -> datetime:
        expires_at = min(candidate.expires_at for candidate in live)
        closes_at = window_end(self.policy.quiet_hours, self.now, zones)
        return expires_at if closes_at is None else min(expires_at, closes_at - self.policy.not_after_margin)

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
