"""A law pack: the rules of one jurisdiction, read from its document and compiled once."""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

from app.domain.law.faults import Faults, under
from app.domain.law.field_types import FieldType, read_value, unknown_name
from app.domain.law.kinds import KINDS
from app.domain.law.params import Answer, Params
from app.domain.law.questions import Circumstances, Question
from app.domain.law.rules import AppliesWhen, Rule, RuleTest
from app.domain.law.vocabulary import Vocabulary

_DATE = FieldType("date")
_TEXT = FieldType("text")
_APPLIES = {
    "acts": "act",
    "lender_roles": "lender_role",
    "licence_kinds": "licence_kind",
    "stages": "stage",
    "product_kinds": "product_kind",
}
"""Keys of `applies_when` that are lists, with their enums."""
_APPLIES_DATES = ("contract_signed_from", "contract_signed_before")
_TEXTS = ("id", "jurisdiction", "title", "source", "condition", "notes")
_FIELDS = frozenset(
    {
        *_TEXTS,
        *("evidence", "effective_evidence", "decided_by", "effect", "channels", "message_classes", "applies_when"),
        *("effective_from", "effective_until", "params", "cases"),
    }
)
_KEPT_ANSWERS = 8192
"""How many combinations `rules_for` remembers; a tenant's are some dozens."""


@dataclass(frozen=True, slots=True, eq=False)
class LawPack:
    """The rules of one jurisdiction, in the order of its document."""

    jurisdiction: str
    title: str
    version: str
    """SHA-256 of the content without its cases, hex."""
    as_of: date | None
    rules: tuple[Rule, ...]
    _found: dict[tuple[Any, ...], tuple[Rule, ...]] = field(default_factory=dict, repr=False)

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule of that id, or None."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def rules_for(
        self,
        *,
        decided_by: AbstractSet[str] | None = None,
        act: str | None = None,
        channel: str | None = None,
        message_class: str | None = None,
        stage: str | None = None,
        lender_role: str | None = None,
        licence_kind: str | None = None,
        product_kind: str | None = None,
    ) -> tuple[Rule, ...]:
        """Return the rules that may have something to say, remembered by combination.

        None is what the vocabulary says of an absent fact: act contact, role third-party collector; channel, class and
        stage are then not tested; a rule limited to licences or products does not apply. Nothing that `Rule.evaluate` would
        apply to facts with these values is left out; dates are not looked at.
        """
        asked = Circumstances(act, channel, message_class, stage, lender_role, licence_kind, product_kind)
        key = (None if decided_by is None else frozenset(decided_by), asked)
        found = self._found.get(key)
        if found is None:
            found = tuple(
                rule for rule in self.rules if (decided_by is None or rule.decided_by in decided_by) and rule.is_for(asked)
            )
            if len(self._found) >= _KEPT_ANSWERS:
                self._found.clear()
            self._found[key] = found
        return found


def read_pack(document: Any, vocabulary: Vocabulary) -> LawPack:
    """Return the pack of a document. Raises LawDocumentError that lists every fault of every rule by pointer."""
    faults = Faults()
    if not isinstance(document, Mapping) or not isinstance(document.get("rules"), list):
        faults.add("", "a pack is an object with a list of rules")
        faults.refuse("the pack")
    rules = [_rule(each, vocabulary, faults, f"/rules/{no}") for no, each in enumerate(document["rules"])]
    ids = [rule.id for rule in rules if rule is not None]
    for no, each in enumerate(ids):
        if each in ids[:no]:
            faults.add(f"/rules/{no}/id", f"{each!r} is there twice")
    as_of: date | None = None
    if document.get("as_of") is not None:
        as_of = read_value(document["as_of"], _DATE, "/as_of", faults)
    jurisdiction = read_value(document.get("jurisdiction"), _TEXT, "/jurisdiction", faults)
    faults.refuse("the pack")
    return LawPack(
        jurisdiction=jurisdiction,
        title=str(document.get("title") or jurisdiction),
        version=content_version(document),
        as_of=as_of,
        rules=tuple(rule for rule in rules if rule is not None),
    )


def read_rule(document: Any, vocabulary: Vocabulary) -> Rule:
    """Return one rule of its document. Raises LawDocumentError that lists every fault by pointer."""
    faults = Faults()
    rule = _rule(document, vocabulary, faults, "")
    faults.refuse("the rule")
    assert rule is not None
    return rule


def content_version(document: Mapping[str, Any]) -> str:
    """Return the hash of a pack's content; cases are no part of it, nor is how its JSON is laid out."""
    rules = [{name: each for name, each in rule.items() if name != "cases"} for rule in document["rules"]]
    content = json.dumps({**document, "rules": rules}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(content.encode()).hexdigest()


def _rule(document: Any, vocabulary: Vocabulary, faults: Faults, pointer: str) -> Rule | None:
    if not isinstance(document, Mapping):
        faults.add(pointer, "a rule is an object")
        return None
    for name in document:
        if name not in _FIELDS:
            faults.add(under(pointer, name), unknown_name(name, _FIELDS, "field of a rule"), "unknown")
    fields = _Fields(document, vocabulary, faults, pointer)
    texts = {name: fields.text(name) for name in _TEXTS}
    return Rule(
        **texts,
        evidence=fields.enum("evidence", "evidence"),
        effective_evidence=fields.enum("effective_evidence", "evidence"),
        decided_by=fields.enum("decided_by", "decided_by"),
        effect=fields.enum("effect", "effect"),
        channels=fields.words(document, "channels", "channel", pointer),
        message_classes=fields.words(document, "message_classes", "message_class", pointer),
        applies_when=fields.applies_when(),
        effective_from=fields.day("effective_from"),
        effective_until=fields.day("effective_until"),
        tests=fields.tests(),
        params=params if isinstance(params := document.get("params"), Mapping) else {},
    )


class _Fields:
    """The fields of one rule's document."""

    def __init__(self, document: Mapping[str, Any], vocabulary: Vocabulary, faults: Faults, pointer: str) -> None:
        self.document, self.vocabulary, self.faults, self.pointer = document, vocabulary, faults, pointer

    def text(self, name: str) -> str:
        value = self.document.get(name)
        if value is None and name not in ("id", "jurisdiction"):
            return ""
        return str(read_value(value, _TEXT, under(self.pointer, name), self.faults))

    def enum(self, name: str, enum: str) -> str:
        of = FieldType("enum", self.vocabulary.enums[enum], name=enum)
        return str(read_value(self.document.get(name), of, under(self.pointer, name), self.faults))

    def day(self, name: str, within: Mapping[str, Any] | None = None, pointer: str | None = None) -> date | None:
        value = (self.document if within is None else within).get(name)
        if value is None:
            return None
        found: date | None = read_value(value, _DATE, under(self.pointer if pointer is None else pointer, name), self.faults)
        return found

    def words(self, within: Mapping[str, Any], name: str, enum: str, pointer: str) -> frozenset[str]:
        item = FieldType("enum", self.vocabulary.enums[enum], name=enum)
        found = read_value(within.get(name) or [], FieldType("list", item=item), under(pointer, name), self.faults)
        return frozenset(found or ())

    def applies_when(self) -> AppliesWhen:
        pointer = under(self.pointer, "applies_when")
        when = self.document.get("applies_when") or {}
        if not isinstance(when, Mapping):
            self.faults.add(pointer, "not an object")
            return AppliesWhen()
        for name in when:
            if name not in _APPLIES and name not in _APPLIES_DATES:
                known = frozenset({*_APPLIES, *_APPLIES_DATES})
                self.faults.add(under(pointer, name), unknown_name(name, known, "circumstance"), "unknown")
        lists = {name: self.words(when, name, enum, pointer) for name, enum in _APPLIES.items()}
        dates = {name: self.day(name, when, pointer) for name in _APPLIES_DATES}
        return AppliesWhen(**lists, **dates)  # type: ignore[arg-type]

    def tests(self) -> tuple[RuleTest, ...]:
        pointer = under(under(self.pointer, "params"), "tests")
        params = self.document.get("params")
        tests = params.get("tests") if isinstance(params, Mapping) else None
        if not isinstance(tests, list):
            self.faults.add(pointer, "not a list of tests")
            return ()
        return tuple(self._test(each, under(pointer, no)) for no, each in enumerate(tests))

    def _test(self, document: Any, pointer: str) -> RuleTest:
        kind = document.get("test") if isinstance(document, Mapping) else None
        known = self.vocabulary.tests.keys() & KINDS.keys()
        if kind not in known:
            self.faults.add(under(pointer, "test"), unknown_name(str(kind), frozenset(known), "test"), "unknown")
            return RuleTest(str(kind), {}, None, _silent)
        params = Params(document, pointer, self.vocabulary, self.faults)
        params.only(*self.vocabulary.tests[kind])
        return RuleTest(kind, document, params.matcher("needs"), KINDS[kind](params))


def _silent(question: Question) -> Answer:
    return None
