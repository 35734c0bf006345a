"""What the law says of a text: every rule of a pack that speaks of content, asked with the facts of a message.

No rule is known by its id. A rule takes part when it is decided by content, or when one of its tests looks at content; of a
rule that the engine decides only those tests are asked here.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

from app.wording.lint_findings import Problem, Said

if TYPE_CHECKING:
    from app.domain.law.packs import LawPack
    from app.domain.law.rules import Rule
    from app.wording.template_texts import Purpose

CONTENT_KINDS = frozenset({"table", "content_required", "content_forbidden", "sum_equals"})
_CONTENT_FACTS = frozenset({"content", "body", "offered_numbers", "itemisation"})
_NUMBER = re.compile(r"(?<!\w)\+?\d[\d\s()-]{6,}\d(?!\w)")
_DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    "letter": {"immutable": True, "format": "paper", "downloadable": True},
    "email": {"immutable": True, "format": "email_body", "downloadable": True},
}
"""What a notice is as a document, by the channel that carries it whole."""


def content_rules(pack: "LawPack") -> list["Rule"]:
    """Return the rules that speak of content, each with the tests that do."""
    found = []
    for rule in pack.rules:
        tests = tuple(
            test
            for test in rule.tests
            if test.kind in CONTENT_KINDS and (rule.decided_by == "content" or _speaks_of_content(test.kind, test.document))
        )
        if tests:
            found.append(replace(rule, tests=tests))
    return found


def law_problems(
    said: Said, pack: "LawPack", *, purpose: "Purpose", role: str, now: datetime | None, facts: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield what stands in the way of a text in any of the circumstances it is for."""
    circumstances = [{**each, **facts} for each in _circumstances(said, purpose, role, now)]
    for rule in content_rules(pack):
        lacking: dict[str, None] = {}
        stopped: str | None = None
        for asked in circumstances:
            result = rule.evaluate(asked, now)
            if result.stops:
                stopped = result.verdict
                lacking.update(dict.fromkeys(result.missing))
        if stopped is not None:
            what = f"lacks {', '.join(lacking)}" if lacking else "holds what must not be said"
            yield Problem(
                "law", f"{rule.title}: {what}", jurisdiction=pack.jurisdiction, rule=rule.id, paragraph=rule.source,
                evidence=rule.evidence,
            )  # fmt: skip


def _circumstances(said: Said, purpose: "Purpose", role: str, now: datetime | None) -> Iterator[dict[str, Any]]:
    """Yield the facts of every message it may be: stages, classes, none and many payments missed, first and later.

    A text of no stage is about no debt (a code, the confirmation of a STOP): what is owed does not bear on it.
    """
    notice = purpose.notice(said.channel)
    missed_payments = (0, 3) if purpose.stages else (0,)
    for stage, message_class, missed, prior in product(purpose.stages or (None,), purpose.classes, missed_payments, (0, 1)):
        yield {
            "act": "contact",
            "channel": said.channel,
            "message_class": message_class,
            "stage": stage,
            "lender_role": role,
            "content": sorted(said.markers),
            "body": said.text,
            "language": said.locale,
            "disclosure_language": said.locale,
            "offered_numbers": [re.sub(r"\D", "", number) for number in _NUMBER.findall(said.text)],
            "position": {"missed_payments": missed, "time_barred": missed > 0},
            "prior_contacts": prior,
            "validation_period_ends_on": None if now is None else now.date() + timedelta(days=30),
            "identity_verified": said.channel == "in_app",
            "debt_advice_known": True,
            "notice_kind": notice,
            "required_by_law": notice is not None,
            "document": dict(_DOCUMENTS[said.channel]) if said.channel in _DOCUMENTS else None,
        }


def _speaks_of_content(kind: str, document: object) -> bool:
    if kind in ("content_required", "content_forbidden", "sum_equals"):
        return True
    if isinstance(document, Mapping):
        return any(name in _CONTENT_FACTS or _speaks_of_content("", each) for name, each in document.items())
    return isinstance(document, list | tuple) and any(_speaks_of_content("", each) for each in document)
