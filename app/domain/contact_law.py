"""What the law says of one contact: the facts of a case in the law packs' vocabulary, and their answer as a reason.

Nothing here knows a rule; the packs decide, and what a stop is about (its topic) gives the reason code.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from app.domain.case_records import merged, typed_records
from app.domain.cases import Attempt, Case, PastContact
from app.domain.consents import CONSENT_PURPOSES
from app.domain.decided import Candidate, Stop
from app.domain.law.judgements import Judgement, judge
from app.domain.law.packs import LawPack
from app.domain.law.results import Result, Topic
from app.domain.law.rules import Rule
from app.domain.law_facts import person_facts
from app.domain.policies import Rules, TemplateInfo
from app.domain.reasons import Reason
from app.domain.times import business_date

DECIDERS = frozenset({"engine", "content"})
"""Whose rules are asked at decision: the engine's, and what a message must or must not say."""
DEFAULT_LAW = "DEFAULT"
_DAY, _MINUTE, _SECOND = timedelta(days=1), timedelta(minutes=1), timedelta(seconds=1)
_PROBE = timedelta(minutes=30)
"""No law has hours that are closed for less."""
_DIAL_MODES = {"sms": "autodialled", "voice": "prerecorded"}
"""How a message of ours is started; a call that a person makes is manual."""
_ENDPOINTS: Mapping[str, Mapping[str, str]] = {
    "sms": {"kind": "personal", "line": "mobile", "source": "borrower"},
    "voice": {"kind": "personal", "line": "mobile", "source": "borrower"},
    "email": {"kind": "personal", "source": "borrower"},
}
_TOPIC_REASONS = {
    Topic.LAW: Reason.LEGAL_BLOCK,
    Topic.STANDING: Reason.HOLD_LEGAL,
    Topic.RECIPIENT: Reason.LEGAL_THIRD_PARTY,
    Topic.MEDIUM: Reason.LEGAL_CHANNEL_NOT_ALLOWED,
    Topic.CONTENT: Reason.CONTENT_LINT,
    Topic.CAP: Reason.LEGAL_WEEKLY_CAP,
    Topic.HOURS: Reason.LEGAL_QUIET_HOURS,
}


class Answer(NamedTuple):
    """What the law says of one contact on one channel. `stop` None: nothing stands in its way."""

    stop: Stop | None
    tasks: tuple[tuple[str, str], ...] = ()
    """(rule id, kind of task) for what a person has to do besides."""
    blocks: tuple[tuple[Topic, str], ...] = ()
    """(topic, rule id) of every rule that blocks by what is known, not for what is missing."""

    def rule_on(self, topic: Topic) -> str | None:
        """Return the first rule that blocks for a state of that kind: what the house's own stop rests on in law."""
        return next((rule_id for about, rule_id in self.blocks if about is topic), None)


NOTHING_SAID = Answer(None)


class ContactLaw:
    """The law for one case in one run of `decide`; answers are kept, and new attempts are counted as they are made."""

    def __init__(self, case: Case, rules: Rules, now: datetime) -> None:
        self._case, self._rules, self._now = case, rules, now
        self._attempts = list(case.attempts)
        self._answers: dict[tuple[Any, ...], Answer] = {}
        self._bases: dict[tuple[str, str], dict[str, Any]] = {}
        self._hours: dict[tuple[Any, ...], tuple[tuple[Rule, ...], dict[str, Any]]] = {}

    def count(self, attempts: list[Attempt]) -> None:
        """Count attempts that were just decided on."""
        if attempts:
            self._attempts += attempts
            self._clear()

    def forget(self, contact: PastContact) -> None:
        """Count no longer what waits of a contact: it was taken back in this run."""
        gone = {(message.at, message.channel) for message in contact.messages if message.waits}
        self._attempts = [
            each for each in self._attempts if each.direction != "outbound" or (each.at, each.channel) not in gone
        ]
        self._clear()

    def _clear(self) -> None:
        self._answers.clear()
        self._bases.clear()
        self._hours.clear()

    def pack_of(self, candidate: Candidate) -> LawPack | None:
        """Return the pack for where the borrower lives; where that is not known, for where the lender is."""
        laws = self._rules.laws
        return laws.get(self._case.country or candidate.subject.loan.jurisdiction) or laws.get(DEFAULT_LAW)

    def ask(
        self,
        candidate: Candidate,
        channel: str,
        info: TemplateInfo | None,
        *,
        manual: bool = False,
        without: datetime | None = None,
    ) -> Answer:
        """Return what the law says of contacting the borrower about this candidate on a channel now.

        `without`: an attempt of that instant on the channel is the one asked about, and is not counted against itself.
        """
        pack = self.pack_of(candidate)
        if pack is None:
            return NOTHING_SAID
        if without is not None:
            others = [each for each in self._attempts if each.at != without]
            alone = ContactLaw(replace(self._case, attempts=tuple(others)), self._rules, self._now)
            return alone.ask(candidate, channel, info, manual=manual)
        key = _asked(candidate, channel, info, manual)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._ask(pack, candidate, channel, info, manual=manual)
        return answer

    def closing(self, candidate: Candidate, channel: str, info: TemplateInfo | None, *, manual: bool = False) -> Stop | None:
        """Return what the hours of the law say where what is allowed now will not be by the end of the policy's margin."""
        pack = self.pack_of(candidate)
        if pack is None:
            return None
        hours, facts = self._hours_of(pack, candidate, channel, info, manual=manual)
        if not hours:
            return None
        return self._stop(pack, judge(hours, facts, self._now + candidate.policy.not_after_margin), candidate)

    def closes_at(
        self, candidate: Candidate, channel: str, info: TemplateInfo | None, until: datetime, *, manual: bool = False
    ) -> datetime:
        """Return until when what is not `closing` now may be done by the hours of the law, at the latest `until`.

        That is the policy's margin before the hours end, which they do on a whole minute.
        """
        pack = self.pack_of(candidate)
        if pack is None:
            return until
        hours, facts = self._hours_of(pack, candidate, channel, info, manual=manual)
        if not hours:
            return until
        zones = {zone["name"] for zone in facts["zones"]}
        first, last = self._now, until - _SECOND
        if len(zones) > 1:  # closed and open again within a day, as it may be in zones far apart
            for at in _every(_PROBE, self._now, last):
                if not judge(hours, facts, at).may_proceed:
                    last = at
                    break
                first = at
        if judge(hours, facts, last).may_proceed:
            return until
        while last - first > _MINUTE:
            middle = first + (last - first) / 2
            if judge(hours, facts, middle).may_proceed:
                first = middle
            else:
                last = middle
        ends_at = first.replace(second=0, microsecond=0) + _MINUTE
        return min(until, ends_at - candidate.policy.not_after_margin)

    def _hours_of(
        self, pack: LawPack, candidate: Candidate, channel: str, info: TemplateInfo | None, *, manual: bool
    ) -> tuple[tuple[Rule, ...], dict[str, Any]]:
        """Return the rules that speak of hours, with the facts they are asked on."""
        key = _asked(candidate, channel, info, manual)
        found = self._hours.get(key)
        if found is None:
            facts = self._facts(pack, candidate, channel, info, manual=manual)
            found = self._hours[key] = _with_hours(rules_for(pack, facts)), facts
        return found

    def _ask(self, pack: LawPack, candidate: Candidate, channel: str, info: TemplateInfo | None, *, manual: bool) -> Answer:
        facts = self._facts(pack, candidate, channel, info, manual=manual)
        rules = rules_for(pack, facts)
        if not rules:
            return NOTHING_SAID
        found = judge(rules, facts, self._now)
        tasks = tuple((rule.id, task) for rule, result in found.findings for task in result.tasks)
        blocks = tuple(
            (result.topic, rule.id) for rule, result in found.findings if result.verdict == "block" and not result.missing
        )
        return Answer(self._stop(pack, found, candidate), tasks, blocks)

    def _stop(self, pack: LawPack, found: Judgement, candidate: Candidate) -> Stop | None:
        if found.deciding is None or found.may_proceed:
            return None
        rule, result = found.deciding
        return Stop(self._reason(result, candidate), rule.id, found.until, told_facts(pack, result))

    def _reason(self, result: Any, candidate: Candidate) -> Reason:
        """Return the reason code of what a rule says, from what it is about."""
        if result.verdict == "flag":
            return Reason.LEGAL_REVIEW
        if result.topic is Topic.HOURS and result.verdict == "block":
            return Reason.TIMEZONE_UNKNOWN_NARROWED
        if result.topic is Topic.CAP and result.until is not None:
            if result.verdict == "defer":
                return Reason.LEGAL_ANSWERED_TODAY
            zone = self._case.zone or candidate.subject.lender_zone
            tomorrow = business_date(self._now, zone) + _DAY
            return Reason.LEGAL_DAILY_CAP if business_date(result.until, zone) <= tomorrow else Reason.LEGAL_WEEKLY_CAP
        if result.topic is Topic.STANDING:
            return Reason.HOLD_BREATHING_SPACE if result.allowed_on is not None else Reason.HOLD_LEGAL
        if result.topic is Topic.MEDIUM and result.verdict == "block":
            if self._case.opt_outs and not result.missing:
                return Reason.CONSENT_WITHDRAWN
            return Reason.CONSENT_MISSING if _names_consent(result.missing) else Reason.LEGAL_CHANNEL_NOT_ALLOWED
        if result.topic is Topic.LAW and result.missing:
            return Reason.LEGAL_NOTICE_MISSING
        return _TOPIC_REASONS[result.topic]

    # -- facts ---------------------------------------------------------------------------------------------------------

    def _facts(
        self, pack: LawPack, candidate: Candidate, channel: str, info: TemplateInfo | None, *, manual: bool
    ) -> dict[str, Any]:
        step = candidate.step
        facts = dict(self._base(pack, candidate))
        facts["channel"] = channel
        facts["message_class"] = step.message_class
        facts["stage"] = step.debt_stage
        facts["identity_verified"] = channel == "in_app"
        if step.notice_kind is not None:
            facts["notice_kind"] = step.notice_kind
        if info is not None and info.markers is not None:
            facts["content"] = info.markers
        if channel in _ENDPOINTS:
            facts["endpoint"] = _ENDPOINTS[channel]
        if channel in _DIAL_MODES:
            facts["dial_mode"] = "manual" if manual else _DIAL_MODES[channel]
        return facts

    def _base(self, pack: LawPack, candidate: Candidate) -> dict[str, Any]:
        """Facts that are the same on every channel, for one loan."""
        subject = candidate.subject
        found = self._bases.get((subject.loan_id, pack.jurisdiction))
        if found is None:
            found = self._bases[subject.loan_id, pack.jurisdiction] = self._make_base(pack, candidate)
        return found

    def _make_base(self, pack: LawPack, candidate: Candidate) -> dict[str, Any]:
        case, subject, loan = self._case, candidate.subject, candidate.subject.loan
        zones = case.zone_sources or ((subject.lender_zone, "lender"),)
        overdue, missed, oldest = loan.overdue(business_date(self._now, subject.lender_zone))
        facts: dict[str, Any] = {
            "act": "contact",
            "recipient": "borrower",
            "initiated_by": "lender",
            "visibility": "private",
            "zones": [{"name": name, "source": source} for name, source in zones],
            "law_pack": None if pack.jurisdiction == DEFAULT_LAW else pack.jurisdiction,
            "debt": subject.loan_id,
            "currency": subject.currency,
            **person_facts(case, self._attempts, subject.loan_id, self._now),
            "position": {
                "outstanding_minor": loan.outstanding_minor, "overdue_minor": overdue, "missed_payments": missed,
                "oldest_unpaid_due_on": oldest, "last_payment_on": loan.last_payment_on,
            },
            "plan": {"message_version": subject.anchor_no, "current_version": subject.anchor_no},
            **self._rules.law_facts,
        }  # fmt: skip
        calendar = self._rules.calendars.get(loan.lender_id)
        stated = {
            "country": case.country,
            "lender_role": loan.lender_role,
            "licence_kind": loan.licence_kind,
            "product_kind": loan.product_kind,
            "public_holidays": None if calendar is None else calendar.days_off,
            "contract": None if loan.signed_on is None else {"signed_on": loan.signed_on},
        }
        known = facts | {name: value for name, value in stated.items() if value is not None}
        if case.records and self._rules.vocabulary is not None:
            return merged(known, typed_records(case.records, self._rules.vocabulary, subject.loan_id))
        return known


def _asked(candidate: Candidate, channel: str, info: TemplateInfo | None, manual: bool) -> tuple[Any, ...]:
    """What an answer hangs on within one case and run."""
    step, subject = candidate.step, candidate.subject
    markers = None if info is None else info.markers
    about = (subject.loan_id, subject.anchor_no, candidate.policy.policy_id)
    return (*about, step.message_class, step.debt_stage, step.notice_kind, channel, manual, markers)


def told_facts(pack: LawPack, result: Result) -> dict[str, object]:
    """Return what is kept of an answer of the law besides rule and reason: which pack it was, and what is missing."""
    told: dict[str, object] = {"law": f"{pack.jurisdiction}@{pack.version[:12]}"}
    return told | {"missing": list(result.missing)} if result.missing else told


def rules_for(pack: LawPack, facts: Mapping[str, Any]) -> tuple[Rule, ...]:
    """Return the rules of a pack that speak of a contact with these facts."""
    return pack.rules_for(
        decided_by=DECIDERS,
        act="contact",
        channel=facts["channel"],
        message_class=facts["message_class"],
        stage=facts["stage"],
        lender_role=facts.get("lender_role"),
        licence_kind=facts.get("licence_kind"),
        product_kind=facts.get("product_kind"),
    )


@lru_cache(maxsize=4096)
def _with_hours(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Those that speak of hours: only they can forbid later what is allowed now."""
    return tuple(rule for rule in rules if any(test.kind == "window" for test in rule.tests))


def _every(step: timedelta, start: datetime, end: datetime) -> Iterator[datetime]:
    at = start + step
    while at < end:
        yield at
        at += step


def _names_consent(missing: tuple[str, ...]) -> bool:
    return any(each in CONSENT_PURPOSES for each in missing)
