"""A rule of law: where and when it applies, and what it answers. Typed tests run in order; the first that decides wins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.law.matchers import Matcher
from app.domain.law.params import Test
from app.domain.law.questions import Circumstances, Facts, Question
from app.domain.law.results import ALLOW, NO_REFERENCES, References, Result

ACT, LENDER_ROLE = "contact", "third_party_collector"
"""What an absent act and an absent lender role mean; the role is the strict reading."""
SECURITY = "security"
"""One-time codes: tested only by rules that list the class."""


@dataclass(frozen=True, slots=True)
class AppliesWhen:
    """The circumstances a rule is for; an empty set is any, a date None is any."""

    acts: frozenset[str] = frozenset()
    lender_roles: frozenset[str] = frozenset()
    licence_kinds: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    product_kinds: frozenset[str] = frozenset()
    contract_signed_from: date | None = None
    """Inclusive."""
    contract_signed_before: date | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleTest:
    """One compiled test, and the document it was compiled from."""

    kind: str
    document: Mapping[str, Any]
    needs: Matcher | None
    run: Test


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule of a pack. Dates are local: `effective_from` inclusive, `effective_until` exclusive, None open."""

    id: str
    jurisdiction: str
    title: str
    source: str
    """The paragraph."""
    evidence: str
    """How well it was read: primary, partly, rendering, recalled. A recalled one is not law to users."""
    effective_evidence: str
    """How well `effective_from` is known; the same words."""
    decided_by: str
    """Who executes it: engine, content, duty, compute, person."""
    effect: str
    channels: frozenset[str]
    """Empty is any, also no channel at all."""
    message_classes: frozenset[str]
    """Empty is any except security."""
    applies_when: AppliesWhen
    effective_from: date | None
    effective_until: date | None
    condition: str
    """The legal meaning in one or two sentences."""
    notes: str
    tests: tuple[RuleTest, ...]
    params: Mapping[str, Any]
    """All figures of its document, those that no test reads too."""

    @property
    def is_recalled(self) -> bool:
        """Whether it was only recalled: it must be marked as unverified wherever it is shown."""
        return self.evidence == "recalled"

    def evaluate(self, facts: Facts, at: datetime | None, references: References = NO_REFERENCES) -> Result:
        """Return the answer; not in force and not applicable is allow. Raises ValidationError for an unknown zone."""
        return self.answer(Question(facts, at, references))

    def answer(self, question: Question) -> Result:
        """Return the answer to a question that several rules share."""
        if not (self.is_for(question.asked) and self.is_in_force(question) and self._is_signed_then(question.facts)):
            return ALLOW
        found: Result | None = None
        for test in self.tests:
            if test.needs is not None and not test.needs.holds(question):
                continue
            answer = test.run(question)
            if answer is None:
                continue
            decides, result = answer
            if decides:
                return result
            found = result if found is None else _both(found, result)
        return found or ALLOW

    def is_for(self, asked: Circumstances) -> bool:
        """Whether the rule is for this act, channel, class and circumstances; the contract's date is not looked at."""
        if asked.channel is not None and self.channels and asked.channel not in self.channels:
            return False
        if asked.message_class is not None:
            if self.message_classes:
                if asked.message_class not in self.message_classes:
                    return False
            elif asked.message_class == SECURITY:
                return False
        when = self.applies_when
        if when.acts and (asked.act or ACT) not in when.acts:
            return False
        if when.lender_roles and (asked.lender_role or LENDER_ROLE) not in when.lender_roles:
            return False
        if when.stages and asked.stage is not None and asked.stage not in when.stages:
            return False
        if when.licence_kinds and asked.licence_kind not in when.licence_kinds:
            return False
        return not when.product_kinds or asked.product_kind in when.product_kinds

    def is_in_force(self, question: Question) -> bool:
        """Whether the local date, in any of the zones, lies in [effective_from, effective_until); without a time, always."""
        if question.at is None:
            return True
        start, end = self.effective_from, self.effective_until
        for on in question.dates:
            if (start is None or start <= on) and (end is None or on < end):
                return True
        return False

    def _is_signed_then(self, facts: Facts) -> bool:
        start, end = self.applies_when.contract_signed_from, self.applies_when.contract_signed_before
        if start is None and end is None:
            return True
        contract = facts.get("contract")
        signed_on: date | None = None if contract is None else contract.get("signed_on")
        return signed_on is not None and (start is None or start <= signed_on) and (end is None or signed_on < end)


def _both(earlier: Result, later: Result) -> Result:
    return later._replace(
        values={**earlier.values, **later.values},
        due_on=later.due_on or earlier.due_on,
        due_at=later.due_at or earlier.due_at,
    )
