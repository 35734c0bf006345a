"""Contacts made earlier, looked at again: what may still leave, what is taken back, and which rung comes next."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.domain.candidates import occurs_at
from app.domain.cases import DecisionKey, PastContact, PastMessage, Subject
from app.domain.checks import stops_of, template_of
from app.domain.decided import LOOK_AGAIN, Cancelled, Candidate, Standing, Stop
from app.domain.further_rungs import FurtherRungs, was_noticed
from app.domain.ladders import WAITING
from app.domain.lost_subjects import LostSubjects
from app.domain.policies import Step
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date

if TYPE_CHECKING:
    from app.domain.decisions import Decider

_SAID = frozenset({Outcome.SENT, Outcome.CONSOLIDATED})
"""Outcomes of what a contact speaks of."""


class ContactReviews:
    """The earlier contacts of one case in one run of `decide`."""

    def __init__(self, decider: "Decider") -> None:
        self._decider = decider
        self._case, self._rules, self._now = decider.case, decider.rules, decider.now
        self.standing: list[Standing] = []
        self.cancelled: list[Cancelled] = []
        self.settled: list[str] = []
        self.further = FurtherRungs(decider, self)
        self.lost = LostSubjects(decider, self)
        subjects = self._case.subjects
        self._names = {s.subject_id: (s.loan.lender_code, s.loan_no, s.row_no) for s in subjects}
        self._open = {(s.subject_id, s.anchor_no): s for s in subjects if s.speaks}
        self._due_on = {subject.subject_id: subject.due_on for subject in self._open.values()}
        self._closed = {(s.subject_id, s.anchor_no): s for s in subjects if not s.speaks}

    def run(self) -> None:
        """Look at every contact that is not settled."""
        for contact in self._case.contacts:
            if len(contact.subject_keys) > 1:
                contact = replace(contact, subject_keys=tuple(sorted(contact.subject_keys, key=self._place)))
            if contact.subject_keys:
                self._review(contact)

    def release_deferred(self) -> None:
        """A deferred decision ends here if its subject is closed by now, or its step is no longer part of the policy."""
        for key, past in self._case.decisions.items():
            if past.outcome is not Outcome.DEFERRED:
                continue
            subject = self._open.get((key.subject_id, key.anchor_no))
            if subject is None:
                self._decider.said.say_again(key, Outcome.SUPPRESSED, self.closed_reason((key,)))
            elif all(step.key != key.step_key for step in self._rules.policy_of(subject.loan.lender_id).steps_of(subject)):
                self._decider.said.say_again(key, Outcome.SUPPRESSED, Reason.RULES_CHANGED)

    def _place(self, key: DecisionKey) -> tuple[Any, ...]:
        """Where it stands among what a contact was about: the lead first, then by names that no database has made."""
        past = self._case.decisions.get(key)
        ended = "" if past is None else str(self._case.ended_loans.get(past.loan_id, ""))
        row_no = 0 if past is None else past.row_no
        name = self._names.get(key.subject_id, ("", "", 0))
        return past is None or past.outcome is not Outcome.SENT, name, row_no, key.anchor_no, key.step_key, ended

    # -- what waits to leave -------------------------------------------------------------------------------------------

    def _review(self, contact: PastContact) -> None:
        """Check a contact again: nothing leaves for what is closed, for someone who must not be contacted, or at night."""
        if self.is_settled(contact.subject_keys):
            self.settled.append(contact.contact_id)
        if not contact.waiting:
            self.lost.retell(contact)
            self.further.climb_on(contact)
            return
        keys = self._waiting_keys(contact)
        lost = self.lost.among(keys)
        if lost and len(lost) < len(keys):
            self.lost.part_with(contact, lost)
            return
        self.lost.retell(contact)
        about = [subject for key in keys if (subject := self._open.get((key.subject_id, key.anchor_no)))]
        reason = self._stopped_reason(keys) if about else self.closed_reason(keys or contact.subject_keys)
        lead = self.lead(contact)
        if reason is not None:
            for key in keys:
                self.say_taken_back(contact, key, reason)
            lead = None
        else:
            reason = self._noticed_reason(contact, lead)
            if reason is not None:
                lead = None
            else:
                reason = self._stand(contact, keys, about)  # if not None, what the app shows stands
        if lead is not None and not self._has_next(contact, lead):
            lead = None
        if reason is not None:
            frees = lead is None and not contact.reached_out  # a rung that is still to come uses its place
            self.cancelled.append(Cancelled(contact.contact_id, reason, frees_slot=frees))
            if frees:
                self._decider.ladders.freed.add(contact.contact_id)
        if lead is not None:
            self._wake_for_next_rung(contact, lead, is_cancelled=reason is not None)

    def _has_next(self, contact: PastContact, lead: Candidate) -> bool:
        return contact.rungs_done < len(lead.step.ladder) and self._now < lead.expires_at

    def _wake_for_next_rung(self, contact: PastContact, lead: Candidate, *, is_cancelled: bool) -> None:
        """Have the next rung looked at: while something waits to leave in its time, soon once that was taken back."""
        due_at = self._now if is_cancelled else self.further.due_at(contact, lead)
        if due_at is not None:
            self._decider.said.wakes.append(due_at if due_at > self._now else self._now + LOOK_AGAIN)

    def _noticed_reason(self, contact: PastContact, lead: Candidate | None) -> Reason | None:
        """SEEN where all that waits is a later rung, and what went out before it was seen by now; it was said then."""
        if lead is None:
            return None
        waiting = [m for m in contact.messages if m.state in WAITING and m.channel != "in_app"]
        rungs = [lead.step.ladder[m.rung_no] for m in waiting if m.rung_no < len(lead.step.ladder)]
        if not rungs or len(rungs) < len(waiting) or any(rung.after is None for rung in rungs):
            return None
        if not all(was_noticed(contact, rung.unless) for rung in rungs):
            return None
        self.further.finish(contact, lead, Reason.SEEN, rungs[0].channel)
        return Reason.SEEN

    def _stopped_reason(self, keys: Iterable[DecisionKey]) -> Reason | None:
        """Why nothing may be said by now about any of these; None: something may."""
        reasons: list[Reason] = []
        for candidate in self._candidates(keys):
            stops = stops_of(candidate, self._case, self._rules, self._now)
            if not stops:
                return None
            reasons.append(stops[0].reason)
        return reasons[0] if reasons else Reason.RULES_CHANGED

    def _blocked(self, contact: PastContact, candidates: Sequence[Candidate], zone: str) -> dict[str, Reason]:
        """Why messages that wait cannot leave on their channel by now, by channel; those that can are absent."""
        found: dict[str, Reason] = {}
        for message in contact.messages:
            if message.state in WAITING and message.channel != "in_app":
                stop = self._message_stop(contact, message, candidates, zone)
                if stop is not None:
                    found[message.channel] = stop.reason
        return found

    def _message_stop(
        self, contact: PastContact, message: PastMessage, candidates: Sequence[Candidate], zone: str
    ) -> Stop | None:
        """What stands in the way of one waiting message; itself it does not count against itself."""
        ladders = self._decider.ladders
        for candidate in candidates:
            template = template_of(candidate, self._case)
            info, stop = ladders.template(template, message.channel)
            stop = stop or ladders.reach(candidate, message.channel, zone, besides=contact.contact_id)
            stop = stop or ladders.law_stop(candidate, message.channel, template, info, without=message.at)
            if stop is not None:
                return stop
        return None

    def _stand(self, contact: PastContact, keys: Iterable[DecisionKey], about: Sequence[Subject]) -> Reason | None:
        """Let a contact wait on where the borrower is by now, or say why it cannot."""
        decider = self._decider
        zones = decider.times.zones(about)
        candidates = self._candidates(keys)
        policies = [candidate.policy for candidate in candidates]
        if any(decider.times.allowed_at(each, zones) != self._now for each in policies):
            return Reason.QUIET_HOURS
        takes_place = candidates[0].step.is_capped and not contact.has_left
        reason = self.day_reason(contact, candidates[0], zones[0]) if takes_place else None
        if reason is not None:
            return reason
        blocked = self._blocked(contact, candidates, zones[0])
        waiting = {message.channel for message in contact.messages if message.state in WAITING} - {"in_app"}
        if waiting and waiting == set(blocked):
            return next(iter(blocked.values()))
        self.cancelled += [Cancelled(contact.contact_id, why, False, channel) for channel, why in blocked.items()]
        end = min(decider.times.window_end(policies, zones), *(decider.free_until(each) for each in candidates))
        for channel in sorted(waiting - set(blocked)):
            for candidate in candidates:
                template = template_of(candidate, self._case)
                info = decider.ladders.content(template, channel, decider.ladders.template(template, channel)[0])
                end = min(end, decider.law.closes_at(candidate, channel, info, end))
        self.standing.append(Standing(contact.contact_id, end))
        return None

    def day_reason(self, contact: PastContact, lead: Candidate, zone: str) -> Reason | None:
        """Why a contact of which nothing has left yet is none for today, or None."""
        today = business_date(self._now, zone)
        if business_date(contact.created_at, zone) != today:
            return Reason.EXPIRED_WINDOW
        if contact.slot_no is None:
            return None
        others = [c for c in self._decider.made_on(today, zone) if c.contact_id != contact.contact_id]
        ladders, besides = self._decider.ladders, contact.contact_id
        caps = [cap for cap in lead.policy.longer_caps if cap.channel is None]
        is_full = any(ladders.is_full(cap, lead, zone, besides=besides) for cap in caps)
        return Reason.CAP_PERSON if is_full or len(others) >= lead.policy.contacts_per_day else None

    def say_taken_back(self, contact: PastContact, key: DecisionKey, reason: Reason) -> None:
        """Say why what waits does not leave: the outcome, unless a message before it has reached out already."""
        past = self._case.decisions.get(key)
        if past is None or past.contact_id != contact.contact_id:
            return
        if contact.has_left:
            self._decider.said.say_again(key, past.outcome, reason, note=True, facts={"rung": "not used"})
        else:
            self._decider.said.say_again(key, Outcome.SUPPRESSED, reason)

    def gone_reason(self, key: DecisionKey) -> Reason:
        """Why there is nothing to be done about a key any more: its subject is closed, or its step is not in the policy."""
        return Reason.RULES_CHANGED if self.is_open(key) else self.closed_reason((key,))

    def closed_reason(self, keys: Iterable[DecisionKey]) -> Reason:
        """Why what was spoken of is closed: the first of these keys that says so."""
        for key in keys:
            subject = self._closed.get((key.subject_id, key.anchor_no))
            if subject is not None:
                return subject.held_reason or subject.closed_reason
            if key.subject_id in self._due_on:
                return Reason.REANCHORED
            past = self._case.decisions.get(key)
            if past is not None and past.loan_id in self._case.ended_loans:
                return self._case.ended_loans[past.loan_id]
        return Reason.PAID

    def lead(self, contact: PastContact) -> Candidate | None:
        """Return what the contact goes on about: what it was mainly about, or of the rest the highest that may be spoken of.

        None where what led it is closed, or its step no longer part of the policy, and nothing can take its place.
        """
        keys = [key for key in self.own_keys(contact) if key in self._case.decisions]
        first = self.candidate(keys[0]) if keys else None
        if len(keys) < 2 or (first is not None and not self._is_stopped(first)):
            return first
        others = [one for one in self._candidates(keys[1:]) if self._now < one.expires_at and not self._is_stopped(one)]
        return min(others, key=lambda one: one.rank, default=first)

    def candidates(self, contact: PastContact) -> list[Candidate]:
        """Return what a contact is about, as far as it is still open."""
        return self._candidates(self.own_keys(contact))

    def told_keys(self, contact: PastContact) -> list[DecisionKey]:
        """Return what a contact was about, less what another contact has taken over."""
        decisions, own_id = self._case.decisions, contact.contact_id
        return [key for key in contact.subject_keys if key not in decisions or decisions[key].contact_id == own_id]

    def own_keys(self, contact: PastContact) -> list[DecisionKey]:
        """Return what a contact is about: what it was about, less what was taken back."""
        decisions = self._case.decisions
        return [key for key in self.told_keys(contact) if key not in decisions or decisions[key].outcome in _SAID]

    def _waiting_keys(self, contact: PastContact) -> list[DecisionKey]:
        """Return what the messages that wait to leave speak of."""
        keys = self.own_keys(contact)
        spoken = [message.about for message in contact.messages if message.waits]
        if not spoken or None in spoken:
            return keys
        return [key for key in keys if any(about is not None and key.subject_id in about for about in spoken)]

    def is_open(self, key: DecisionKey) -> bool:
        """Whether what a key is about is open, under the plan it was decided under."""
        return (key.subject_id, key.anchor_no) in self._open

    def is_settled(self, keys: Iterable[DecisionKey]) -> bool:
        """Whether all of these are closed, under whatever plan, or due on another day by now: then the next one says so."""
        return not any(key.subject_id in self._due_on and not self._is_moved(key) for key in keys)

    def _is_moved(self, key: DecisionKey) -> bool:
        """Whether the plan that was replaced just now had it on another day than the one in force."""
        was = self._closed.get((key.subject_id, key.anchor_no))
        return was is not None and was.closed_reason is Reason.REANCHORED and was.due_on != self._due_on[key.subject_id]

    def _is_stopped(self, candidate: Candidate) -> bool:
        return bool(stops_of(candidate, self._case, self._rules, self._now))

    def _candidates(self, keys: Iterable[DecisionKey]) -> list[Candidate]:
        return [found for key in keys if (found := self.candidate(key)) is not None]

    def candidate(self, key: DecisionKey) -> Candidate | None:
        """Return what a decision was about as it stands now, or None where it is closed or its step is gone."""
        subject = self._open.get((key.subject_id, key.anchor_no))
        step = self._step(subject, key.step_key) if subject is not None else None
        if subject is None or step is None:
            return None
        past = self._case.decisions.get(key)
        policy = self._rules.policy_of(subject.loan.lender_id)
        zone = self._case.zone or subject.lender_zone
        at = past.occurs_at if past is not None else occurs_at(step, subject, zone, None)
        return Candidate(subject, step, at, policy)

    def _step(self, subject: Subject, step_key: str) -> Step | None:
        """Return the step of that key in the policy in force, also where it goes by another name now."""
        steps = self._rules.policy_of(subject.loan.lender_id).steps_of(subject)
        for step in steps:
            if step.key == step_key:
                return step
        renamed = next((step for step in steps if step_key in step.replaces), None)
        return None if renamed is None else replace(renamed, key=step_key, replaces=())
