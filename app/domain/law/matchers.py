"""Matcher objects over facts and over the elements of list facts, compiled once to closures.

A matcher object holds when every entry holds. Over facts an entry is a fact or `a.b`; inside an element (`any`, `none`,
`where`) it is a field of the element or one of `active`, `covers_channel`, `covers_number`, `other_channel`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.law.faults import Faults, under
from app.domain.law.field_types import FieldType, unknown_name
from app.domain.law.questions import Question
from app.domain.law.records import LIVES, Element, covers_channel, covers_number, is_active
from app.domain.law.values import ValueReader, ValueTest
from app.domain.law.vocabulary import Vocabulary

ElementTest = Callable[[Element, Question], bool]
FactTest = Callable[[Question], bool]
_Lacking = Callable[[Question], list[str]]


@dataclass(frozen=True, slots=True)
class Matcher:
    """A compiled matcher object over facts."""

    holds: FactTest
    facts: frozenset[str]
    """Names of all facts it looks at."""
    lists: tuple[_Lacking, ...] = ()

    def lacking(self, question: Question) -> tuple[str, ...]:
        """Return the markers that its `lacks_any` entries look for and do not find, in their order."""
        return tuple(dict.fromkeys(word for each in self.lists for word in each(question)))


ALWAYS = Matcher(lambda question: True, frozenset())


class MatcherReader:
    """Compiles matcher objects of one document; faults are collected by pointer."""

    def __init__(self, vocabulary: Vocabulary, faults: Faults) -> None:
        self.vocabulary, self.faults = vocabulary, faults

    def over_facts(self, document: Any, pointer: str) -> Matcher:
        """Return the matcher over facts; None stands for one that always holds."""
        if document is None or document == {}:
            return ALWAYS
        if not isinstance(document, Mapping):
            self.faults.add(pointer, "not a matcher object")
            return ALWAYS
        tests: list[FactTest] = []
        facts: set[str] = set()
        lists: list[_Lacking] = []
        for path, each in document.items():
            of = self.vocabulary.type_at(path)
            here = under(pointer, path)
            if of is None:
                self.faults.add(here, unknown_name(path, self.vocabulary.facts, "fact"), "unknown")
                continue
            facts.add(path.partition(".")[0])
            tests += self._fact_tests(path, each, of, here, facts)
            if isinstance(each, Mapping) and "lacks_any" in each:
                lists.append(_lacking(path, each["lacks_any"]))
        return Matcher(_all_facts(tests), frozenset(facts), tuple(lists))

    def over_elements(self, document: Any, of: FieldType, pointer: str, facts: set[str] | None = None) -> ElementTest:
        """Return the test of an element of a list fact; None stands for one that always holds.

        Names of facts it looks at are added to `facts`.
        """
        fields = of.fields or {}
        if not isinstance(document, Mapping):
            if document is not None:
                self.faults.add(pointer, "not a matcher object")
            return lambda element, question: True
        tests: list[ElementTest] = []
        for name, each in document.items():
            here = under(pointer, name)
            after = each.get("min_days_after_field") if isinstance(each, Mapping) else None
            if isinstance(after, list) and after and after[0] not in fields:
                self.faults.add(here, unknown_name(str(after[0]), fields, f"field of {of.name}"), "unknown")
            if name in fields:
                reader = ValueReader(self.vocabulary, self.faults)
                tests.append(_field_test(name, reader.compile(each, fields[name], here)))
                if facts is not None:
                    facts |= reader.facts
            elif (state := self._state(name, of)) is None:
                known = frozenset({*fields, *_STATES, "active"})
                self.faults.add(here, unknown_name(name, known, f"field of {of.name}"), "unknown")
            elif not isinstance(each, bool):
                self.faults.add(here, "not true or false")
            else:
                tests.append(state if each else _not(state))
        return _all_elements(tests)

    def _fact_tests(self, path: str, document: Any, of: FieldType, pointer: str, facts: set[str]) -> list[FactTest]:
        tests: list[FactTest] = []
        rest = document
        if isinstance(document, Mapping) and of.kind == "list" and of.item is not None and of.item.kind == "object":
            for name in ("any", "none"):
                if name in document:
                    element = self.over_elements(document[name], of.item, under(pointer, name), facts)
                    tests.append(_some(path, element) if name == "any" else _none(path, element))
            rest = {name: each for name, each in document.items() if name not in ("any", "none")}
            if not rest and tests:
                return tests
        reader = ValueReader(self.vocabulary, self.faults)
        test = reader.compile(rest, of, pointer, self.vocabulary.defaults.get(path))
        facts |= reader.facts
        return [*tests, _fact_test(path, test)]

    def _state(self, name: str, of: FieldType) -> ElementTest | None:
        if name == "active":
            life = LIVES.get(of.name or "")
            return None if life is None else lambda element, question: is_active(element, life, question.at)
        needed = "number" if name == "covers_number" else "channel"
        return _STATES.get(name) if needed in (of.fields or {}) else None


def _covers_channel(element: Element, question: Question) -> bool:
    return covers_channel(element, question.facts.get("channel"))


def _covers_number(element: Element, question: Question) -> bool:
    return covers_number(element, question.facts.get("endpoint"))


def _other_channel(element: Element, question: Question) -> bool:
    own = element.get("channel")
    return own is not None and own != question.facts.get("channel")


_STATES: dict[str, ElementTest] = {
    "covers_channel": _covers_channel,
    "covers_number": _covers_number,
    "other_channel": _other_channel,
}


def _lacking(path: str, markers: Any) -> _Lacking:
    wanted = [each for each in markers if isinstance(each, str)] if isinstance(markers, list) else []

    def lacking(question: Question) -> list[str]:
        found = question.get(path) or ()
        return [word for word in wanted if word not in found]

    return lacking


def _fact_test(path: str, test: ValueTest) -> FactTest:
    name, _, field = path.partition(".")
    if not field:
        return lambda question: test(question.facts.get(name), question, question.facts)

    def nested(question: Question) -> bool:
        found = question.facts.get(name)
        return test(None if found is None else found.get(field), question, question.facts)

    return nested


def _some(path: str, test: ElementTest) -> FactTest:
    def holds(question: Question) -> bool:
        for element in question.get(path) or ():  # a loop: this is the hottest place of all, and a generator costs more
            if test(element, question):
                return True
        return False

    return holds


def _none(path: str, test: ElementTest) -> FactTest:
    some = _some(path, test)
    return lambda question: not some(question)


def _field_test(name: str, test: ValueTest) -> ElementTest:
    return lambda element, question: test(element.get(name), question, element)


def _not(test: ElementTest) -> ElementTest:
    return lambda element, question: not test(element, question)


def _all_facts(tests: list[FactTest]) -> FactTest:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        one, other = tests
        return lambda question: one(question) and other(question)

    def holds(question: Question) -> bool:
        for test in tests:
            if not test(question):
                return False
        return True

    return holds


def _all_elements(tests: list[ElementTest]) -> ElementTest:
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        one, other = tests
        return lambda element, question: one(element, question) and other(element, question)

    def holds(element: Element, question: Question) -> bool:
        for test in tests:
            if not test(element, question):
                return False
        return True

    return holds
