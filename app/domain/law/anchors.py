"""Where a period of the law begins: the date or instant of an element of a list fact, or of a fact."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.domain.law.params import Params
from app.domain.law.questions import Question, is_past
from app.domain.law.records import STARTS, Element
from app.domain.law.results import Topic
from app.domain.law.topics import topic_of

Moment = date | datetime

_DATED = frozenset({"date", "instant"})


@dataclass(frozen=True, slots=True)
class Anchor:
    """Finds the anchor, with the element it is a field of (for a fact: all facts)."""

    find: Callable[[Question], tuple[Moment, Element] | None]
    topic: Topic
    of_list: bool
    """Whether it is an element's; else a fact."""


def read_anchor(params: Params) -> Anchor:
    """Read `anchor`: {list, where, field, pick} or {fact}.

    Records that have not begun at the moment asked about are left out, such as a hold from tomorrow on or a notice that is
    not sent by then. An event may be to come: a duty can be due before it.
    """
    part = params.part("anchor")
    if part is None:
        if not params.has("anchor"):
            params.fault("anchor", "missing")
        return Anchor(lambda question: None, Topic.LAW, False)
    if part.has("fact"):
        part.only("fact")
        return _of_fact(part)
    part.only("list", "where", "field", "pick")
    path, field, elements = _elements(part)
    start = STARTS.get(_name_of(part, path))
    latest = part.choice("pick", ("latest", "earliest"), "latest") == "latest"

    def find(question: Question) -> tuple[Moment, Element] | None:
        at = question.at
        best: tuple[Moment, Element] | None = None
        for element in elements(question):
            moment: Moment | None = element.get(field)
            begins = None if start is None else element.get(start)
            if moment is None or (begins is not None and at is not None and begins > at):
                continue
            if best is None or (moment > best[0] if latest else moment < best[0]):
                best = moment, element
        return best

    return Anchor(find, topic_of([path.partition(".")[0]]), True)


def _of_fact(part: Params) -> Anchor:
    path = part.path("fact") or ""
    of = part.vocabulary.type_at(path)
    if of is not None and of.kind not in _DATED:
        part.fault("fact", f"a {of.kind} is neither date nor instant")

    def find(question: Question) -> tuple[Moment, Element] | None:
        moment = question.get(path)
        return None if moment is None else (moment, question.facts)

    return Anchor(find, topic_of([path.partition(".")[0]]), False)


def read_done(params: Params) -> Callable[[Question], list[Moment]]:
    """Read `done`: {list, where, field} or {event}; null is never. Returns what was done at or before now."""
    part = params.part("done")
    if part is None:
        return lambda question: []
    if part.has("event"):
        part.only("event")
        kind = part.enum("event", "event_kind")

        elements, field = _events(kind), "on"
    else:
        part.only("list", "where", "field")
        _, field, elements = _elements(part)

    def done(question: Question) -> list[Moment]:
        moments = [element.get(field) for element in elements(question)]
        return [moment for moment in moments if moment is not None and (question.at is None or is_past(moment, question))]

    return done


def _events(kind: str | None) -> Callable[[Question], list[Element]]:
    return lambda question: [each for each in question.facts.get("events") or () if each["kind"] == kind]


def _elements(part: Params) -> tuple[str, str, Callable[[Question], list[Element]]]:
    path, field = part.text("list") or "", part.text("field") or ""
    of = part.list_type(path, "list")
    if of is None:
        return path, field, lambda question: []
    typed = (of.fields or {}).get(field)
    if typed is None or typed.kind not in _DATED:
        part.fault("field", f"{field!r} is no date or instant of {of.name}")
    where = part.matchers.over_elements(part.document.get("where"), of, part.at("where"))

    def elements(question: Question) -> list[Element]:
        found: Any = question.get(path) or ()
        return [element for element in found if where(element, question)]

    return path, field, elements


def _name_of(part: Params, path: str) -> str:
    of = part.vocabulary.type_at(path)
    return (of.item.name if of is not None and of.item is not None else None) or ""
