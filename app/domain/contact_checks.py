"""What stands in the way of a contact that a person is about to make, found by the checks that `decide` makes.

A contact by hand is asked about as if a step had been reached now that says the same on the same channel: one candidate
for each loan it is about. The law packs, `stops_of`, the reach of the channel and the caps are those of every reminder. What
is different is said here: nobody's step expires, an answer to the borrower is not news, a person needs no provider to ring
or to go there, and the policy's own limits are named apart, because they may be overridden.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from app.domain.asked_law import BY_HAND, AskedLaw
from app.domain.cases import Case
from app.domain.checks import stops_of
from app.domain.contact_gates import (
    DEMANDS,
    LAW,
    NOT_READ_AT_ONCE,
    PERSON,
    POLICY,
    WAITS_TO_BE_OPENED,
    ContactAsked,
    LoanNow,
    about,
    class_of,
    holds_that_stop,
    takes_place,
)
from app.domain.contact_times import ContactTimes
from app.domain.decided import Candidate, Stop
from app.domain.holds import standing_reason
from app.domain.ladders import LadderChecks, made_on
from app.domain.policies import Policy, Rules, Step, TemplateInfo
from app.domain.quiet_hours import first_allowed, window_end
from app.domain.reasons import PERSON_FLAGS, Reason
from app.domain.times import business_date

_STEP = "manual"
_ROUNDS = 32
"""How often hours of law, policy and wishes are asked in turn before no common instant is known."""
_NO_MARGIN = timedelta()
_BY_PEOPLE = BY_HAND | {"visit"}
"""Channels that need no provider of this installation."""
_DAILY = "caps.borrower.P1D"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing in the way."""

    layer: str
    stop: Stop
    loan_id: str | None = None


@dataclass(frozen=True, slots=True)
class CapRoom:
    """What is left under one cap. `left` None: it does not count such a contact."""

    layer: str
    rule: str
    left: int | None
    most: int
    resets_at: datetime | None = None


class ContactCheck:
    """One contact asked about, at one instant. `info`: what is known of what it says; None: nobody knows (a call)."""

    def __init__(
        self,
        case: Case,
        loans: Sequence[LoanNow],
        asked: ContactAsked,
        rules: Rules,
        now: datetime,
        *,
        info: TemplateInfo | None = None,
        speaks_of_debt: bool = False,
        notice_kind: str | None = None,
    ) -> None:
        self.case = case if asked.locale is None else replace(case, locale=asked.locale)
        self.asked, self.rules, self.now, self.info = asked, rules, now, info
        stated: dict[str, object] = {}
        if asked.is_reply:
            stated |= {"initiated_by": "borrower_message", "replies_sent": asked.replies_sent}
        if asked.place is not None:
            stated["recipient_place"] = asked.place
        self.law = AskedLaw(self.case, rules, now, stated)
        self.ladders = LadderChecks(self.case, rules, self.law, now)
        self.times = ContactTimes(case, now)
        self._template_stop: Stop | None = None
        if asked.template is not None:
            said, self._template_stop = self.ladders.template(asked.template, asked.channel)
            self.info = self.ladders.content(asked.template, asked.channel, said)
        self.loans = about(loans, asked)
        self.classes = {
            loan.loan_id: class_of(asked, loan.stage(self._today(loan)), speaks_of_debt=speaks_of_debt)
            for loan in self.loans
        }
        self.candidates = [self._candidate(loan, notice_kind) for loan in self.loans]
        self.zones = self.times.zones([candidate.subject for candidate in self.candidates]) if self.candidates else ()

    @property
    def message_class(self) -> str:
        """The class of the whole contact: collection where it is that for any loan."""
        found = set(self.classes.values())
        return "collection" if "collection" in found else next(iter(sorted(found)), self.asked.message_class)

    @property
    def takes_place(self) -> bool:
        """Whether it takes a place under the policy's daily cap."""
        return takes_place(self.asked, self.message_class)

    def run(self) -> list[Found]:
        """Return everything that stands in the way: the law first, then what is the person's own, then the policy."""
        found = [each for loan, one in zip(self.loans, self.candidates, strict=True) for each in self._about(loan, one)]
        found += [Found(PERSON, self._template_stop)] if self._template_stop is not None else []
        found += self._reach()
        found += self._hours()
        found += self._caps()
        order = (LAW, PERSON, POLICY)
        seen: dict[tuple[str, Reason, str | None], Found] = {}
        for each in sorted(found, key=lambda one: order.index(one.layer)):
            seen.setdefault((each.layer, each.stop.reason, each.stop.rule), each)
        return list(seen.values())

    # -- each loan -----------------------------------------------------------------------------------------------------

    def _today(self, loan: LoanNow) -> date:
        return business_date(self.now, loan.lender_zone)

    def _candidate(self, loan: LoanNow, notice_kind: str | None) -> Candidate:
        today = self._today(loan)
        stage = loan.stage(today)
        step = Step(
            _STEP, 1 if stage not in ("upcoming", "due") else 0 if stage == "due" else -1, time(0), timedelta(days=1), _STEP,
            self.asked.template or "", (), given_class=self.classes[loan.loan_id], given_debt_stage=stage,
            notice_kind=notice_kind,
        )  # fmt: skip
        return Candidate(loan.subject(today), step, self.now, self.rules.policy_of(loan.lender_id))

    def _about(self, loan: LoanNow, candidate: Candidate) -> Iterator[Found]:
        for stop in self.law.stops(candidate, self.asked.channel, self.info):
            yield Found(LAW, stop, loan.loan_id)
        asks = self.classes[loan.loan_id] in DEMANDS
        if asks:
            money = self._money(loan, candidate)
            if money is not None:
                yield Found(*money, loan.loan_id)
        if asks or self.classes[loan.loan_id] == "statutory":
            for stop in stops_of(candidate, self.case, self.rules, self.now):
                yield Found(PERSON if stop.is_personal else POLICY, stop, loan.loan_id)
        else:
            for stop in self._person(loan):
                yield Found(PERSON, stop, loan.loan_id)

    def _money(self, loan: LoanNow, candidate: Candidate) -> tuple[str, Stop] | None:
        """What is paid is asked for by nobody, nor what the app does not show as owed."""
        if not loan.rows:
            return PERSON, Stop(Reason.PAID, "loan.position")
        if loan.ended is not None:
            return POLICY if loan.ended is Reason.WRITTEN_OFF else PERSON, Stop(loan.ended, "loan.status")
        held = candidate.subject.held_reason
        return None if held is None else (PERSON, Stop(held, "loan.position"))

    def _person(self, loan: LoanNow) -> Iterator[Stop]:
        """What speaks against a contact that asks for nothing."""
        kinds = holds_that_stop(self.asked, self.classes[loan.loan_id])
        for flag, reason in PERSON_FLAGS.items():
            if flag in self.case.flags and (flag in kinds or not self.asked.is_reply):
                yield Stop(reason, f"borrower.flags.{flag}")
                break
        if not self.asked.is_reply and any(wish.kind == "no_contact" and wish.channel is None for wish in self.case.wishes):
            yield Stop(Reason.NO_CONTACT_REQUEST, "wish.no_contact")
        held = standing_reason(self.case.holds, loan.loan_id, self.now, kinds)
        if held is not None:
            yield Stop(held[0], f"hold.{held[1].kind}", held[1].until_at)

    # -- the channel ---------------------------------------------------------------------------------------------------

    def _reach(self) -> Iterator[Found]:
        channel = self.asked.channel
        if channel in WAITS_TO_BE_OPENED or not self.candidates:
            return
        if channel not in _BY_PEOPLE and channel not in self.rules.channels:
            yield Found(PERSON, Stop(Reason.CHANNEL_DISABLED, f"channels.{channel}"))
        reason = self.case.block_of("letter" if channel == "visit" else channel)
        if reason is not None and not (channel == "visit" and reason is not Reason.NO_ENDPOINT):
            yield Found(PERSON, Stop(reason, f"endpoints.{channel}"))
        closed = None if self.asked.window is None else self.asked.window.stop(self.now)
        if closed is not None:
            yield Found(PERSON, closed)
        wish = self.ladders.wish_stop(self.candidates[0], channel)
        if wish is not None:
            yield Found(PERSON, wish)
        if self.asked.place is not None and any(
            wish.kind == "avoid_place" and wish.place == self.asked.place for wish in self.case.wishes
        ):
            yield Found(PERSON, Stop(Reason.OPTED_OUT, "wish.avoid_place"))

    # -- hours ---------------------------------------------------------------------------------------------------------

    def _hours(self) -> Iterator[Found]:
        if self.asked.channel in NOT_READ_AT_ONCE or not self.candidates:
            return
        wished = first_allowed(self.times.wished, self.now, self.zones)
        if wished != self.now:
            yield Found(PERSON, Stop(Reason.QUIET_HOURS, "wish.hours", wished))
        for policy in self._policies():
            allowed = first_allowed((policy.quiet_hours,), self.now, self.zones)
            if allowed != self.now:
                yield Found(POLICY, Stop(Reason.QUIET_HOURS, "quiet_hours", allowed))

    def opens_at(self) -> datetime | None:
        """Return from when on hours alone allow it: now, where they do; None: no instant is known."""
        at = self.now
        for _ in range(_ROUNDS):
            later = at
            for policy in self._policies() if self.asked.channel not in NOT_READ_AT_ONCE else ():
                allowed = first_allowed((policy.quiet_hours, *self.times.wished), later, self.zones)
                if allowed is None:
                    return None
                later = allowed
            for candidate in self.candidates:
                opens = self.law.opens_at(candidate, self.asked.channel, self.info, later)
                if opens is None:
                    return None
                later = opens
            if later == at:
                return at
            at = later
        return None

    def closes_at(self, until: datetime, *, is_overridden: bool = False) -> datetime:
        """Return until when hours allow what they allow now, at the latest `until`. `is_overridden`: the policy's aside."""
        ends = [until]
        if self.asked.window is not None and self.asked.window.closes_at is not None:
            ends.append(max(self.now, self.asked.window.closes_at))
        if self.asked.channel not in NOT_READ_AT_ONCE:
            for policy in self._policies():
                quiets = self.times.wished if is_overridden else (policy.quiet_hours, *self.times.wished)
                closes = window_end(quiets, self.now, self.zones)
                ends += [closes] if closes is not None else []
        for candidate in self.candidates:
            exact = candidate._replace(policy=replace(candidate.policy, not_after_margin=_NO_MARGIN))
            by_hand = self.asked.channel in BY_HAND
            ends.append(self.law.closes_at(exact, self.asked.channel, self.info, min(ends), manual=by_hand))
        return min(ends)

    def _policies(self) -> list[Policy]:
        return list({candidate.policy.policy_id: candidate.policy for candidate in self.candidates}.values())

    # -- caps ----------------------------------------------------------------------------------------------------------

    def _caps(self) -> Iterator[Found]:
        for room in self.policy_rooms():
            if room.left == 0:
                is_daily = room.rule == _DAILY
                reason = Reason.CAP_PERSON if is_daily or room.rule.count(".") == 2 else Reason.CAP_CHANNEL
                yield Found(POLICY, Stop(reason, room.rule, room.resets_at))

    def rooms(self) -> list[CapRoom]:
        """Return what is left under every cap that speaks of such a contact: of the law, then of the policy."""
        found: dict[str, CapRoom] = {}
        for candidate in self.candidates:
            for each in self.law.room(candidate, self.asked.channel, self.info):
                known = found.get(each.rule)
                if known is None or (known.left or 0) > each.left:
                    found[each.rule] = CapRoom(LAW, each.rule, each.left, each.most, each.resets_at)
        return [*found.values(), *self.policy_rooms()]

    def policy_rooms(self) -> list[CapRoom]:
        """Return what is left under the policy's caps. Nothing is counted where the contact takes no place."""
        found: dict[str, CapRoom] = {}
        counts = self.takes_place
        for candidate in self.candidates:
            policy, zone = candidate.policy, self.zones[0]
            most = policy.contacts_per_day
            made = len(made_on(self.case.contacts, business_date(self.now, zone), zone))
            rooms = [CapRoom(POLICY, _DAILY, max(0, most - made) if counts else None, most)]
            for cap in policy.longer_caps:
                if cap.channel in (None, self.asked.channel):
                    left = max(0, cap.max_contacts - self.ladders.count(cap, candidate, zone)) if counts else None
                    rooms.append(CapRoom(POLICY, cap.rule, left, cap.max_contacts))
            for room in rooms:
                known = found.get(room.rule)
                if known is None or (room.left is not None and room.left < (known.left or 0)):
                    found[room.rule] = room
        return list(found.values())
