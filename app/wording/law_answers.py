"""What the law answered to a question, told in English for staff."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.domain.law.judgements import Finding, Judgement
from app.domain.law.results import Result
from app.domain.times import rfc3339
from app.wording.law_words import EVIDENCE

_VERDICTS = {
    "allow": "The law has nothing against it.",
    "block": "It must not happen now.",
    "defer": "It must not happen now, and may from {until} on.",
    "cap_reached": "A count is full; there is room again from {until} on.",
    "require": "Nothing stops it, and something must be done.",
    "flag": "A person must look at it first.",
    "compute": "It gives figures only.",
}
_PROCEED = "It may happen, and a person must look."


class Told(NamedTuple):
    """One rule's answer in words."""

    rule: str
    title: str
    paragraph: str
    evidence: str
    is_recalled: bool
    verdict: str
    sentence: str


def told_judgement(judgement: Judgement) -> str:
    """Return the answer of all rules together in one sentence, with the rule that decided."""
    deciding = judgement.deciding
    if deciding is None:
        return _VERDICTS["allow"]
    sentence = _sentence(judgement.verdict, deciding.result, judgement.until)
    mark = " (recalled, unverified)" if deciding.rule.is_recalled else ""
    return f"{sentence} {deciding.rule.id}{mark}: {deciding.rule.title}, {deciding.rule.source}."


def told_finding(finding: Finding) -> Told:
    """Return what one rule answered."""
    rule, result = finding
    parts = [_sentence(result.verdict, result, result.until), *_companions(result)]
    return Told(
        rule.id, rule.title, rule.source, EVIDENCE[rule.evidence], rule.is_recalled, result.verdict, " ".join(parts)
    )  # fmt: skip


def _sentence(verdict: str, result: Result, until: datetime | None) -> str:
    if verdict == "flag" and result.breach:
        return "A duty was missed."
    if verdict == "flag" and result.proceed:
        return _PROCEED
    told = "an instant that is not known" if until is None else rfc3339(until)
    return _VERDICTS[verdict].format(until=told)


def _companions(result: Result) -> list[str]:
    found = []
    if result.missing:
        found.append(f"Missing: {', '.join(result.missing)}.")
    if result.due_on is not None:
        found.append(f"In time through {result.due_on}.")
    if result.due_at is not None:
        found.append(f"In time until {rfc3339(result.due_at)}.")
    if result.allowed_on is not None:
        found.append(f"Allowed from {result.allowed_on} on.")
    if result.tasks:
        found.append(f"For a person: {', '.join(result.tasks)}.")
    if result.values:
        found.append(f"Figures: {_figures(result.values)}.")
    if result.rule is not None:
        found.append(f"See {result.rule}.")
    return found


def _figures(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {'none' if each is None else each}" for name, each in values.items())
