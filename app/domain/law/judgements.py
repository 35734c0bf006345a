"""One answer of several rules. All results are kept; one is named as the one that decided.

A block wins over everything, and of several blocks the first by topic (topics.py says how it is found). A flag that does not
let the act proceed comes next. Defers and full caps combine to the latest of their instants, where every rule is run again:
what then still stops the act is the answer. Duties (`require`) and tasks are collected from all rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from app.domain.law.questions import Facts, Question
from app.domain.law.results import ALLOW, NO_REFERENCES, References, Result
from app.domain.law.rules import Rule

ROUNDS = 64
"""How often all rules are run again at a later instant, before the answer is that no instant is known."""


class Finding(NamedTuple):
    """What one rule answered."""

    rule: Rule
    result: Result


@dataclass(frozen=True, slots=True)
class Judgement:
    """What several rules answer together."""

    verdict: str
    """block, flag, defer, cap_reached, require, compute or allow: the strongest, as combined."""
    deciding: Finding | None
    """The rule that decided; None for an allow. Of defers and caps the one that holds longest now."""
    until: datetime | None
    """With defer and cap_reached: the first instant, UTC, at which no rule stops the act any more."""
    findings: tuple[Finding, ...]
    """What every rule answered at the moment asked about, in the order the rules were given."""
    later: tuple[Finding, ...] = ()
    """What stopped the act at a later instant at which all rules were run again: why a defer grew or became a block."""
    at: datetime | None = None
    """The moment at which the decision fell: later than asked only where a block or a flag was found there."""

    @property
    def may_proceed(self) -> bool:
        """Whether the act may happen now."""
        return self.verdict in ("allow", "require", "compute") or (
            self.verdict == "flag" and self.deciding is not None and self.deciding.result.proceed
        )

    @property
    def tasks(self) -> tuple[str, ...]:
        """The work that all rules ask for, each once."""
        return tuple(dict.fromkeys(task for _, result in self.findings for task in result.tasks))

    @property
    def required(self) -> tuple[Finding, ...]:
        """The duties: what must be done, though it stops nothing."""
        return tuple(each for each in self.findings if each.result.verdict == "require")


def judge(rules: Sequence[Rule], facts: Facts, at: datetime | None, references: References = NO_REFERENCES) -> Judgement:
    """Return what the rules answer together. Raises ValidationError for a zone that is unknown."""
    findings = _answers(rules, Question(facts, at, references))
    stop = _stop(findings)
    if stop is None:
        return _unstopped(findings, at)
    if not _waits(stop):
        return Judgement(stop.result.verdict, stop, None, findings, at=at)
    first = stop
    later: list[Finding] = []
    for _ in range(ROUNDS):
        until = stop.result.until
        assert until is not None
        again = _stop(_answers(rules, Question(facts, until, references)))
        if again is None:
            return Judgement(first.result.verdict, first, until, findings, tuple(later), at)
        later.append(again)
        if not _waits(again):
            return Judgement(again.result.verdict, again, None, findings, tuple(later), until)
        stop = again
    return Judgement("block", stop, None, findings, tuple(later), stop.result.until)


def _answers(rules: Sequence[Rule], question: Question) -> tuple[Finding, ...]:
    return tuple([Finding(rule, rule.answer(question)) for rule in rules])


def _stop(findings: Sequence[Finding]) -> Finding | None:
    """Return what stops the act: the first block, else the first flag, else the wait that ends last; or None."""
    stops = [each for each in findings if each.result is not ALLOW and each.result.stops]
    if not stops:
        return None
    for verdict in ("block", "flag"):
        found = [each for each in stops if each.result.verdict == verdict]
        if found:
            return min(found, key=_topic)
    endless = [each for each in stops if each.result.until is None]
    if endless:
        return min(endless, key=_topic)
    last = max(each.result.until for each in stops if each.result.until is not None)
    return min((each for each in stops if each.result.until == last), key=_topic)


def _topic(finding: Finding) -> int:
    return finding.result.topic


def _waits(finding: Finding) -> bool:
    return finding.result.verdict in ("defer", "cap_reached") and finding.result.until is not None


def _unstopped(findings: tuple[Finding, ...], at: datetime | None) -> Judgement:
    spoken = [each for each in findings if each.result is not ALLOW]  # most rules have nothing to say
    for verdict in ("flag", "require", "compute"):
        for each in spoken:
            if each.result.verdict == verdict:
                return Judgement(verdict, each, None, findings, at=at)
    return Judgement("allow", None, None, findings, at=at)
