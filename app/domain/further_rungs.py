"""Further rungs: which messages follow those of a contact that went out before, and when."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from app.domain.cases import PastContact, PastMessage
from app.domain.checks import stops_of, template_of
from app.domain.decided import LOOK_AGAIN, Candidate, FurtherRung
from app.domain.ladders import WAITING, Ladder, first_stop
from app.domain.policies import OUTWARD_CHANNELS
from app.domain.reasons import Outcome, Reason

if TYPE_CHECKING:
    from app.domain.contact_reviews import ContactReviews
    from app.domain.decisions import Decider

_LOST = frozenset({"failed", "cancelled", "expired"})


class FurtherRungs:
    """The ladders of the earlier contacts of one case in one run of `decide`."""

    def __init__(self, decider: "Decider", reviews: "ContactReviews") -> None:
        self._decider, self._reviews = decider, reviews
        self._case, self._rules, self._now = decider.case, decider.rules, decider.now
        self.made: list[FurtherRung] = []

    def climb_on(self, contact: PastContact) -> None:
        """Use the next rungs of a contact when their time has come and the one before was not seen."""
        lead = self._reviews.lead(contact)
        if lead is None:
            return
        contact = self._on_ladder(contact, lead)
        if contact.rungs_done >= len(lead.step.ladder):
            return
        due_at = self.due_at(contact, lead)
        if due_at is None:
            return
        if self._now < due_at:
            self._decider.said.wakes.append(due_at)
            return
        if self._now >= lead.expires_at:
            return
        rung = lead.step.ladder[contact.rungs_done]
        if was_noticed(contact, rung.unless):
            self.finish(contact, lead, Reason.SEEN, rung.channel)
            return
        if any(message.state in WAITING for message in contact.messages if message.channel != "in_app"):
            self._decider.said.wakes.append(min(self._now + LOOK_AGAIN, lead.expires_at))
            return
        stops = stops_of(lead, self._case, self._rules, self._now)
        if stops:
            self.finish(contact, lead, stops[0].reason, rung.channel, stops[0].rule)
            return
        self._use_next(contact, lead)

    def climb_again(self, contact: PastContact) -> None:
        """Use the rungs anew that waited and were taken back, about what is left to speak of."""
        waiting = [message.rung_no for message in contact.messages if message.waits]
        if waiting:
            messages = tuple(replace(each, state="cancelled") if each.waits else each for each in contact.messages)
            self.climb_on(replace(contact, rungs_done=min(waiting), messages=messages, waiting=False))

    def _on_ladder(self, contact: PastContact, lead: Candidate) -> PastContact:
        """The contact at its place on the ladder of what leads it by now.

        What was carried along has a ladder of its own, which says how far one goes for it. What has reached the borrower on
        a channel of that ladder was about it too, so it stands beyond; and never lower than the contact stands already:
        where the two ladders differ it is followed up less rather than twice.
        """
        if self._case.decisions[lead.key].outcome is Outcome.SENT:
            return contact
        used = {message.channel for message in contact.messages if message.state not in _LOST}
        beyond = [number + 1 for number, rung in enumerate(lead.step.ladder) if rung.channel in used]
        return replace(contact, rungs_done=max([contact.rungs_done, *beyond]))

    def _use_next(self, contact: PastContact, lead: Candidate) -> None:
        decider = self._decider
        zones = decider.times.zones([lead.subject])
        allowed_at = decider.times.allowed_at(lead.policy, zones)
        if allowed_at != self._now:
            if allowed_at is not None and allowed_at < lead.expires_at:
                decider.said.wakes.append(allowed_at)
            else:
                self.finish(contact, lead, Reason.QUIET_HOURS, lead.step.ladder[contact.rungs_done].channel, "quiet_hours")
            return
        full = self._no_room(contact, lead, zones[0])
        if full is not None:
            self.finish(contact, lead, full, lead.step.ladder[contact.rungs_done].channel)
            return
        template = template_of(lead, self._case)
        ladder = decider.ladders.climb(lead, template, start=contact.rungs_done, zone=zones[0])
        if ladder.wait is not None and ladder.wait[1].until is not None:
            decider.said.wakes.append(ladder.wait[1].until)
            return
        if not ladder.usable:
            found = first_stop(ladder.stops)
            channel, stop = found if found is not None else ("", None)
            reason = stop.reason if stop is not None else Reason.NO_ENDPOINT
            self.finish(contact, lead, reason, channel, stop.rule if stop else None, rungs_done=ladder.rungs_done)
            return
        others = [candidate for candidate in self._reviews.candidates(contact) if candidate.key != lead.key]
        about = (lead, *(candidate for candidate in others if self._joins(candidate, ladder, template, zones)))
        messages = decider.messages(lead, ladder, template, zones, about)
        self.made.append(FurtherRung(contact.contact_id, about, messages, template, ladder.rungs_done, self._now))
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
        return self._reviews.day_reason(contact, lead, zone) or (None if has_place else Reason.CAP_PERSON)

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

    def finish(
        self, contact: PastContact, lead: Candidate, reason: Reason, channel: str, rule: str | None = None,
        *, rungs_done: int | None = None,
    ) -> None:  # fmt: skip
        """No further rung: say why, once."""
        done = max(len(lead.step.ladder), contact.rungs_done) if rungs_done is None else rungs_done
        self.made.append(FurtherRung(contact.contact_id, (lead,), (), "", done, self._now))
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

    def due_at(self, contact: PastContact, lead: Candidate) -> datetime | None:
        """Return when the next rung of a contact has its time; None: nothing of it reached out, or there is no next one."""
        outward = [message for message in contact.messages if message.channel in OUTWARD_CHANNELS]
        if not outward:
            return None
        last = max(outward, key=lambda message: (message.rung_no, message.at))
        rung_messages = [message for message in outward if message.rung_no == last.rung_no]
        if all(message.state in _LOST for message in rung_messages):
            return self._now  # it did not go out: the next rung has nothing to wait for
        return self.next_rung_at(lead, contact.rungs_done, last.at, reached_out=True)


def was_noticed(contact: PastContact, unless: str) -> bool:
    """Whether what went out was seen (or, where that is enough, delivered) by now."""

    def noticed(message: PastMessage) -> bool:
        return message.seen or (unless == "delivered" and message.state == "delivered" and message.channel != "in_app")

    return any(noticed(message) for message in contact.messages)
