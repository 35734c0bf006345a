"""Telling decisions: their events in words, with the paragraph of law, and how the messages of their contacts fared."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.decided import Verdict
from app.domain.reasons import DELIVERY_REASONS, OWNERS, Outcome, Reason
from app.domain.times import parse_instant
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.persistence.models.reminders import DecisionRow
from app.persistence.queries import explanations as queries
from app.services.explained import AttemptShown, EventShown, MessageShown, RuleShown, StepShown, TaskShown
from app.services.law_packs import find_rule
from app.wording.reason_words import outcome_words, owner_words, reason_words


class Telling:
    """Everything there is to tell of these decisions, read with a handful of statements."""

    def __init__(self, session: Session, decisions: Sequence[DecisionRow], locale: str) -> None:
        self.locale = locale
        ids = [decision.id for decision in decisions]
        self._events = queries.find_events(session, ids)
        self._tasks = queries.find_tasks(session, ids)
        contact_ids = {decision.contact_id for decision in decisions if decision.contact_id}
        self._messages = queries.find_messages(session, contact_ids)
        message_ids = [message.id for messages in self._messages.values() for message in messages]
        self._attempts = queries.find_attempts(session, message_ids)
        self._policies = queries.find_policy_names(session, {decision.policy_id for decision in decisions})

    def decided(self, decision: DecisionRow, zone: str) -> StepShown:
        """Return what became of a candidate."""
        events = [
            self._event(
                event.at, event.outcome, event.reason, event.rule, event.channels, event.not_before, event.facts, zone
            )
            for event in self._events[decision.id]
        ]
        named = self._policies.get(decision.policy_id)
        return StepShown(
            step=decision.step_key,
            local_date=decision.local_date,
            occurs_at=decision.occurs_at,
            timezone=zone,
            status="decided",
            code=decision.outcome,
            sentence=self._standing(decision, events, zone),
            policy=f"{named[0]} v{named[1]}" if named else None,
            events=events,
            messages=[self._message(message) for message in self._messages.get(decision.contact_id or "", ())],
            tasks=[TaskShown(task.id, task.kind, task.queue, task.state, task.due_at) for task in self._tasks[decision.id]],
        )

    def expected(self, verdict: Verdict, zone: str) -> EventShown:
        """Return what would be decided, in words."""
        return self._event(
            verdict.occurs_at, verdict.outcome, verdict.reason, verdict.rule, list(verdict.channels), verdict.not_before,
            dict(verdict.facts), zone,
        )  # fmt: skip

    def not_due_yet(self, at: datetime, zone: str) -> str:
        """Say that a step is to come."""
        return reason_words(Reason.NOT_DUE_YET, {"until": at}, self.locale, zone=zone)

    def _standing(self, decision: DecisionRow, events: Sequence[EventShown], zone: str) -> str:
        """What stands: the last event that said so, or the row where its events are kept no longer."""
        for event in reversed(events):
            if (event.outcome, event.reason) == (decision.outcome, decision.reason):
                return event.sentence
        return _sentence(decision.outcome, decision.reason, {}, self.locale, zone)

    def _event(
        self,
        at: datetime,
        outcome: str,
        reason: str,
        rule: str | None,
        channels: list[str],
        not_before: datetime | None,
        facts: Mapping[str, Any],
        zone: str,
    ) -> EventShown:
        law = rule_shown(rule)
        said = sentence_facts(outcome, rule, not_before, facts, law)
        owner = OWNERS[Reason(reason)]
        return EventShown(
            at, str(outcome), str(reason), _sentence(outcome, reason, said, self.locale, zone),
            owner_words(owner, self.locale), rule, law, list(channels), not_before, dict(facts),
        )  # fmt: skip

    def _message(self, message: MessageRow) -> MessageShown:
        reason = message.state_reason
        return MessageShown(
            id=message.id,
            channel=message.channel,
            template=message.template,
            template_version=message.template_version,
            locale=message.locale,
            state=message.state,
            reason=reason,
            sentence=reason_words(reason, {"channel": message.channel}, self.locale) if reason in DELIVERY_REASONS else None,
            sent_at=message.sent_at,
            seen_at=message.seen_at or message.read_at,
            attempts=[_attempt(attempt) for attempt in self._attempts[message.id]],
        )


def rule_shown(rule: str | None) -> RuleShown | None:
    """Return the rule of law of that id; None for a rule of the policy or the house."""
    found = None if rule is None else find_rule(rule)
    if found is None:
        return None
    return RuleShown(found.id, found.jurisdiction, found.title, found.source, found.evidence, found.is_recalled)


def sentence_facts(
    outcome: str, rule: str | None, not_before: datetime | None, facts: Mapping[str, Any], law: RuleShown | None
) -> dict[str, object]:
    """Return the facts of an event by the names that sentences use."""
    until = facts.get("until") or facts.get("hold_until")
    at: object = parse_instant(until) if isinstance(until, str) else until
    if at is None and str(outcome) == Outcome.DEFERRED:
        at = not_before
    heard_at = facts.get("heard_at")
    named = law.paragraph if law is not None and not law.is_recalled else rule
    if law is not None and law.is_recalled:
        named = f"{law.paragraph}; recalled, not verified"
    kind = rule.partition(".")[2] if rule is not None and rule.startswith("hold.") else None
    return {
        "until": at,
        "on": parse_instant(heard_at) if isinstance(heard_at, str) else None,
        "rule": named,
        "by_step": facts.get("by_step") or facts.get("earlier_step"),
        "condition": facts.get("condition"),
        "channel": facts.get("channel"),
        "kind": kind,
    }


def decision_words(
    outcome: str,
    reason: str,
    rule: str | None,
    not_before: datetime | None,
    facts: Mapping[str, Any],
    locale: str,
    zone: str,
) -> str:
    """Return what became of a step and why as one sentence, of a decision's newest event."""
    said = sentence_facts(outcome, rule, not_before, facts, rule_shown(rule))
    return _sentence(outcome, reason, said, locale, zone)


def _sentence(outcome: str, reason: str, facts: Mapping[str, object], locale: str, zone: str) -> str:
    what = outcome_words(outcome, facts, locale, zone=zone)
    why = reason_words(reason, {**facts, "until": None} if str(outcome) == Outcome.DEFERRED else facts, locale, zone=zone)
    return f"{what}：{why}" if locale.startswith("zh") else f"{what}: {why[0].lower()}{why[1:]}"


def _attempt(attempt: DeliveryAttemptRow) -> AttemptShown:
    return AttemptShown(attempt.started_at, attempt.provider, attempt.outcome, attempt.error_code)
