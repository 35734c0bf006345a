"""Contacts made earlier, looked at again: what may still leave, what is taken back, and which rung comes next."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.domain.candidates import occurs_at
from app.domain.cases import DecisionKey, PastContact, PastMessage, Subject
from app.domain.checks import arm_of, person_stop, stops_of
from app.domain.decided import LOOK_AGAIN, Cancelled, Candidate, FurtherRung, Standing
from app.domain.ladders import first_stop
from app.domain.policies import OUTWARD_CHANNELS, Step
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date

if TYPE_CHECKING:
    from app.domain.decisions import Decider

_WAITING = frozenset({"queued", "stale", "sending"})
_LOST = frozenset({"failed", "cancelled", "expired"})


class ContactReviews:
    """The earlier contacts of one case in one run of `decide`."""

    def __init__(self, decider: "Decider") -> None:
        self._decider = decider
        self._case, self._rules, self._now = decider.case, decider.rules, decider.now
        self.standing: list[Standing] = []
        self.cancelled: list[Cancelled] = []
        self.settled: list[str] = []
        self.rungs: list[FurtherRung] = []
        subjects = self._case.subjects
        self._open = {(s.subject_id, s.anchor_no): s for s in subjects if s.speaks}
        self._open_ids = {subject.subject_id for subject in self._open.values()}
        self._closed = {(s.subject_id, s.anchor_no): s for s in subjects if not s.speaks}

    def run(self) -> None:
        """Look at every contact that is not settled."""
        for contact in self._case.contacts:
            if contact.subject_keys:
                self._review(contact)

    def release_deferred(self) -> None:
        """A deferred decision ends here if its subject is closed by now, or its step is no longer part of the policy."""
        for key, past in self._case.decisions.items():
            if past.outcome is not Outcome.DEFERRED:
                continue
            subject = self._open.get((key.subject_id, key.anchor_no))
            if subject is None:
                self._decider.say_again(key, Outcome.SUPPRESSED, self._closed_reason((key,)))
            elif self._step(subject, key.step_key) is None:
                self._decider.say_again(key, Outcome.SUPPRESSED, Reason.RULES_CHANGED)

    # -- what waits to leave -------------------------------------------------------------------------------------------

    def _review(self, contact: PastContact) -> None:
        """Check a contact again: nothing leaves for what is closed, for someone who must not be contacted, or at night."""
        if not any(key.subject_id in self._open_ids for key in contact.subject_keys):
            self.settled.append(contact.contact_id)
        if not contact.waiting:
            self._climb_on(contact)
            return
        about = [subject for key in contact.subject_keys if (subject := self._open.get((key.subject_id, key.anchor_no)))]
        reason = self._person_reason(contact) if about else self._closed_reason(contact.subject_keys)
        if reason is not None:
            self._take_back(contact, reason)
        else:
            reason = self._reach_reason(contact) or self._stand(contact, about)  # if not None, what the app shows stands
        if reason is None:
            self._wake_for_next_rung(contact)
        else:
            self.cancelled.append(Cancelled(contact.contact_id, reason, frees_slot=not contact.tried))
            if not contact.tried:
                self._decider.ladders.freed.add(contact.contact_id)

    def _wake_for_next_rung(self, contact: PastContact) -> None:
        """While something of it waits to leave, its next rung is looked at later all the same."""
        lead = self._lead(contact)
        due_at = None if lead is None else self._rung_due_at(contact, lead)
        if due_at is not None:
            self._decider.wakes.append(max(due_at, self._now + LOOK_AGAIN) if due_at <= self._now else due_at)

    def _person_reason(self, contact: PastContact) -> Reason | None:
        """Why nothing may be said by now about anything that this contact was about; None: something may."""
        reasons: list[Reason] = []
        for candidate in self._candidates(contact):
            stop = person_stop(candidate, self._case, self._now)
            if stop is None:
                return None
            reasons.append(stop.reason)
        return reasons[0] if reasons else None

    def _reach_reason(self, contact: PastContact) -> Reason | None:
        """Why no waiting message of it can reach the borrower any more."""
        waiting = [
            message.channel for message in contact.messages if message.state in _WAITING and message.channel != "in_app"
        ]
        reasons = [self._case.block_of(channel) for channel in waiting or ["push"]]
        return reasons[0] if all(reason is not None for reason in reasons) else None

    def _stand(self, contact: PastContact, about: Sequence[Subject]) -> Reason | None:
        """Let a contact wait on where the borrower is by now, or say why it cannot."""
        decider = self._decider
        zones = decider.zones(about)
        candidates = self._candidates(contact)
        policy = candidates[0].policy if candidates else self._rules.policy_of(about[0].loan.lender_id)
        if decider.allowed_at(policy, zones) != self._now:
            return Reason.QUIET_HOURS
        today = business_date(self._now, zones[0])
        if business_date(contact.created_at, zones[0]) != today:
            return Reason.EXPIRED_WINDOW
        if contact.slot_no is not None:
            others = [c for c in decider.made_on(today, zones[0]) if c.contact_id != contact.contact_id]
            if len(others) >= policy.contacts_per_day:
                return Reason.CAP_PERSON
        reason = self._law_reason(contact, candidates)
        if reason is not None:
            return reason
        self.standing.append(Standing(contact.contact_id, decider.window_end(policy, zones)))
        return None

    def _law_reason(self, contact: PastContact, candidates: Sequence[Candidate]) -> Reason | None:
        """Why the law does not allow what waits; its own waiting messages do not count against it."""
        ladders, law = self._decider.ladders, self._decider.law
        for message in contact.messages:
            if message.state not in _WAITING or message.channel == "in_app":
                continue
            for candidate in candidates:
                info, _ = ladders.template(candidate.step.template, message.channel)
                info = ladders.content(candidate.step.template, message.channel, info)
                stop = law.ask(candidate, message.channel, info, without=message.at).stop
                if stop is not None:
                    return stop.reason
        return None

    def _take_back(self, contact: PastContact, reason: Reason) -> None:
        for key in contact.subject_keys:
            past = self._case.decisions.get(key)
            if past is not None and past.contact_id == contact.contact_id:
                self._decider.say_again(key, Outcome.SUPPRESSED, reason)

    def _closed_reason(self, keys: Iterable[DecisionKey]) -> Reason:
        for key in keys:
            subject = self._closed.get((key.subject_id, key.anchor_no))
            if subject is not None:
                return subject.held_reason or subject.closed_reason
            if key.subject_id in self._open_ids:
                return Reason.REANCHORED
            past = self._case.decisions.get(key)
            if past is not None and past.loan_id in self._case.ended_loans:
                return self._case.ended_loans[past.loan_id]
        return Reason.PAID

    # -- further rungs -------------------------------------------------------------------------------------------------

    def _climb_on(self, contact: PastContact) -> None:
        """Use the next rungs of a contact when their time has come and the one before was not seen."""
        lead = self._lead(contact)
        if lead is None or contact.rungs_done >= len(lead.step.ladder):
            return
        due_at = self._rung_due_at(contact, lead)
        if due_at is None:
            return
        if self._now < due_at:
            self._decider.wakes.append(due_at)
            return
        if self._now >= lead.expires_at:
            return
        rung = lead.step.ladder[contact.rungs_done]
        if _was_noticed(contact, rung.unless):
            self._finish(contact, lead, Reason.SEEN, rung.channel)
            return
        if any(message.state in _WAITING for message in contact.messages if message.channel != "in_app"):
            self._decider.wakes.append(min(self._now + LOOK_AGAIN, lead.expires_at))
            return
        stops = stops_of(lead, self._case, self._rules, self._now)
        if stops:
            self._finish(contact, lead, stops[0].reason, rung.channel, stops[0].rule)
            return
        self._use_next(contact, lead)

    def _use_next(self, contact: PastContact, lead: Candidate) -> None:
        decider = self._decider
        zones = decider.zones([lead.subject])
        allowed_at = decider.allowed_at(lead.policy, zones)
        if allowed_at != self._now:
            if allowed_at is not None and allowed_at < lead.expires_at:
                decider.wakes.append(allowed_at)
            else:
                self._finish(contact, lead, Reason.QUIET_HOURS, lead.step.ladder[contact.rungs_done].channel, "quiet_hours")
            return
        arm = arm_of(lead, self._case)
        template = (arm.template if arm else None) or lead.step.template
        ladder = decider.ladders.climb(lead, template, start=contact.rungs_done, zone=zones[0])
        if ladder.wait is not None and ladder.wait[1].until is not None:
            decider.wakes.append(ladder.wait[1].until)
            return
        if not ladder.usable:
            found = first_stop(ladder.stops)
            channel, stop = found if found is not None else ("", None)
            reason = stop.reason if stop is not None else Reason.NO_ENDPOINT
            self._finish(contact, lead, reason, channel, stop.rule if stop else None, rungs_done=ladder.rungs_done)
            return
        about = (lead, *(c for c in self._candidates(contact) if c.key != lead.key))
        messages = decider.messages(lead, ladder, template, zones, about)
        self.rungs.append(FurtherRung(contact.contact_id, about, messages, template, ladder.rungs_done, self._now))
        decider.count(about, messages)
        decider.say_again(
            lead.key, Outcome.SENT, Reason.FALLBACK_RUNG, note=True,
            channels=tuple(made.channel for made in messages), not_before=self._now, facts=ladder.blocks(),
        )  # fmt: skip
        next_at = self.next_rung_at(lead, ladder.rungs_done, self._now, reached_out=ladder.reaches_out)
        if next_at is not None:
            decider.wakes.append(next_at)

    def _finish(
        self, contact: PastContact, lead: Candidate, reason: Reason, channel: str, rule: str | None = None,
        *, rungs_done: int | None = None,
    ) -> None:  # fmt: skip
        """No further rung: say why, once."""
        done = len(lead.step.ladder) if rungs_done is None else rungs_done
        self.rungs.append(FurtherRung(contact.contact_id, (lead,), (), "", done, self._now))
        self._decider.say_again(
            lead.key, Outcome.SENT, reason, rule=rule, note=True, channels=(channel,) if channel else (),
            facts={"rung": "not used"},
        )  # fmt: skip

    def next_rung_at(self, lead: Candidate, rungs_done: int, since: datetime, *, reached_out: bool) -> datetime | None:
        """Return when the next rung's time comes, or None when there is none or it would be too late."""
        if rungs_done >= len(lead.step.ladder) or not reached_out:
            return None
        after = lead.step.ladder[rungs_done].after
        due_at = since + after if after is not None else since
        return due_at if due_at < lead.expires_at else None

    def _rung_due_at(self, contact: PastContact, lead: Candidate) -> datetime | None:
        outward = [message for message in contact.messages if message.channel in OUTWARD_CHANNELS]
        if not outward:
            return None
        last = max(outward, key=lambda message: (message.rung_no, message.at))
        rung_messages = [message for message in outward if message.rung_no == last.rung_no]
        if all(message.state in _LOST for message in rung_messages):
            return self._now  # it did not go out: the next rung has nothing to wait for
        return self.next_rung_at(lead, contact.rungs_done, last.at, reached_out=True)

    def _lead(self, contact: PastContact) -> Candidate | None:
        """Return what the contact was mainly about, if that is still open and its step still part of the policy."""
        for key in contact.subject_keys:
            past = self._case.decisions.get(key)
            if past is not None and past.contact_id == contact.contact_id and past.outcome is Outcome.SENT:
                return self._candidate(key)
        return None

    def _candidates(self, contact: PastContact) -> list[Candidate]:
        return [found for key in contact.subject_keys if (found := self._candidate(key)) is not None]

    def _candidate(self, key: DecisionKey) -> Candidate | None:
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
        policy = self._rules.policy_of(subject.loan.lender_id)
        return next((step for step in policy.steps if step.key == step_key), None)


def _was_noticed(contact: PastContact, unless: str) -> bool:
    """Whether what went out was seen (or, where that is enough, delivered) by now."""

    def noticed(message: PastMessage) -> bool:
        return message.seen or (unless == "delivered" and message.state == "delivered" and message.channel != "in_app")

    return any(noticed(message) for message in contact.messages)
