"""What a rule rests on, found in its own tests: a periodic look asks a rule only about what is known to be there.

Asked outright, a rule reads an absent fact as the vocabulary says, and may answer about a thing that does not exist: a rule
about data incidents flags the risk that nobody assessed, also where there was no incident. So a look at an account leaves
out each part of a rule that rests on a fact nobody has. A list of objects is such a fact never (there are none), nor is one
whose absence means a value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from app.domain.law.faults import Faults
from app.domain.law.kinds import KINDS
from app.domain.law.matchers import MatcherReader
from app.domain.law.params import Params
from app.domain.law.questions import Facts, Question
from app.domain.law.records import LIVES, is_active
from app.domain.law.results import NO_REFERENCES, References, Result
from app.domain.law.rules import Rule, RuleTest
from app.domain.law.vocabulary import Vocabulary

_TABLE, _DEADLINE = "table", "deadline"
_KEPT = 4096


class Asked(NamedTuple):
    """One answer of a rule to a periodic look."""

    result: Result
    began_at: datetime | None
    """Since when the record is there that it was asked about; None: it was asked about the whole account."""


class _Part(NamedTuple):
    """A test, or one row of a table, with the facts that must be there for it to be asked."""

    test: RuleTest
    rests_on: frozenset[str]


class _Grounds(NamedTuple):
    parts: tuple[_Part, ...]
    each_of: str | None
    """A list of records with a life of their own from which a deadline counts: each open one is a duty by itself."""
    life_of: str | None
    """The vocabulary's name of those records."""


def look(
    rule: Rule, facts: Facts, at: datetime, vocabulary: Vocabulary, references: References = NO_REFERENCES
) -> Iterator[Asked]:
    """Yield what the rule answers about what is known: once, or once for each open record that starts its clock."""
    grounds = _grounds(rule, vocabulary)
    known = frozenset(name for part in grounds.parts for name in part.rests_on if facts.get(name) is not None)
    narrowed = _narrowed(rule, vocabulary, known)
    if not narrowed.tests:
        return
    if grounds.each_of is None or grounds.life_of is None:
        yield Asked(narrowed.answer(Question(facts, at, references)), None)
        return
    life = LIVES[grounds.life_of]
    active = [element for element in facts.get(grounds.each_of) or () if is_active(element, life, at)]
    for element in active:
        alone = {**facts, grounds.each_of: (element,)}
        yield Asked(narrowed.answer(Question(alone, at, references)), element[life.start])
    if not active:
        yield Asked(narrowed.answer(Question({**facts, grounds.each_of: ()}, at, references)), None)


def facts_read(rule: Rule, vocabulary: Vocabulary) -> frozenset[str]:
    """Return the facts whose absence leaves a part of the rule unasked; none of them is a list of objects."""
    return frozenset(name for part in _grounds(rule, vocabulary).parts for name in part.rests_on)


@lru_cache(maxsize=_KEPT)
def _narrowed(rule: Rule, vocabulary: Vocabulary, known: frozenset[str]) -> Rule:
    """Return the rule with those of its parts that rest on nothing unknown."""
    parts = _grounds(rule, vocabulary).parts
    return replace(rule, tests=tuple(part.test for part in parts if part.rests_on <= known))


@lru_cache(maxsize=_KEPT)
def _grounds(rule: Rule, vocabulary: Vocabulary) -> _Grounds:
    parts: list[_Part] = []
    each_of = life_of = None
    for test in rule.tests:
        needed = frozenset() if test.needs is None else test.needs.facts
        if test.kind == _TABLE:
            parts += [_row(test, row, needed, vocabulary) for row in test.document["rows"]]
            continue
        anchor = test.document.get("anchor")
        anchor = anchor if isinstance(anchor, Mapping) else {}
        if "fact" in anchor:
            needed |= {str(anchor["fact"]).partition(".")[0]}
        parts.append(_Part(test, _needing(needed, vocabulary)))
        if test.kind == _DEADLINE and "list" in anchor:
            of = vocabulary.type_at(str(anchor["list"]))
            name = None if of is None or of.item is None else of.item.name
            if name in LIVES:
                each_of, life_of = str(anchor["list"]), name
    return _Grounds(tuple(parts), each_of, life_of)


def _row(test: RuleTest, row: Mapping[str, Any], needed: frozenset[str], vocabulary: Vocabulary) -> _Part:
    """Return a row of a table as a table of its own: rows decide in order, and so do tests."""
    alone = {**test.document, "rows": [row]}
    named = MatcherReader(vocabulary, Faults()).over_facts(row.get("when"), "").facts
    compiled = RuleTest(_TABLE, alone, test.needs, KINDS[_TABLE](Params(alone, "", vocabulary, Faults())))
    return _Part(compiled, _needing(needed | named, vocabulary))


def _needing(names: frozenset[str], vocabulary: Vocabulary) -> frozenset[str]:
    """Return those facts whose absence says nothing, or says that there is no such thing to ask about."""
    return frozenset(name for name in names if not _means_something(name, vocabulary))


def _means_something(name: str, vocabulary: Vocabulary) -> bool:
    of = vocabulary.facts[name]
    if of.kind == "list":
        return of.item is not None and of.item.kind == "object"
    return name in vocabulary.defaults
