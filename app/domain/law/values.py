"""Matchers of one value: compiled once from the document to a closure.

The language is the table `matchers` of the vocabulary. An absent value and null are the same here, and both fail every
matcher that does not say otherwise. An equality also accepts what the vocabulary says that an absent fact means.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from app.domain.law.faults import Faults, under
from app.domain.law.field_types import FieldType, read_value, unknown_name
from app.domain.law.questions import Question, is_past
from app.domain.law.records import Element
from app.domain.law.vocabulary import Vocabulary

ValueTest = Callable[[Any, Question, Element], bool]
"""Whether a value matches; the element is the object the value is a field of (for a fact: all facts)."""

_ORDERED = frozenset({"int", "decimal", "date", "instant"})
_DATED = frozenset({"date", "instant"})
_NUMBERS = frozenset({"int", "decimal"})
_NUMBER_TEXT = FieldType("decimal")


class ValueReader:
    """Compiles the matcher of one value. Faults are collected; what is faulty compiles to a test that never holds."""

    def __init__(self, vocabulary: Vocabulary, faults: Faults) -> None:
        self.vocabulary, self.faults = vocabulary, faults
        self.facts: set[str] = set()
        """Names of the other facts that what was compiled so far looks at."""

    def compile(self, document: Any, of: FieldType, pointer: str, default: Any = None) -> ValueTest:
        """Return the test of a matcher: a scalar, a list of alternatives, or an object of named matchers."""
        if isinstance(document, Mapping):
            if not document:
                self.faults.add(pointer, "an empty matcher")
            tests = [self._named(name, each, of, under(pointer, name), default) for name, each in document.items()]
            return tests[0] if len(tests) == 1 else _every(tests)
        alternatives = document if isinstance(document, list) else [document]
        read = [self._scalar(each, of, pointer) for each in alternatives]
        return _one_of(frozenset(each for each in read if each is not None), None in alternatives, default)

    def _scalar(self, value: Any, of: FieldType, pointer: str) -> Any:
        if value is not None and of.kind in ("list", "object"):
            self.faults.add(pointer, f"a {of.kind} cannot equal {value!r}")
            return None
        return None if value is None else read_value(value, of, pointer, self.faults)

    def _named(self, name: str, document: Any, of: FieldType, pointer: str, default: Any) -> ValueTest:
        if name == "not":
            test = self.compile(document, of, pointer, default)
            return lambda value, question, element: not test(value, question, element)
        compiler = _COMPILERS.get(name)
        if compiler is None:
            self.faults.add(pointer, unknown_name(name, _COMPILERS, "matcher"), "unknown")
            return _never
        found: ValueTest = compiler(self, name, document, of, pointer)
        return found

    def refuse(self, pointer: str, detail: str) -> ValueTest:
        """Record a fault and return a test that never holds."""
        self.faults.add(pointer, detail)
        return _never

    def words(self, document: Any, of: FieldType, pointer: str) -> tuple[Any, ...]:
        """Return typed words to look for in a list fact."""
        if of.kind != "list" or of.item is None or of.item.kind == "object" or not isinstance(document, list):
            self.faults.add(pointer, "wants a list of words, and a fact that is a list of words")
            return ()
        return tuple(read_value(each, of.item, under(pointer, no), self.faults) for no, each in enumerate(document))


def _every(tests: list[ValueTest]) -> ValueTest:
    return lambda value, question, element: all(test(value, question, element) for test in tests)


def _never(value: Any, question: Question, element: Element) -> bool:
    return False


def _one_of(wanted: frozenset[Any], null: bool, default: Any) -> ValueTest:
    absent_holds = null or (default is not None and default in wanted)
    if not wanted:  # asked of objects and lists too, which have no hash
        return lambda value, question, element: absent_holds and value is None
    if len(wanted) == 1:
        (only,) = wanted
        return lambda value, question, element: absent_holds if value is None else value == only
    return lambda value, question, element: absent_holds if value is None else value in wanted


def _if_wanted(reader: ValueReader, document: Any, pointer: str, test: ValueTest) -> ValueTest:
    """Return the test for `name: true`, its opposite for `name: false`."""
    if not isinstance(document, bool):
        return reader.refuse(pointer, "not true or false")
    return test if document else lambda value, question, element: not test(value, question, element)


def _present(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    return _if_wanted(reader, document, pointer, lambda value, question, element: value is not None)


def _has_any(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    words = frozenset(reader.words(document, of, pointer))
    return lambda value, question, element: value is not None and not words.isdisjoint(value)


def _has_none(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    words = frozenset(reader.words(document, of, pointer))
    return lambda value, question, element: value is None or words.isdisjoint(value)


def _lacks_any(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    words = frozenset(reader.words(document, of, pointer))
    return lambda value, question, element: value is not None and not words.issubset(value)


def _only(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    words = frozenset(reader.words(document, of, pointer))
    return lambda value, question, element: bool(value) and words.issuperset(value)


_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


def _bound(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    if of.kind not in _ORDERED:
        return reader.refuse(pointer, f"a {of.kind} has no order")
    bound: Any
    if of.kind in _NUMBERS and isinstance(document, int) and not isinstance(document, bool):
        bound = document
    else:
        bound = read_value(document, _NUMBER_TEXT if of.kind in _NUMBERS else of, pointer, reader.faults)
    compare = _BOUNDS[name]
    return lambda value, question, element: value is not None and compare(value, bound)


_FACT_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {"gt_fact": gt, "lt_fact": lt, "eq_fact": eq, "ne_fact": ne}


def _fact_bound(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    other = reader.vocabulary.type_at(document) if isinstance(document, str) else None
    if other is None:
        return reader.refuse(pointer, unknown_name(str(document), reader.vocabulary.facts, "fact"))
    ordered = name in ("gt_fact", "lt_fact")
    if not _comparable(of, other) or (ordered and of.kind not in _ORDERED):
        return reader.refuse(pointer, f"a {of.kind} is not compared with a {other.kind}")
    path, compare = str(document), _FACT_BOUNDS[name]
    reader.facts.add(path.partition(".")[0])

    def test(value: Any, question: Question, element: Element) -> bool:
        against = question.get(path)
        if value is None or against is None:
            return False
        if isinstance(value, datetime) is not isinstance(against, datetime) and isinstance(value, date):
            value, against = question.date_of(value), question.date_of(against)
        return compare(value, against)

    return test


def _comparable(one: FieldType, other: FieldType) -> bool:
    words = frozenset({"text", "enum"})
    return one.kind == other.kind or any({one.kind, other.kind} <= group for group in (_NUMBERS, _DATED, words))


def _matches(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    if of.kind not in ("text", "enum"):
        return reader.refuse(pointer, f"a {of.kind} is no text")
    patterns = compile_patterns(document, pointer, reader.faults)
    return lambda value, question, element: value is not None and any(each.search(value) for each in patterns)


def _any_match(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    if of.kind != "list" or of.item is None or of.item.kind not in ("text", "enum"):
        return reader.refuse(pointer, "wants a list of texts")
    patterns = compile_patterns(document, pointer, reader.faults)

    def test(value: Any, question: Question, element: Element) -> bool:
        joined = ["".join(text.split()) for text in value or ()]
        return any(each.search(text) for text in joined for each in patterns)

    return test


def compile_patterns(document: Any, pointer: str, faults: Faults) -> tuple[re.Pattern[str], ...]:
    """Return regular expressions that ignore case; a single one may stand without its list."""
    patterns = []
    for no, each in enumerate(document if isinstance(document, list) else [document]):
        try:
            patterns.append(re.compile(each, re.IGNORECASE))
        except (re.error, TypeError) as fault:
            faults.add(under(pointer, no), f"no regular expression: {fault}")
    return tuple(patterns)


def _past(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    if of.kind not in _DATED:
        return reader.refuse(pointer, f"a {of.kind} is neither date nor instant")
    return _if_wanted(
        reader, document, pointer, lambda value, question, element: value is not None and is_past(value, question)
    )


def _before_today(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    return _against_today(reader, document, of, pointer, lt)


def _today_or_later(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    return _against_today(reader, document, of, pointer, ge)


def _against_today(
    reader: ValueReader, document: Any, of: FieldType, pointer: str, compare: Callable[[Any, Any], bool]
) -> ValueTest:
    if of.kind not in _DATED:
        return reader.refuse(pointer, f"a {of.kind} is neither date nor instant")

    def test(value: Any, question: Question, element: Element) -> bool:
        return value is not None and question.at is not None and bool(compare(question.date_of(value), question.today))

    return _if_wanted(reader, document, pointer, test)


def _within_days(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    days = read_value(document, FieldType("int"), pointer, reader.faults)
    if of.kind not in _DATED or days is None:
        return reader.refuse(pointer, "wants a number of days, and a date or an instant")

    def test(value: Any, question: Question, element: Element) -> bool:
        if value is None or question.today is None or not is_past(value, question):
            return False
        return bool((question.today - question.date_of(value)).days <= days)

    return test


def _older_than_minutes(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    minutes = read_value(document, FieldType("int"), pointer, reader.faults)
    if of.kind != "instant" or minutes is None:
        return reader.refuse(pointer, "wants a number of minutes, and an instant")
    age = timedelta(minutes=minutes)
    return lambda value, question, element: value is not None and question.at is not None and bool(question.at - value > age)


def _min_days_after_field(reader: ValueReader, name: str, document: Any, of: FieldType, pointer: str) -> ValueTest:
    if of.kind not in _DATED or not (isinstance(document, list) and len(document) == 2 and isinstance(document[1], int)):
        return reader.refuse(pointer, "wants [field, days], and a date or an instant")
    field, days = document

    def test(value: Any, question: Question, element: Element) -> bool:
        start = element.get(field)
        if value is None or start is None:
            return False
        return bool((question.date_of(value) - question.date_of(start)).days >= days)

    return test


_COMPILERS: dict[str, Callable[[ValueReader, str, Any, FieldType, str], ValueTest]] = {
    "present": _present,
    "has_any": _has_any,
    "has_none": _has_none,
    "lacks_any": _lacks_any,
    "only": _only,
    **dict.fromkeys(_BOUNDS, _bound),
    **dict.fromkeys(_FACT_BOUNDS, _fact_bound),
    "matches": _matches,
    "any_match": _any_match,
    "past": _past,
    "before_today": _before_today,
    "today_or_later": _today_or_later,
    "within_days": _within_days,
    "older_than_minutes": _older_than_minutes,
    "min_days_after_field": _min_days_after_field,
}
