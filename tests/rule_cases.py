"""Cases of law rules: each asks one rule at one moment and says what it must answer."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from app.domain.law.packs import read_rule
from app.domain.law.results import References, Result
from app.domain.law.rules import Rule
from app.domain.law.vocabulary import Vocabulary, read_vocabulary
from app.domain.times import rfc3339, zone_named

VOCABULARY = "VOCABULARY.json"
_CASE = {"name", "at", "facts", "expect"}
_ANSWERED = frozenset(Result._fields)


class Malformed(Exception):
    """A file, a rule or a case that is not of the format."""


class Case(NamedTuple):
    """A case as it stands in its file; `document` is whatever stands there."""

    file: str
    rule: str
    name: str
    document: Any


class Pack(NamedTuple):
    """What a file holds: rules by their documents, or why it holds none."""

    file: str
    rules: list[Any]
    fault: str | None = None


def read_json(path: Path) -> Any:
    """Return a JSON document; fractions stay text, so that no float comes in. Raises Malformed."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_float=_no_float, object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as fault:
        raise Malformed(f"not read: {fault}") from None


def vocabulary_of(folder: Path, ours: Path) -> Vocabulary:
    """Return the vocabulary of the folder, or ours where it has none. Raises Malformed or LawDocumentError."""
    path = next((each for each in _documents(folder) if each.name.lower() == VOCABULARY.lower()), ours)
    return read_vocabulary(read_json(path))


def _documents(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.suffix.lower() == ".json")


def packs_in(folder: Path) -> Iterator[Pack]:
    """Return what each file of the folder holds, the vocabulary apart."""
    for path in _documents(folder):
        if path.name.lower() == VOCABULARY.lower():
            continue
        try:
            document = read_json(path)
            rules = document.get("rules") if isinstance(document, Mapping) else document
            if not isinstance(rules, list) or not rules:
                raise Malformed("not read: there is no list of rules")
            yield Pack(path.name, rules)
        except Malformed as fault:
            yield Pack(path.name, [], str(fault))


def cases_of(file: str, document: Any) -> list[Case]:
    """Return the cases of a rule's document. Raises Malformed when it has none."""
    rule = str(document.get("id", "?")) if isinstance(document, Mapping) else "?"
    cases = document.get("cases") if isinstance(document, Mapping) else None
    if not isinstance(cases, list) or not cases:
        raise Malformed("the rule has no cases")
    return [Case(file, rule, str(each.get("name", "?")) if isinstance(each, Mapping) else "?", each) for each in cases]


def compiled(document: Any, vocabulary: Vocabulary) -> Rule:
    """Return the rule of a document. Raises LawDocumentError."""
    return read_rule(document, vocabulary)


def differences(case: Case, rule: Rule, vocabulary: Vocabulary, references: References) -> list[str]:
    """Return what the rule answers otherwise than the case expects. Raises Malformed, DomainError."""
    document = case.document
    if not isinstance(document, Mapping):
        raise Malformed("a case is an object")
    if unknown := document.keys() - _CASE:
        raise Malformed(f"a case has no {', '.join(sorted(unknown))}")
    if lacking := {"at", "facts", "expect"} - document.keys():
        raise Malformed(f"the case lacks {', '.join(sorted(lacking))}")
    facts = vocabulary.read_facts(document["facts"])
    expect = vocabulary.read_expect(document["expect"])
    if not expect or expect == {"values": {}}:
        raise Malformed("nothing is compared")
    for zone in facts.get("zones") or ():
        zone_named(zone["name"])  # a case without a time asks no zone, and may not name one that is none either
    result = rule.evaluate(facts, vocabulary.read_at(document["at"]), references)
    return list(_unequal(expect, result))


def _unequal(expect: Mapping[str, Any], result: Result) -> Iterator[str]:
    for name, wanted in expect.items():
        if name == "values":
            for key, each in (wanted or {}).items():
                yield from _told(f"values.{key}", each, result.values.get(key))
        elif name not in _ANSWERED:
            raise Malformed(f"{name} is an expected result that no answer of ours has")
        else:
            got = getattr(result, name)
            yield from _told(name, () if wanted is None and isinstance(got, tuple) else wanted, got)


def _told(name: str, wanted: Any, got: Any) -> Iterator[str]:
    if wanted != got or isinstance(wanted, bool) is not isinstance(got, bool):
        yield f"{name}: expected {shown(wanted)}, got {shown(got)}"


def shown(value: Any) -> str:
    """Return a typed value as the format writes it."""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date | Decimal):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(shown(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} is a float; decimals are written as strings")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice in one object")
        found[name] = value
    return found
