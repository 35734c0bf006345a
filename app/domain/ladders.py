"""Ladders: which rungs of a step can be used now, what stands in the way of the others, and when the next one may be."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from app.domain.audiences import ALWAYS
from app.domain.cases import Case, PastContact
from app.domain.checks import audience_facts
from app.domain.contact_law import ContactLaw
from app.domain.decided import Candidate, Stop
from app.domain.law.results import Topic
from app.domain.policies import OUTWARD_CHANNELS, Cap, Rules, TemplateInfo
from app.domain.reasons import Reason
from app.domain.times import business_date

_WAITS = frozenset({Reason.LEGAL_QUIET_HOURS, Reason.LEGAL_DAILY_CAP, Reason.LEGAL_WEEKLY_CAP, Reason.LEGAL_ANSWERED_TODAY})
"""Stops of law that end by themselves."""
_REFUSED = frozenset({Reason.OPTED_OUT, Reason.CONSENT_WITHDRAWN})
FALLBACK_LOCALE = "en"
WAITING = frozenset({"queued", "stale", "sending"})
"""States of a message that has not left yet, as far as is known."""


class Usable(NamedTuple):
    """A rung that can go out now."""

    channel: str
    rung_no: int
    info: TemplateInfo | None


@dataclass(slots=True)
class Ladder:
    """What can be done of a step's ladder now."""

    usable: list[Usable] = field(default_factory=list)
    stops: list[tuple[str, Stop]] = field(default_factory=list)
    """(channel, why not) of rungs that cannot be used."""
    rungs_done: int = 0
    """Rungs looked at, from the first; the next one waits for its time."""
    wait: tuple[str, Stop] | None = None
    """Set when nothing reaches out now but something will be allowed in time: (channel, the stop with its `until`)."""
    tasks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def reaches_out(self) -> bool:
        """Whether a rung beside the app's own inbox goes out now."""
        return any(each.channel in OUTWARD_CHANNELS for each in self.usable)

    def blocks(self) -> dict[str, str]:
        """What stands in the way, by channel: reason, and the rule where one says so; kept with the decision."""
        return {channel: f"{stop.reason} {stop.rule}" if stop.rule else str(stop.reason) for channel, stop in self.stops}


class LadderChecks:
    """Climbs ladders for one case in one run of `decide`."""

    def __init__(self, case: Case, rules: Rules, law: ContactLaw, now: datetime) -> None:
        self._case, self._rules, self._law, self._now = case, rules, law, now
        self.freed: set[str] = set()
        """Contacts whose places were given back in this run."""
        self.taken_back: set[str] = set()
        """Contacts of which what waits was taken back in this run."""
        self.made: list[tuple[str, frozenset[str]]] = []
        """(channel, loans) of the messages decided on in this run: caps on channels count them too."""
        self.contacts: list[frozenset[str]] = []
        """Loans of each contact that this run has made and that takes a place under the daily cap."""

    def climb(self, candidate: Candidate, template: str, *, start: int = 0, zone: str) -> Ladder:
        """Look at the rungs from `start` on until one has to wait for its time. The first one has waited already."""
        ladder = Ladder()
        waits: list[tuple[str, Stop]] = []
        has_reached_out = False
        for rung_no, rung in enumerate(candidate.step.ladder):
            if rung_no < start:
                continue
            if rung.after is not None and has_reached_out:
                break
            ladder.rungs_done = rung_no + 1
            if rung.only_if is not ALWAYS:
                failed = rung.only_if.failure(audience_facts(candidate, self._case))
                if failed is not None:
                    ladder.stops.append(
                        (rung.channel, Stop(Reason.AUDIENCE_NOT_MATCHED, "only_if", facts={"condition": failed}))
                    )
                    continue
            info, stop = self.template(template, rung.channel)
            stop = stop or self._with_law(candidate, rung.channel, self.reach(candidate, rung.channel, zone))
            if stop is None:
                info_read = self.content(template, rung.channel, info)
                answer = self._law.ask(candidate, rung.channel, info_read)
                ladder.tasks += answer.tasks
                stop = answer.stop or self._closing(candidate, rung.channel, info_read)
            if stop is None:
                ladder.usable.append(Usable(rung.channel, rung_no, info))
                has_reached_out = has_reached_out or rung.channel in OUTWARD_CHANNELS
                continue
            if stop.reason in _WAITS and stop.until is not None and stop.until < candidate.expires_at:
                waits.append((rung.channel, stop))
            ladder.stops.append((rung.channel, stop))
        if waits and not ladder.reaches_out:
            ladder.wait = min(waits, key=lambda each: each[1].until or self._now)
        return ladder

    def law_stop(
        self,
        candidate: Candidate,
        channel: str,
        template: str,
        info: TemplateInfo | None,
        *,
        without: datetime | None = None,
    ) -> Stop | None:
        """Return why the law does not allow a message about a candidate in a template's words, now and in time to leave.

        `without` as in `ContactLaw.ask`.
        """
        read = self.content(template, channel, info)
        return self._law.ask(candidate, channel, read, without=without).stop or self._closing(candidate, channel, read)

    def speaks_stop(self, candidate: Candidate, usable: Usable, template: str, zone: str) -> Stop | None:
        """Return why what goes out on a rung of another's ladder may not speak of a candidate too, or None."""
        for cap in candidate.policy.longer_caps if candidate.step.is_capped else ():
            if cap.channel in (None, usable.channel) and self.is_full(cap, candidate, zone):
                return Stop(Reason.CAP_CHANNEL if cap.channel else Reason.CAP_PERSON, cap.rule)
        return self.law_stop(candidate, usable.channel, template, usable.info)

    def _closing(self, candidate: Candidate, channel: str, info: TemplateInfo | None) -> Stop | None:
        return None if channel == "in_app" else self._law.closing(candidate, channel, info)

    def _with_law(self, candidate: Candidate, channel: str, stop: Stop | None) -> Stop | None:
        """Name the rule of law that an opt-out rests on."""
        if stop is None or stop.reason not in _REFUSED:
            return stop
        rule = self._law.ask(candidate, channel, None).rule_on(Topic.MEDIUM)
        return stop if rule is None else stop._replace(rule=rule)

    def template(self, template: str, channel: str) -> tuple[TemplateInfo | None, Stop | None]:
        """Return what the catalogue knows of a template for this borrower, or why it cannot be used."""
        if channel == "wechat" and template in self._case.unsubscribed and self._case.block_of(channel) is None:
            return None, Stop(Reason.NOT_SUBSCRIBED, f"template.{template}.{channel}")
        if self._rules.templates is None:
            return None, None
        locales = self._rules.templates.get((template, channel))
        if not locales:
            return None, Stop(Reason.TEMPLATE_LOCALE_MISSING, f"template.{template}.{channel}")
        info = _best(locales, self._case.locale)
        if info is None:
            return None, Stop(Reason.TEMPLATE_LOCALE_MISSING, f"template.{template}.{channel}")
        if info.unfit is not None:
            return info, Stop(Reason.CONTENT_LINT, f"template.{template}.{channel}", facts={"problem": info.unfit})
        return info, None if info.is_approved else Stop(Reason.TEMPLATE_NOT_APPROVED, f"template.{template}.{channel}")

    def content(self, template: str, channel: str, info: TemplateInfo | None) -> TemplateInfo | None:
        """Return what a message says to its reader: a push is the way into the inbox, and says what stands there too."""
        if channel != "push" or info is None or info.markers is None or self._rules.templates is None:
            return info
        inbox = _best(self._rules.templates.get((template, "in_app"), {}), self._case.locale)
        if inbox is None or inbox.markers is None:
            return info
        return replace(info, markers=info.markers | inbox.markers)

    def reach(self, candidate: Candidate, channel: str, zone: str, *, besides: str | None = None) -> Stop | None:
        """Return why the borrower cannot be reached on a channel, or None. `besides` as in `is_full`."""
        if channel == "in_app":
            return None
        if channel not in self._rules.channels:
            return Stop(Reason.CHANNEL_DISABLED, f"channels.{channel}")
        reason = self._case.block_of(channel)
        if reason is not None:
            return Stop(reason)
        stop = self.wish_stop(candidate, channel)
        if stop is not None:
            return stop
        if candidate.step.is_capped:
            for cap in candidate.policy.longer_caps:
                if cap.channel == channel and self.is_full(cap, candidate, zone, besides=besides):
                    return Stop(Reason.CAP_CHANNEL, cap.rule)
        return None

    def wish_stop(self, candidate: Candidate, channel: str) -> Stop | None:
        """Return the borrower's wish that speaks against a channel, or None; a notice of law is beyond wishes."""
        if candidate.step.message_class != "statutory":
            for wish in self._case.wishes:
                other = wish.kind == "only_channel" and wish.channel != channel
                if other or (wish.kind == "no_contact" and wish.channel == channel):
                    return Stop(Reason.OPTED_OUT, f"wish.{wish.kind}")
        return None

    def is_full(self, cap: Cap, candidate: Candidate, zone: str, *, besides: str | None = None) -> bool:
        """Return whether one more contact (or message on the cap's channel) would be above a cap of the policy.

        What still waits of the contact `besides` is the one more that is asked about.
        """
        today = business_date(self._now, zone)
        since = today - timedelta(days=cap.days - 1)
        loan_id = candidate.subject.loan_id if cap.per == "loan" else None
        return self._count(cap, since, zone, loan_id, besides) >= cap.max_contacts

    def count(self, cap: Cap, candidate: Candidate, zone: str) -> int:
        """Return how many contacts (or messages on the cap's channel) a cap of the policy counts today."""
        since = business_date(self._now, zone) - timedelta(days=cap.days - 1)
        return self._count(cap, since, zone, candidate.subject.loan_id if cap.per == "loan" else None, None)

    def _count(self, cap: Cap, since: date, zone: str, loan_id: str | None, besides: str | None) -> int:
        made = self.contacts if cap.channel is None else [loans for channel, loans in self.made if channel == cap.channel]
        count = sum(loan_id is None or loan_id in loan_ids for loan_ids in made)
        for contact in self._case.contacts:
            if contact.contact_id in self.freed:
                continue
            if loan_id is not None and not contact.is_about(loan_id):
                continue
            if cap.channel is None:
                count += (
                    contact.slot_no is not None
                    and contact.contact_id != besides
                    and business_date(contact.created_at, zone) >= since
                )
            else:
                count += sum(
                    message.channel == cap.channel
                    and message.counts
                    and not (contact.contact_id == besides and message.state in WAITING)
                    and not (message.waits and contact.contact_id in self.taken_back)
                    and business_date(message.at, zone) >= since
                    for message in contact.messages
                )
        return count


def made_on(contacts: Iterable[PastContact], today: date, zone: str, freed: Collection[str] = ()) -> list[PastContact]:
    """Return the contacts that count for a day: by the day they were made for, and by the day it was in this zone."""
    return [
        contact
        for contact in contacts
        if contact.slot_no is not None
        and contact.contact_id not in freed
        and (contact.local_date == today or business_date(contact.created_at, zone) == today)
    ]


def _best(locales: Mapping[str, TemplateInfo], wanted: str | None) -> TemplateInfo | None:
    """The locale that fits best, as the wording's own matching does: same tag, same language, else the fall-back."""
    if wanted:
        tag = wanted.replace("_", "-").lower()
        for locale, info in locales.items():
            if tag == locale.lower() or tag.split("-")[0] == locale.split("-")[0].lower():
                return info
    return locales.get(FALLBACK_LOCALE)


def first_stop(stops: Sequence[tuple[str, Stop]]) -> tuple[str, Stop] | None:
    """Return the stop that names a ladder on which nothing can be used: law before the borrower's reach, in rung order."""
    outward = [each for each in stops if each[0] in OUTWARD_CHANNELS and each[1].reason is not Reason.AUDIENCE_NOT_MATCHED]
    legal = [each for each in outward if each[1].facts.get("law")]
    return next(iter(legal or outward or stops), None)
