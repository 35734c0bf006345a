"""The test `table`: rows of {when, then}; the first whose every matcher holds decides."""

from collections.abc import Callable, Mapping
from typing import Any

from app.domain.law.faults import Faults
from app.domain.law.field_types import FieldType, read_fields
from app.domain.law.matchers import Matcher
from app.domain.law.params import Answer, Params, Test, decided
from app.domain.law.questions import Question
from app.domain.law.results import Result
from app.domain.law.topics import topic_of
from app.domain.law.vocabulary import Vocabulary

_LACKING = "lacking"

Outcome = Callable[[Question, Matcher], Result]


def table(params: Params) -> Test:
    """Compile the test. An explicit allow ends the rule as any other verdict does."""
    rows: list[tuple[Matcher, Outcome]] = []
    facts: set[str] = set()
    for each in params.parts("rows"):
        each.only("when", "then")
        matcher = each.matchers.over_facts(each.document.get("when"), each.at("when"))
        facts |= matcher.facts
        rows.append((matcher, _outcome(each, topic_of(matcher.facts or facts))))

    def test(question: Question) -> Answer:
        for matcher, outcome in rows:
            if matcher.holds(question):
                return decided(outcome(question, matcher))
        return None

    return test


def _outcome(row: Params, topic: Any) -> Outcome:
    then = row.document.get("then")
    pointer = row.at("then")
    if not isinstance(then, Mapping) or "verdict" not in then:
        row.fault("then", "wants an object with a verdict")
        return lambda question, matcher: Result("allow")
    lacking = then.get("missing") == _LACKING
    literal = {name: each for name, each in then.items() if not (name == "missing" and lacking)}
    paths = {name: str(each) for name, each in literal.items() if _is_path(each, row.vocabulary.expect.get(name), row)}
    value_paths = _value_paths(literal.get("values"), row)
    plain = {name: each for name, each in literal.items() if name not in paths}
    if value_paths:
        plain["values"] = {name: each for name, each in plain["values"].items() if name not in value_paths}
    read = read_fields(plain, row.vocabulary.expect, pointer, row.faults, "expected result")
    fixed = Result("allow", topic=topic)._replace(**{name: each for name, each in read.items() if each is not None})
    if not (paths or value_paths or lacking):
        return lambda question, matcher: fixed

    def outcome(question: Question, matcher: Matcher) -> Result:
        found: dict[str, Any] = {name: question.get(path) for name, path in paths.items()}
        if value_paths:
            found["values"] = {**fixed.values, **{name: question.get(path) for name, path in value_paths.items()}}
        if lacking:
            found["missing"] = matcher.lacking(question)
        return fixed._replace(**found)

    return outcome


def _value_paths(values: Any, row: Params) -> dict[str, str]:
    if not isinstance(values, Mapping):
        return {}
    names = row.vocabulary.expect["values"].fields or {}
    return {name: str(each) for name, each in values.items() if _is_path(each, names.get(name), row)}


def _is_path(value: Any, of: FieldType | None, row: Params) -> bool:
    """Whether a text stands for a fact: it is a path, and is not itself a value of the type that is wanted."""
    if of is None or not isinstance(value, str) or of.kind in ("text", "list", "object"):
        return False
    if row.vocabulary.type_at(value) is None:
        return False
    return not _fits(value, of, row.vocabulary)


def _fits(value: str, of: FieldType, vocabulary: Vocabulary) -> bool:
    faults = Faults()
    read_fields({"it": value}, {"it": of}, "", faults, "value")
    return not faults.found
