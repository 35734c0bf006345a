"""Rules and facts of law for tests, written as the packs write them."""

from datetime import datetime
from typing import Any

from app.domain.law.judgements import Judgement, judge
from app.domain.law.packs import read_rule
from app.domain.law.results import References, Result
from app.domain.law.rules import Rule
from app.services.law_packs import vocabulary

NOON = "2026-11-23T12:00:00Z"
"""A Monday."""


def law_rule(*tests: dict[str, Any], **changes: Any) -> Rule:
    """A rule that applies to every act and is always in force, unless changed."""
    document = {
        "id": "TEST-RULE",
        "jurisdiction": "TEST",
        "title": "A rule",
        "source": "par. 1",
        "evidence": "primary",
        "decided_by": "engine",
        "channels": [],
        "message_classes": [],
        "applies_when": {},
        "effective_from": None,
        "effective_until": None,
        "effective_evidence": "primary",
        "effect": "block",
        "condition": "",
        "params": {"tests": list(tests)},
        "notes": "",
    }
    return read_rule(document | changes, vocabulary())


def zones(*names: str) -> list[dict[str, str]]:
    """The fact `zones` of these names."""
    return [{"name": name, "source": "profile"} for name in names]


def instant(text: str | None) -> datetime | None:
    """The moment a case writes."""
    return vocabulary().read_at(text)


def asked(test: dict[str, Any], at: str | None = NOON, references: References | None = None, **facts: Any) -> Result:
    """What a rule of one test answers at a moment."""
    rule = law_rule(test)
    return rule.evaluate(vocabulary().read_facts(facts), instant(at), references or References())


def judged(rules: list[Rule], at: str | None = NOON, **facts: Any) -> Judgement:
    """What several rules answer together at a moment."""
    return judge(rules, vocabulary().read_facts(facts), instant(at))


def holds(matcher: dict[str, Any], at: str | None = NOON, **facts: Any) -> bool:
    """Whether a matcher object over facts holds."""
    row = {"when": matcher, "then": {"verdict": "block"}}
    return asked({"test": "table", "rows": [row]}, at, **facts).verdict == "block"


def attempt(at: str, channel: str = "voice", **changes: Any) -> dict[str, Any]:
    """A call to the borrower that was not answered, unless changed."""
    return {"at": at, "channel": channel, "direction": "outbound", "outcome": "no_answer", **changes}
