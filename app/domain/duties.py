"""Duties of the law about a loan at a moment: what must be done, by when, and what was missed.

Asked are the rules that the law packs give to services and to people, with the act `review_account`. A `require` is a duty
with its date; a `flag` that says a duty was missed is one in breach; work that an answer names is a task of that kind.
Nothing here knows a rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from app.domain.law.grounds import look
from app.domain.law.packs import LawPack
from app.domain.law.questions import Facts
from app.domain.law.results import NO_REFERENCES, References, Result
from app.domain.law.rules import Rule
from app.domain.law.vocabulary import Vocabulary
from app.domain.times import rfc3339

ACT = "review_account"
DECIDERS = frozenset({"duty", "person"})
"""Whose rules a look at an account asks."""
DUTY = "duty"
"""The kind of task of a duty that names no work of its own."""


@dataclass(frozen=True, slots=True)
class Duty:
    """One thing that a rule asks for now. `occasion` names it among the loan's: the same occasion is the same duty."""

    kind: str
    """`duty`, or a kind of task by the law packs' word."""
    rule: str
    occasion: str
    is_dated: bool
    """Whether the occasion is told by its date; else it is the same for as long as the rule goes on asking."""
    due_on: date | None = None
    """Last day in time."""
    due_at: datetime | None = None
    since: datetime | None = None
    """When the record came (a request, a hold) that it counts from; None: it is about the account as a whole."""
    missing: tuple[str, ...] = ()
    breach: bool = False
    """It was not done in time."""
    also: tuple[str, ...] = ()
    """Other rules that ask for the same by the same day."""
    values: Mapping[str, Any] = field(default_factory=dict)


def duties_of(
    pack: LawPack, facts: Facts, at: datetime, vocabulary: Vocabulary, references: References = NO_REFERENCES
) -> tuple[Duty, ...]:
    """Return what the pack asks for, in its order; the same asked by several rules once. Raises ValidationError."""
    asked = {**facts, "act": ACT}
    found: dict[tuple[object, ...], Duty] = {}
    for rule in rules_of(pack, asked):
        for answer in look(rule, asked, at, vocabulary, references):
            for duty in _duties(rule, answer.result, answer.began_at):
                # What nothing tells apart from another rule's is one piece of work.
                key = (duty.kind, duty.missing, duty.due_on, duty.due_at) if duty.missing else (duty.rule, duty.occasion)
                first = found.get(key)
                if first is None:
                    found[key] = duty
                elif duty.rule != first.rule:
                    also = tuple(dict.fromkeys((*first.also, duty.rule)))
                    found[key] = replace(first, also=also, breach=first.breach or duty.breach)
    return tuple(found.values())


def rules_of(pack: LawPack, facts: Facts) -> tuple[Rule, ...]:
    """Return the rules that a look at an account with these facts asks."""
    return pack.rules_for(
        decided_by=DECIDERS,
        act=ACT,
        stage=facts.get("stage"),
        lender_role=facts.get("lender_role"),
        licence_kind=facts.get("licence_kind"),
        product_kind=facts.get("product_kind"),
    )


def _duties(rule: Rule, result: Result, began_at: datetime | None) -> Sequence[Duty]:
    found: list[Duty] = []
    is_missed = result.verdict == "flag" and result.breach
    since = "" if began_at is None else rfc3339(began_at)
    if result.verdict == "require" or is_missed:
        due = result.due_on.isoformat() if result.due_on else rfc3339(result.due_at) if result.due_at else ""
        found.append(
            Duty(
                DUTY,
                rule.id,
                "/".join(part for part in (rule.id, since, due) if part),
                is_dated=bool(due or since),
                due_on=result.due_on,
                due_at=result.due_at,
                since=began_at,
                missing=result.missing,
                breach=is_missed,
                values=result.values,
            )
        )
    for kind in result.tasks:
        occasion = "/".join(part for part in (rule.id, kind, since) if part)
        found.append(
            Duty(
                kind,
                rule.id,
                occasion,
                is_dated=bool(since),
                due_on=result.due_on,
                due_at=result.due_at,
                since=began_at,
                missing=result.missing,
                values=result.values,
            )
        )
    return found
