"""`decide`: who is contacted now, about what and on which channels, and the reason for every candidate, sent or not.

Pure: the same case, rules and instant give the same answer in the live loop, in an explanation and in a rehearsal. It never
sees provider health or rates; those act at dispatch. Order of the checks: closed, expired, what speaks against it
(checks.py: policy, money, person, feed, audience), superseded by a higher step, arms, quiet hours, the ladder with the law,
caps. The first that fails decides; of what speaks against it the others are named beside the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from app.domain.candidates import reached
from app.domain.cases import INSTALMENT, PROMISE, Attempt, Case, PastContact
from app.domain.checks import Arm, arm_of, next_hold_at, stops_of, template_of
from app.domain.contact_law import ContactLaw
from app.domain.contact_reviews import ContactReviews
from app.domain.contact_times import ContactTimes
from app.domain.decided import (
    Candidate,
    Decided,
    Made,
    NewContact,
    NewTask,
    Stop,
    Verdict,
)
from app.domain.ladders import Ladder, LadderChecks, first_stop, made_on
from app.domain.law.results import Topic
from app.domain.policies import Policy, Rules
from app.domain.reasons import Outcome, Reason
from app.domain.tasks import add_law_tasks, make_task, withdrawn_tasks
from app.domain.times import business_date
from app.domain.verdict_book import VerdictBook

__all__ = ["Candidate", "Decided", "NewContact", "Verdict", "decide"]


def decide(case: Case, rules: Rules, now: datetime) -> Decided:
    """Decide everything about one borrower that is due at `now`, and say when to look again."""
    return Decider(case, rules, now).run()


@dataclass(slots=True)
class Ready:
    """A candidate that may be contacted about, with what its ladder allows now."""

    candidate: Candidate
    ladder: Ladder
    template: str
    arm: Arm | None


class Decider:
    """One run of `decide`; gathers verdicts on the way."""

    def __init__(self, case: Case, rules: Rules, now: datetime) -> None:
        self.case, self.rules, self.now = case, rules, now
        self.law = ContactLaw(case, rules, now)
        self.ladders = LadderChecks(case, rules, self.law, now)
        self.said = VerdictBook(case, rules, now)
        self.times = ContactTimes(case, now)
        self.contacts: list[NewContact] = []
        self.tasks: list[NewTask] = []
        self.reviews = ContactReviews(self)

    def run(self) -> Decided:
        """Look at what was decided before, then at what is due now."""
        self.reviews.run()
        self.reviews.release_deferred()
        self.said.wakes += [hold.from_at for hold in self.case.holds if hold.from_at > self.now]
        candidates = list(self.reviews.lost.anew)
        for subject in self.case.subjects:
            found = reached(self.case, subject, self.rules, self.now)
            candidates += found.candidates
            if found.next_at is not None:
                self.said.wakes.append(found.next_at)
        live = self._drop_superseded(self._drop_stopped(self._drop_expired(self._drop_closed(candidates))))
        if live:
            self._act(live)
        return Decided(
            tuple(self.said.verdicts),
            tuple(self.contacts),
            tuple(self.reviews.standing),
            tuple(self.reviews.cancelled),
            tuple(self.reviews.settled),
            min(self.said.wakes, default=None),
            tuple(self.reviews.further.made),
            tuple(self.tasks),
            withdrawn_tasks(self),
            tuple(self.reviews.lost.retold),
        )

    # -- candidates ----------------------------------------------------------------------------------------------------

    def _drop_closed(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        live: list[Candidate] = []
        for candidate in candidates:
            closed_at = candidate.subject.closed_at
            if candidate.subject.held_reason is not None:
                self.said.say(candidate, Outcome.SUPPRESSED, candidate.subject.held_reason)
            elif closed_at is None:
                live.append(candidate)
            elif candidate.occurs_at < closed_at:
                self.said.say(candidate, Outcome.SUPPRESSED, candidate.subject.closed_reason)
        return live

    def _drop_expired(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        live: list[Candidate] = []
        for candidate in candidates:
            if self.now >= candidate.expires_at:
                self.said.say(candidate, Outcome.EXPIRED, Reason.EXPIRED_WINDOW, rule="expires_after")
            else:
                live.append(candidate)
        return live

    def _drop_superseded(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Of several steps about one instalment at once the highest wins: of messages, of each kind of task and notice.

        Only what nothing speaks against takes part: a step that is not for this borrower makes no other one give way.
        """
        candidates = list(candidates)
        highest: dict[tuple[str, int, str], Candidate] = {}
        for candidate in candidates:
            kept = highest.get(_line(candidate))
            if kept is None or candidate.step.offset_days >= kept.step.offset_days:
                highest[_line(candidate)] = candidate
        live = list(highest.values())
        for candidate in candidates:
            winner = highest[_line(candidate)]
            if winner is not candidate:
                facts = {"by_step": winner.step.key}
                self.said.say(candidate, Outcome.SUPPRESSED, Reason.STEP_SUPERSEDED, rule="highest_step", facts=facts)
        return live

    def _drop_stopped(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        live: list[Candidate] = []
        for candidate in candidates:
            stops = stops_of(candidate, self.case, self.rules, self.now)
            if not stops:
                live.append(candidate)
                continue
            first, *others = stops
            facts = {**first.facts, "also": [str(stop.reason) for stop in others]}
            law = self._law_behind(candidate) if first.is_personal else None
            if law is not None:
                facts["check"] = first.rule
            self.said.say(candidate, Outcome.SUPPRESSED, first.reason, rule=law or first.rule, facts=facts)
        return live

    def _law_behind(self, candidate: Candidate) -> str | None:
        """Return the rule of law that a hold or a flag rests on, by the way the step would have taken, or None."""
        action = candidate.step.action
        ways = [rung.channel for rung in candidate.step.ladder if rung.channel != "in_app"] or ["in_app"]
        if action is not None:
            ways = ["voice" if action.kind == "call" else "letter"]
        return self.law.ask(candidate, ways[0], None, manual=action is not None).rule_on(Topic.STANDING)

    # -- what is left --------------------------------------------------------------------------------------------------

    def _act(self, live: list[Candidate]) -> None:
        live.sort(key=lambda candidate: candidate.rank)
        zones = self.times.zones([candidate.subject for candidate in live])
        messages = [candidate for candidate in live if candidate.step.action is None]
        for candidate in messages:
            if not candidate.step.is_capped:  # first: no reminder takes the place that the law's caps leave for a notice
                self._send_alone(candidate, zones)
        for kind in (
            PROMISE,
            INSTALMENT,
        ):  # promises first; one text cannot say what is promised and what is owed in one sum
            self._consolidate([c for c in messages if c.step.is_capped and c.subject.kind == kind], zones)
        for candidate in live:
            if candidate.step.action is not None:
                make_task(self, candidate, zones)

    def _consolidate(self, live: Sequence[Candidate], zones: tuple[str, ...]) -> None:
        """One contact for all that may be said today: the highest stage leads, the others are carried along.

        What the highest stages only put into the app is shown by itself: it must not keep the next one from reaching out.
        """
        today = business_date(self.now, zones[0])
        ready = [
            one
            for candidate in live
            if (one := self._prepare(candidate, zones)) is not None and self._has_room(one, today, zones[0])
        ]
        outward = next((no for no, one in enumerate(ready) if one.ladder.reaches_out), len(ready))
        for lead, *others in filter(None, (ready[:outward], ready[outward:])):
            joined = [one for one in others if self._joins(one, lead, zones[0])]
            slot_no = self._free_slot(lead.candidate.policy, today, zones[0]) if lead.ladder.reaches_out else None
            self._make(lead, joined, zones, today, slot_no)

    def _send_alone(self, candidate: Candidate, zones: tuple[str, ...]) -> None:
        """A message that no cap of the policy waits for: a notice of law, a message that runs the loan."""
        one = self._prepare(candidate, zones)
        if one is not None:
            self._make(one, [], zones, business_date(self.now, zones[0]), None)

    def _prepare(self, candidate: Candidate, zones: tuple[str, ...]) -> Ready | None:
        """Return the candidate with what its ladder allows now; None where a verdict was said instead."""
        arm = arm_of(candidate, self.case)
        if arm is not None and arm.template is None:
            reason = Reason.HOLDOUT if arm.is_holdout else Reason.EXPERIMENT_CONTROL
            self.said.say(candidate, Outcome.HELD_OUT, reason, rule=arm.experiment, arm=arm)
            return None
        if self.is_quiet(candidate, zones, arm):
            return None
        template = template_of(candidate, self.case)
        ladder = self.ladders.climb(candidate, template, zone=zones[0])
        one = Ready(candidate, ladder, template, arm)
        if ladder.wait is not None:
            channel, stop = ladder.wait
            assert stop.until is not None
            self.said.defer(candidate, stop.until, stop.reason, stop.rule, arm, facts={**stop.facts, "channel": channel})
            return None
        if not ladder.usable:
            self._say_nothing_usable(one)
            return None
        return one

    def _say_nothing_usable(self, one: Ready) -> None:
        found = first_stop(one.ladder.stops)
        if found is None:
            self.say_ready(one, Outcome.UNREACHABLE, Stop(Reason.NO_ENDPOINT))
            return
        channel, stop = found
        add_law_tasks(self, one.candidate, one.ladder.tasks)
        is_reach = not stop.facts.get("law") and stop.reason not in (Reason.CAP_CHANNEL, Reason.AUDIENCE_NOT_MATCHED)
        outcome = Outcome.UNREACHABLE if is_reach else Outcome.SUPPRESSED
        if stop.until is not None and stop.until >= one.candidate.expires_at:
            outcome = Outcome.EXPIRED
        until = {"until": stop.until.isoformat()} if stop.until else {}
        self.say_ready(one, outcome, stop._replace(facts={**stop.facts, **until, "channel": channel}))

    def _has_room(self, one: Ready, today: date, zone: str) -> bool:
        """Whether the caps leave room for what reaches out; a verdict was said where they do not."""
        stop = self._cap_stop(one.candidate, today, zone) if one.ladder.reaches_out else None
        if stop is not None:
            self.say_ready(one, Outcome.SUPPRESSED, stop)
        return stop is None

    def _joins(self, one: Ready, lead: Ready, zone: str) -> bool:
        """Whether a candidate is carried along: law and caps allow to speak about it on the lead's channels too."""
        for usable in lead.ladder.usable:
            if usable.channel == "in_app":
                continue
            stop = self.ladders.speaks_stop(one.candidate, usable, lead.template, zone)
            if stop is not None:
                self.say_ready(one, Outcome.SUPPRESSED, stop._replace(facts={**stop.facts, "channel": usable.channel}))
                return False
        return True

    def _cap_stop(self, candidate: Candidate, today: date, zone: str) -> Stop | None:
        """Return the cap of its policy that leaves no room for one more contact today, or None."""
        for cap in candidate.policy.longer_caps:
            if cap.channel is None and self.ladders.is_full(cap, candidate, zone):
                return Stop(Reason.CAP_PERSON, cap.rule)
        if self._free_slot(candidate.policy, today, zone) is None:
            by_hand = any(contact.origin == "manual" for contact in self.made_on(today, zone))
            return Stop(Reason.ALREADY_CONTACTED_MANUALLY if by_hand else Reason.CAP_PERSON, "caps.borrower.P1D")
        return None

    def _make(self, lead: Ready, others: Sequence[Ready], zones: tuple[str, ...], today: date, slot_no: int | None) -> None:
        candidates = (lead.candidate, *(one.candidate for one in others))
        messages = self.messages(lead.candidate, lead.ladder, lead.template, zones, candidates)
        number = len(self.contacts)
        self.contacts.append(
            NewContact(
                today,
                zones,
                slot_no,
                lead.candidate,
                candidates[1:],
                messages,
                lead.template,
                lead.ladder.rungs_done,
                self.now,
                max(made.not_after for made in messages),
            )
        )
        self.count(candidates, messages)
        if slot_no is not None:
            self.ladders.contacts.append(frozenset(candidate.subject.loan_id for candidate in candidates))
        blocks: dict[str, object] = dict(lead.ladder.blocks())
        if lead.ladder.tasks:
            blocks["law_notes"] = sorted({f"{rule_id} {kind}" for rule_id, kind in lead.ladder.tasks})
        for one in (lead, *others):
            is_lead = one is lead
            self.said.say(
                one.candidate,
                Outcome.SENT if is_lead else Outcome.CONSOLIDATED,
                Reason.ON_SCHEDULE if is_lead else Reason.CONSOLIDATED_INTO,
                channels=tuple(made.channel for made in messages),
                not_before=self.now,
                contact_no=number,
                arm=one.arm,
                facts={**blocks, "open_minor": one.candidate.subject.open_minor},
            )
        next_rung = self.reviews.further.next_rung_at(
            lead.candidate, lead.ladder.rungs_done, self.now, reached_out=lead.ladder.reaches_out
        )
        if next_rung is not None:
            self.said.wakes.append(next_rung)

    # -- shared with the review of earlier contacts --------------------------------------------------------------------

    def messages(
        self, lead: Candidate, ladder: Ladder, template: str, zones: tuple[str, ...], about: Sequence[Candidate]
    ) -> tuple[Made, ...]:
        """Return the messages of the rungs that go out now, each with its end: expiry, quiet hours, hours of the law."""
        ends = [min(candidate.expires_at, self.free_until(candidate)) for candidate in about]
        end = min(*ends, self.times.window_end([candidate.policy for candidate in about], zones))
        made = []
        for usable in ladder.usable:
            until = end
            if usable.channel != "in_app":
                info = self.ladders.content(template, usable.channel, usable.info)
                until = min(self.law.closes_at(candidate, usable.channel, info, end) for candidate in about)
            made.append(Made(usable.channel, usable.rung_no, until))
        return tuple(made)

    def free_until(self, candidate: Candidate) -> datetime:
        """Return when a hold that is known already will begin to stop it; the end of all days: none will."""
        return next_hold_at(candidate, self.case, self.now) or datetime.max.replace(tzinfo=UTC)

    def count(self, about: Sequence[Candidate], messages: Sequence[Made]) -> None:
        """Count what is about to reach out for the caps of law."""
        loans = {candidate.subject.loan_id for candidate in about}
        debt = next(iter(loans)) if len(loans) == 1 else None
        self.law.count([Attempt(self.now, made.channel, debt=debt) for made in messages if made.channel != "in_app"])
        self.ladders.made += [(made.channel, frozenset(loans)) for made in messages]

    def is_quiet(self, candidate: Candidate, zones: tuple[str, ...], arm: Arm | None) -> bool:
        """Whether the policy's own hours do not allow it now; a verdict was said then."""
        allowed_at = self.times.allowed_at(candidate.policy, zones)
        if allowed_at == self.now:
            return False
        if allowed_at is None or allowed_at >= candidate.expires_at:
            self.said.say(candidate, Outcome.EXPIRED, Reason.QUIET_HOURS, rule="quiet_hours", arm=arm)
        else:
            self.said.defer(candidate, allowed_at, Reason.QUIET_HOURS, "quiet_hours", arm, {})
        return True

    def _free_slot(self, policy: Policy, today: date, zone: str) -> int | None:
        most = policy.contacts_per_day
        made = self.made_on(today, zone)
        if len(made) + len(self._taken_now) >= most:
            return None
        held = {contact.slot_no for contact in made if contact.local_date == today} | self._taken_now
        return next((slot for slot in range(1, most + 1) if slot not in held), None)

    @property
    def _taken_now(self) -> set[int]:
        """Places under the cap that contacts of this very run take: all of them are made for today."""
        return {contact.slot_no for contact in self.contacts if contact.slot_no is not None}

    def made_on(self, today: date, zone: str) -> list[PastContact]:
        """Return the contacts that count for a day (see `ladders.made_on`), less what this run took back."""
        return made_on(self.case.contacts, today, zone, self.ladders.freed)

    # -- saying --------------------------------------------------------------------------------------------------------

    def say_ready(self, one: Ready, outcome: Outcome, stop: Stop) -> None:
        """Say a verdict on a candidate whose ladder was looked at."""
        facts = {**one.ladder.blocks(), **stop.facts}
        self.said.say(one.candidate, outcome, stop.reason, rule=stop.rule, arm=one.arm, facts=facts)


def _line(candidate: Candidate) -> tuple[str, int, str]:
    """What competes for one instalment: messages with messages, notices of law, each kind of task with its own."""
    action = candidate.step.action
    line = action.kind if action else ("message" if candidate.step.is_capped else candidate.step.message_class)
    if candidate.step.message_class == "statutory":
        line = f"{line}/{candidate.step.notice_kind}"  # one notice of law does not stand for another
    return candidate.subject.subject_id, candidate.subject.anchor_no, line
