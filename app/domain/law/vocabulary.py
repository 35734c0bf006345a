"""The vocabulary all packs are written in: facts, objects, enums, tests and expected results, read from its document."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.law.faults import Faults, under
from app.domain.law.field_types import SCALAR_KINDS, FieldType, read_fields, read_value

_DEFAULTED = frozenset({"enum", "bool", "int"})
_TEST_NAMES = frozenset({"test", "needs"})
_OBJECT_DEFAULTS: dict[str, Any] = {"automation.human_involved": False}
"""What the text says of an absent object and no single word can: a decision is taken to be without a person."""

_INSTANT = FieldType("instant")


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Names and types. Immutable; made by `read_vocabulary`; one is equal only to itself."""

    facts: Mapping[str, FieldType]
    enums: Mapping[str, frozenset[str]]
    expect: Mapping[str, FieldType]
    """Names of results; `values` is an object."""
    tests: Mapping[str, frozenset[str]]
    """Parameter names by kind of test, `test` and `needs` included."""
    defaults: Mapping[str, Any]
    """What an absent fact means, for those whose `absent` names one value."""

    def type_at(self, path: str) -> FieldType | None:
        """Return the type of a fact or of a field of an object fact (`a.b`); None when there is no such path."""
        name, _, field = path.partition(".")
        found = self.facts.get(name)
        if found is None or not field:
            return found
        return found.fields.get(field) if found.kind == "object" and found.fields is not None else None

    def read_facts(self, document: object) -> dict[str, Any]:
        """Return typed facts by name. Raises LawDocumentError that lists every fault by pointer."""
        return self._read(document, self.facts, "facts", "fact")

    def read_expect(self, document: object) -> dict[str, Any]:
        """Return typed expected results by name; null stands for nothing. Raises LawDocumentError."""
        return self._read(document, self.expect, "expect", "expected result")

    def read_at(self, value: object) -> datetime | None:
        """Return the moment of a decision, or None for null. Raises LawDocumentError."""
        faults = Faults()
        at: datetime | None = None if value is None else read_value(value, _INSTANT, "/at", faults)
        faults.refuse("at")
        return at

    def _read(self, document: object, fields: Mapping[str, FieldType], named: str, what: str) -> dict[str, Any]:
        faults = Faults()
        read: dict[str, Any] = {}
        if isinstance(document, Mapping):
            read = read_fields(document, fields, f"/{named}", faults, what)
        else:
            faults.add(f"/{named}", "not an object")
        faults.refuse(named)
        return read


def read_vocabulary(document: object) -> Vocabulary:
    """Return the vocabulary of its document. Raises LawDocumentError."""
    faults = Faults()
    try:
        vocabulary = _Reader(document, faults).vocabulary()
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        faults.add("", f"not a vocabulary: {fault!r}")
    faults.refuse("the vocabulary")
    return vocabulary


class _Reader:
    def __init__(self, document: Any, faults: Faults) -> None:
        self.document, self.faults = document, faults
        self.enums = {name: frozenset(each["values"]) for name, each in document["enums"].items()}
        self.objects: dict[str, FieldType] = {}

    def vocabulary(self) -> Vocabulary:
        facts = {each["name"]: self._type(each, f"/facts/{each['name']}") for each in self.document["facts"]}
        return Vocabulary(
            facts=facts,
            enums=self.enums,
            expect=self._expect(),
            tests={kind: _TEST_NAMES | _names(each["params"]) for kind, each in self.document["tests"].items()},
            defaults=_OBJECT_DEFAULTS | self._defaults(facts),
        )

    def _expect(self) -> dict[str, FieldType]:
        known: dict[str, FieldType] = {}
        for name, each in self.document["expect"].items():
            pointer = under("/expect", name)
            if name == "verdict":
                known[name] = FieldType("enum", frozenset(each["values"]), name="verdict", required=True)
            elif name == "values":
                fields = {key: self._type(value, under(pointer, key)) for key, value in each["names"].items()}
                known[name] = FieldType("object", fields=fields, name="values")
            elif each["type"] == "list":
                known[name] = FieldType("list", item=self._words(each["of"], pointer))
            else:
                known[name] = self._type(each | {"type": "text"} if each["type"] == "rule_id" else each, pointer)
        # An expectation may leave the verdict out; a row of a table may not, which its reader sees to.
        known["verdict"] = FieldType("enum", known["verdict"].values, name="verdict")
        return known

    def _words(self, of: str, pointer: str) -> FieldType:
        """Return the type of words out of several enums, which the text lists as `content marker, notice kind or ...`."""
        names = [name.strip().replace(" ", "_") for name in re.split(r",| or ", of)]
        if unknown := [name for name in names if name not in self.enums]:
            self.faults.add(pointer, f"no such enum: {', '.join(unknown)}")
            return FieldType("text")
        return FieldType("enum", frozenset().union(*(self.enums[name] for name in names)), name=" or ".join(names))

    def _type(self, each: Mapping[str, Any], pointer: str) -> FieldType:
        kind, _, enum = str(each["type"]).partition(":")
        required = bool(each.get("required"))
        if kind == "enum":
            name = enum or each["enum"]
            return FieldType("enum", self.enums[name], name=name, required=required)
        if kind == "object":
            found = self._object(each["of"])
            return FieldType("object", fields=found.fields, name=found.name, required=required)
        if kind == "list":
            of = each["of"]
            item = self._object(of) if isinstance(of, str) else self._type(of, pointer)
            return FieldType("list", item=item, required=required)
        if kind not in SCALAR_KINDS:
            self.faults.add(pointer, f"no known type: {kind!r}")
        return FieldType(kind, required=required)

    def _object(self, name: str) -> FieldType:
        if name not in self.objects:
            fields = self.document["objects"][name]
            typed = {key: self._type(each, f"/objects/{name}/{key}") for key, each in fields.items()}
            self.objects[name] = FieldType("object", fields=typed, name=name)
        return self.objects[name]

    def _defaults(self, facts: Mapping[str, FieldType]) -> dict[str, Any]:
        """Return the value that `absent` begins with, where it is one: `england_wales (UK)`, `0`, `false`."""
        found: dict[str, Any] = {}
        for each in self.document["facts"]:
            word = re.match(r"[\w-]+", each.get("absent") or "")
            kind = facts[each["name"]]
            if word is None or kind.kind not in _DEFAULTED:
                continue
            text = word.group()
            if kind.kind == "enum" and kind.values and text in kind.values:
                found[each["name"]] = text
            elif kind.kind == "bool" and text in ("true", "false"):
                found[each["name"]] = text == "true"
            elif kind.kind == "int" and text.isdecimal():
                found[each["name"]] = int(text)
        return found


def _names(params: Mapping[str, Any]) -> frozenset[str]:
    """Return parameter names; alternatives share an entry (`days|months|years`)."""
    return frozenset(name for names in params for name in names.split("|"))
