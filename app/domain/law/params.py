"""Reading the parameters of one test: typed, with every fault collected by pointer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from app.domain.errors import ValidationError
from app.domain.law.faults import Faults, under
from app.domain.law.field_types import FieldType, read_value, unknown_name
from app.domain.law.matchers import Matcher, MatcherReader
from app.domain.law.questions import Question
from app.domain.law.results import Result
from app.domain.law.vocabulary import Vocabulary
from app.domain.times import zone_named

Answer = tuple[bool, Result] | None
"""Whether the result decides the rule, and the result; None: nothing to say. What does not decide only adds figures."""

Test = Callable[[Question], Answer]


def decided(result: Result) -> Answer:
    """Return an answer that ends the rule."""
    return True, result


def noted(result: Result) -> Answer:
    """Return an answer that lets the next test run and keeps its figures for the final allow."""
    return False, result


class Params:
    """The parameters of one test in a pack."""

    def __init__(self, document: Mapping[str, Any], pointer: str, vocabulary: Vocabulary, faults: Faults) -> None:
        self.document, self.pointer = document, pointer
        self.vocabulary, self.faults = vocabulary, faults
        self.matchers = MatcherReader(vocabulary, faults)

    def at(self, name: str) -> str:
        """Return the pointer to a parameter."""
        return under(self.pointer, name)

    def has(self, name: str) -> bool:
        """Whether the parameter is there and not null."""
        return self.document.get(name) is not None

    def fault(self, name: str, detail: str) -> None:
        """Record what is wrong with a parameter."""
        self.faults.add(self.at(name), detail)

    def whole(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number, not negative."""
        found: int | None = self._read(name, "int", default)
        if found is not None and found < 0:
            self.fault(name, "negative")
        return found

    def count(self, name: str, default: int) -> int:
        """Return a whole number, not negative; what is faulty reads as the default."""
        found = self.whole(name, default)
        return default if found is None else found

    def flag(self, name: str) -> bool:
        """Return true or false; absent is false."""
        return bool(self._read(name, "bool", False))

    def decimal(self, name: str, default: Decimal | None = None) -> Decimal | None:
        """Return a decimal, written as a string or as a whole number."""
        value = self.document.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return Decimal(value)
        found: Decimal | None = self._read(name, "decimal", default)
        return found

    def day(self, name: str) -> date | None:
        """Return a date."""
        found: date | None = self._read(name, "date", None)
        return found

    def minute(self, name: str) -> int:
        """Return the minute of the day of a wall time; `24:00` is the end of the day. It must be there."""
        if self.document.get(name) == "24:00":
            return 24 * 60
        if not self.has(name):
            self.fault(name, "missing")
            return 0
        found: time | None = self._read(name, "time", None)
        return 0 if found is None else found.hour * 60 + found.minute

    def text(self, name: str) -> str | None:
        """Return a text."""
        found: str | None = self._read(name, "text", None)
        return found

    def choice(self, name: str, among: Sequence[str], default: str) -> str:
        """Return one of several words."""
        found = self.document.get(name, default)
        if found not in among:
            self.fault(name, f"not one of {', '.join(among)}")
            return default
        return str(found)

    def enum(self, name: str, enum: str) -> str | None:
        """Return a value of an enum of the vocabulary."""
        return self._enum(self.document[name], enum, self.at(name)) if self.has(name) else None

    def words(self, name: str, enum: str | None = None) -> tuple[str, ...]:
        """Return a list of values of an enum, in its order; of words that `missing` may name when `enum` is None."""
        found = self.document.get(name)
        if found is None:
            return ()
        if not isinstance(found, list):
            self.fault(name, "not a list")
            return ()
        read = [self._enum(each, enum, under(self.at(name), no)) for no, each in enumerate(found)]
        return tuple(each for each in read if each is not None)

    def zone(self, name: str) -> str | None:
        """Return the name of an IANA zone."""
        found = self.text(name)
        if found is not None:
            try:
                zone_named(found)
            except ValidationError as refusal:
                self.fault(name, refusal.detail)
        return found

    def matcher(self, name: str) -> Matcher | None:
        """Return a matcher object over facts, or None where there is none."""
        return self.matchers.over_facts(self.document[name], self.at(name)) if self.has(name) else None

    def path(self, name: str) -> str | None:
        """Return the path of a fact."""
        found = self.text(name)
        if found is not None and self.vocabulary.type_at(found) is None:
            self.fault(name, unknown_name(found, self.vocabulary.facts, "fact"))
        return found

    def part(self, name: str) -> "Params | None":
        """Return the parameters inside an object parameter, or None where there is none."""
        found = self.document.get(name)
        if found is None:
            return None
        if not isinstance(found, Mapping):
            self.fault(name, "not an object")
            return None
        return Params(found, self.at(name), self.vocabulary, self.faults)

    def parts(self, name: str) -> list["Params"]:
        """Return the parameters inside each object of a list parameter. It must be there and not be empty."""
        found = self.document.get(name)
        if not isinstance(found, list) or not found:
            self.fault(name, "not a list of at least one object")
            return []
        for no, each in enumerate(found):
            if not isinstance(each, Mapping):
                self.faults.add(under(self.at(name), no), "not an object")
        pairs = [(no, each) for no, each in enumerate(found) if isinstance(each, Mapping)]
        return [Params(each, under(self.at(name), no), self.vocabulary, self.faults) for no, each in pairs]

    def only(self, *names: str) -> None:
        """Record every parameter beside these as unknown."""
        for name in self.document:
            if name not in names:
                self.faults.add(self.at(name), unknown_name(name, frozenset(names), "parameter"), "unknown")

    def list_type(self, path: str, name: str) -> FieldType | None:
        """Return the type of the elements of a list of objects at a path; records a fault at `name` otherwise."""
        found = self.vocabulary.type_at(path)
        if found is None or found.item is None or found.item.kind != "object":
            self.fault(name, f"{path!r} is no list of objects")
            return None
        return found.item

    def _enum(self, value: Any, enum: str | None, pointer: str) -> str | None:
        if enum is None:
            item = self.vocabulary.expect["missing"].item
            assert item is not None
            of = item
        else:
            of = FieldType("enum", self.vocabulary.enums[enum], name=enum)
        found: str | None = read_value(value, of, pointer, self.faults)
        return found

    def _read(self, name: str, kind: str, default: Any) -> Any:
        return read_value(self.document[name], FieldType(kind), self.at(name), self.faults) if self.has(name) else default
