"""The law as a person at the desk asks it: all that stands in the way of a contact, its hours, what is left under its caps.

The same packs, facts and rules that `decide` asks by, with what only the contact itself says besides: that it answers the
borrower's own message, and where a person would be met.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from app.domain.cases import Case
from app.domain.contact_law import ContactLaw, rules_for, told_facts
from app.domain.decided import Candidate, Stop
from app.domain.law.judgements import judge
from app.domain.law.packs import LawPack
from app.domain.law.questions import Question
from app.domain.law.rules import Rule
from app.domain.policies import Rules, TemplateInfo

_CAP = "cap"
BY_HAND = frozenset({"voice"})
"""Channels that a person works; all else is handed over as the engine does, and the law sees no difference."""


class LawRoom(NamedTuple):
    """What is left under one cap of the law. `resets_at`: when it has room again, where it has none."""

    rule: str
    left: int
    most: int
    resets_at: datetime | None = None


class AskedLaw(ContactLaw):
    """The law for one contact that a person is about to make. `stated`: facts of the contact itself."""

    def __init__(self, case: Case, rules: Rules, now: datetime, stated: Mapping[str, Any]) -> None:
        super().__init__(case, rules, now)
        self._stated = stated

    def stops(self, candidate: Candidate, channel: str, info: TemplateInfo | None) -> tuple[Stop, ...]:
        """Return everything of law that stands in the way now, the one that decides first."""
        pack = self.pack_of(candidate)
        first = self.ask(candidate, channel, info, manual=channel in BY_HAND).stop
        if pack is None or first is None:
            return ()
        facts = self._of(pack, candidate, channel, info)
        question = Question(facts, self._now)
        found = [first]
        for rule in rules_for(pack, facts):
            result = rule.answer(question)
            if result.stops and rule.id != first.rule:
                found.append(Stop(self._reason(result, candidate), rule.id, result.until, told_facts(pack, result)))
        return tuple(found)

    def opens_at(self, candidate: Candidate, channel: str, info: TemplateInfo | None, at: datetime) -> datetime | None:
        """Return the first instant from `at` on that the hours of the law allow; None: none is known."""
        pack = self.pack_of(candidate)
        if pack is None:
            return at
        hours, facts = self._hours_of(pack, candidate, channel, info, manual=channel in BY_HAND)
        found = judge(hours, facts, at) if hours else None
        return at if found is None or found.may_proceed else found.until

    def room(self, candidate: Candidate, channel: str, info: TemplateInfo | None) -> tuple[LawRoom, ...]:
        """Return what is left now under each cap of the law; a cap that counts nothing here is left out."""
        pack = self.pack_of(candidate)
        if pack is None:
            return ()
        facts = self._of(pack, candidate, channel, info)
        found = (room_under(rule, facts, self._now) for rule in rules_for(pack, facts))
        return tuple(each for each in found if each is not None)

    def rule(self, candidate: Candidate, rule_id: str) -> Rule | None:
        """Return a rule of the pack that is asked about a candidate."""
        pack = self.pack_of(candidate)
        return None if pack is None else pack.rule(rule_id)

    def _of(self, pack: LawPack, candidate: Candidate, channel: str, info: TemplateInfo | None) -> dict[str, Any]:
        return self._facts(pack, candidate, channel, info, manual=channel in BY_HAND)

    def _facts(
        self, pack: LawPack, candidate: Candidate, channel: str, info: TemplateInfo | None, *, manual: bool
    ) -> dict[str, Any]:
        return super()._facts(pack, candidate, channel, info, manual=manual) | dict(self._stated)


def room_under(rule: Rule, facts: Mapping[str, Any], now: datetime) -> LawRoom | None:
    """Return what is left under a rule, or None where it counts nothing here.

    The rule itself is asked: how many more tries at this instant until it says that the count is full.
    """
    limits = [limit for test in rule.tests if test.kind == _CAP for limit in test.document.get("limits", ())]
    most = max((limit["max"] for limit in limits), default=0)
    attempts = list(facts["contact_attempts"])
    another = {"at": now, "channel": facts["channel"], "direction": "outbound", "outcome": "sent",
               "debt": facts.get("debt"), "number": None, "occurrence": None}  # fmt: skip
    for left in range(most + 1) if limits else ():
        result = rule.evaluate({**facts, "contact_attempts": [*attempts, *[another] * left]}, now)
        if result.verdict == "cap_reached":
            return LawRoom(rule.id, left, most, None if left else result.until)
    return None
