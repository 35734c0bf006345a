"""Tests on what a message contains: `content_required`, `content_forbidden`, `sum_equals`."""

from app.domain.law.params import Answer, Params, Test, decided
from app.domain.law.questions import Question
from app.domain.law.results import Result, Topic
from app.domain.law.values import compile_patterns


def content_required(params: Params) -> Test:
    """Compile the test: every marker is there. Skipped while the message is not rendered."""
    markers = params.words("markers", "content_marker")

    def test(question: Question) -> Answer:
        content = question.facts.get("content")
        if content is None:
            return None
        missing = tuple(marker for marker in markers if marker not in content)
        return decided(Result("block", missing=missing, topic=Topic.CONTENT)) if missing else None

    return test


def content_forbidden(params: Params) -> Test:
    """Compile the test: no marker in the content, no pattern in the body; one hit decides."""
    markers = frozenset(params.words("markers", "content_marker"))
    patterns = compile_patterns(params.document.get("patterns") or [], params.at("patterns"), params.faults)
    unless = params.matcher("unless")
    hit = Result(params.choice("verdict", ("block", "flag"), "block"), topic=Topic.CONTENT)

    def test(question: Question) -> Answer:
        content, body = question.facts.get("content") or (), question.facts.get("body")
        found = not markers.isdisjoint(content) or (body is not None and any(each.search(body) for each in patterns))
        return decided(hit) if found and not (unless is not None and unless.holds(question)) else None

    return test


def sum_equals(params: Params) -> Test:
    """Compile the test: the lines of the itemisation sum to its total."""
    wrong = Result("block", missing=params.words("missing"), topic=Topic.CONTENT)

    def test(question: Question) -> Answer:
        shown = question.facts.get("itemisation")
        if shown is None or sum(line["amount_minor"] for line in shown["lines"]) == shown["total_minor"]:
            return None
        return decided(wrong)

    return test
