"""Contacts made earlier, looked at again: what may still leave, what is taken back, and which rung comes next."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.domain.candidates import occurs_at
from app.domain.cases import DecisionKey, PastContact, PastMessage, Subject
from app.domain.checks import arm_of, stops_of
from app.domain.decided import LOOK_AGAIN, Cancelled, Candidate, FurtherRung, Standing, Stop
from app.domain.ladders import WAITING, Ladder, first_stop
from app.domain.policies import OUTWARD_CHANNELS, Step
from app.domain.reasons import Outcome, Reason
from app.domain.times import business_date

if TYPE_CHECKING:
    from app.domain.decisions import Decider

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
        self._names = {s.subject_id: (s.loan.lender_code, s.loan_no, s.row_no) for s in subjects}
        self._open = {(s.subject_id, s.anchor_no): s for s in subjects if s.speaks}
        self._open_ids = {subject.subject_id for subject in self._open.values()}
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
            elif all(step.key != key.step_key for step in self._rules.policy_of(subject.loan.lender_id).steps):
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
        if not any(key.subject_id in self._open_ids for key in contact.subject_keys):
            self.settled.append(contact.contact_id)
        if not contact.waiting:
            self._climb_on(contact)
            return
        about = [subject for key in contact.subject_keys if (subject := self._open.get((key.subject_id, key.anchor_no)))]
        reason = self._stopped_reason(contact) if about else self.closed_reason(contact.subject_keys)
        lead = self._lead(contact)
        if reason is not None:
            self._take_back(contact, reason)
            lead = None
        else:
            reason = self._noticed_reason(contact, lead)
            if reason is not None:
                lead = None
            else:
                reason = self._stand(contact, about)  # if not None, what the app shows stands
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
        due_at = self._now if is_cancelled else self._rung_due_at(contact, lead)
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
        if not all(_was_noticed(contact, rung.unless) for rung in rungs):
            return None
        self._finish(contact, lead, Reason.SEEN, rungs[0].channel)
        return Reason.SEEN

    def _stopped_reason(self, contact: PastContact) -> Reason | None:
        """Why nothing may be said by now about anything that this contact was about; None: something may."""
        reasons: list[Reason] = []
        for candidate in self._candidates(contact):
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
            template = self._template(candidate)
            info, stop = ladders.template(template, message.channel)
            stop = stop or ladders.reach(candidate, message.channel, zone, besides=contact.contact_id)
            stop = stop or ladders.law_stop(candidate, message.channel, template, info, without=message.at)
            if stop is not None:
                return stop
        return None

    def _stand(self, contact: PastContact, about: Sequence[Subject]) -> Reason | None:
        """Let a contact wait on where the borrower is by now, or say why it cannot."""
        decider = self._decider
        zones = decider.times.zones(about)
        candidates = self._candidates(contact)
        policies = [candidate.policy for candidate in candidates]
        if any(decider.times.allowed_at(each, zones) != self._now for each in policies):
            return Reason.QUIET_HOURS
        takes_place = candidates[0].step.is_capped and not contact.has_left
        reason = self._day_reason(contact, candidates[0], zones[0]) if takes_place else None
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
                template = self._template(candidate)
                info = decider.ladders.content(template, channel, decider.ladders.template(template, channel)[0])
                end = min(end, decider.law.closes_at(candidate, channel, info, end))
        self.standing.append(Standing(contact.contact_id, end))
        return None

    def _day_reason(self, contact: PastContact, lead: Candidate, zone: str) -> Reason | None:
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

    def _take_back(self, contact: PastContact, reason: Reason) -> None:
        """Say why what waits does not leave: the outcome, unless a message before it has reached out already."""
        for key in contact.subject_keys:
            past = self._case.decisions.get(key)
            if past is None or past.contact_id != contact.contact_id:
                continue
            if contact.has_left:
                self._decider.said.say_again(key, past.outcome, reason, note=True, facts={"rung": "not used"})
            else:
                self._decider.said.say_again(key, Outcome.SUPPRESSED, reason)

    def gone_reason(self, key: DecisionKey) -> Reason:
        """Why there is nothing to be done about a key any more: its subject is closed, or its step is not in the policy."""
        is_open = (key.subject_id, key.anchor_no) in self._open
        return Reason.RULES_CHANGED if is_open else self.closed_reason((key,))

    def closed_reason(self, keys: Iterable[DecisionKey]) -> Reason:
        """Why what was spoken of is closed: the first of these keys that says so."""
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
            self._decider.said.wakes.append(due_at)
            return
        if self._now >= lead.expires_at:
            return
        rung = lead.step.ladder[contact.rungs_done]
        if _was_noticed(contact, rung.unless):
            self._finish(contact, lead, Reason.SEEN, rung.channel)
            return
        if any(message.state in WAITING for message in contact.messages if message.channel != "in_app"):
            self._decider.said.wakes.append(min(self._now + LOOK_AGAIN, lead.expires_at))
            return
        stops = stops_of(lead, self._case, self._rules, self._now)
        if stops:
            self._finish(contact, lead, stops[0].reason, rung.channel, stops[0].rule)
            return
        self._use_next(contact, lead)

    def _use_next(self, contact: PastContact, lead: Candidate) -> None:
        decider = self._decider
        zones = decider.times.zones([lead.subject])
        allowed_at = decider.times.allowed_at(lead.policy, zones)
        if allowed_at != self._now:
            if allowed_at is not None and allowed_at < lead.expires_at:
                decider.said.wakes.append(allowed_at)
            else:
                self._finish(contact, lead, Reason.QUIET_HOURS, lead.step.ladder[contact.rungs_done].channel, "quiet_hours")
            return
        full = self._no_room(contact, lead, zones[0])
        if full is not None:
            self._finish(contact, lead, full, lead.step.ladder[contact.rungs_done].channel)
            return
        template = self._template(lead)
        ladder = decider.ladders.climb(lead, template, start=contact.rungs_done, zone=zones[0])
        if ladder.wait is not None and ladder.wait[1].until is not None:
            decider.said.wakes.append(ladder.wait[1].until)
            return
        if not ladder.usable:
            found = first_stop(ladder.stops)
            channel, stop = found if found is not None else ("", None)
            reason = stop.reason if stop is not None else Reason.NO_ENDPOINT
            self._finish(contact, lead, reason, channel, stop.rule if stop else None, rungs_done=ladder.rungs_done)
            return
        others = [candidate for candidate in self._candidates(contact) if candidate.key != lead.key]
        about = (lead, *(candidate for candidate in others if self._joins(candidate, ladder, template, zones)))
        messages = decider.messages(lead, ladder, template, zones, about)
        self.rungs.append(FurtherRung(contact.contact_id, about, messages, template, ladder.rungs_done, self._now))
        decider.count(about, messages)
        decider.said.say_again(
            lead.key, Outcome.SENT, Reason.FALLBACK_RUNG, note=True,
            channels=tuple(made.channel for made in messages), not_before=self._now, facts=ladder.blocks(),
        )  # fmt: skip
        next_at = self.next_rung_at(lead, ladder.rungs_done, self._now, reached_out=ladder.reaches_out)
        if next_at is not None:
            decider.said.wakes.append(next_at)

    def _no_room(self, contact: PastContact, lead: Candidate, zone: str) -> Reason | None:
        """Why a rung cannot be the first that reaches out of a contact that counts for a day, or None.

        Rungs after one that has left use no place; where none has, the place is that of the contact, on its own day.
        """
        if contact.reached_out or not lead.step.is_capped:
            return None
        has_place = contact.slot_no is not None and contact.contact_id not in self._decider.ladders.freed
        return self._day_reason(contact, lead, zone) or (None if has_place else Reason.CAP_PERSON)

    def _joins(self, candidate: Candidate, ladder: Ladder, template: str, zones: tuple[str, ...]) -> bool:
        """Whether what was carried along may still be spoken of: nothing speaks against it, and the law allows it."""
        if self._now >= candidate.expires_at or stops_of(candidate, self._case, self._rules, self._now):
            return False
        decider = self._decider
        if decider.times.allowed_at(candidate.policy, zones) != self._now:
            return False
        ladders = decider.ladders
        return all(
            usable.channel == "in_app"
            or not (
                ladders.reach(candidate, usable.channel, zones[0])
                or ladders.law_stop(candidate, usable.channel, template, usable.info)
            )
            for usable in ladder.usable
        )

    def _template(self, candidate: Candidate) -> str:
        """The template of a candidate: that of its arm, else its step's."""
        arm = arm_of(candidate, self._case)
        return (arm.template if arm else None) or candidate.step.template

    def _finish(
        self, contact: PastContact, lead: Candidate, reason: Reason, channel: str, rule: str | None = None,
        *, rungs_done: int | None = None,
    ) -> None:  # fmt: skip
        """No further rung: say why, once."""
        done = len(lead.step.ladder) if rungs_done is None else rungs_done
        self.rungs.append(FurtherRung(contact.contact_id, (lead,), (), "", done, self._now))
        self._decider.said.say_again(
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
                return self.candidate(key)
        return None

    def _candidates(self, contact: PastContact) -> list[Candidate]:
        return [found for key in contact.subject_keys if (found := self.candidate(key)) is not None]

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
        policy = self._rules.policy_of(subject.loan.lender_id)
        for step in policy.steps:
            if step.key == step_key:
                return step
        renamed = next((step for step in policy.steps if step_key in step.replaces), None)
        return None if renamed is None else replace(renamed, key=step_key, replaces=())


def _was_noticed(contact: PastContact, unless: str) -> bool:
    """Whether what went out was seen (or, where that is enough, delivered) by now."""

    def noticed(message: PastMessage) -> bool:
        return message.seen or (unless == "delivered" and message.state == "delivered" and message.channel != "in_app")

    return any(noticed(message) for message in contact.messages)
