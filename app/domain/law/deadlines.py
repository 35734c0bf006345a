"""The test `deadline`: a duty to be done by a date, or by an instant where the law counts hours."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

from app.domain.law.anchors import Moment, read_anchor, read_done
from app.domain.law.params import Answer, Params, Test, decided, noted
from app.domain.law.questions import Question, is_past
from app.domain.law.records import Element
from app.domain.law.results import ALLOW, Result
from app.domain.law.spans import SPAN_NAMES, Span, read_span
from app.domain.times import local_instant

_NOT_REQUIRED = Result("allow", values={"notice_required": False})


def deadline(params: Params) -> Test:
    """Compile the test. Satisfied, waived or without an anchor it has nothing against the act, and only adds its date."""
    anchor = read_anchor(params)
    span = read_span(params, inclusive=params.flag("inclusive"))
    done = read_done(params)
    span_of = _extended(params, span, of_list=anchor.of_list)
    waived = params.matcher("waived")
    missing = params.words("missing")
    required = {"notice_required": True} if missing else {}

    def test(question: Question) -> Answer:
        if waived is not None and waived.holds(question):
            return noted(_NOT_REQUIRED)
        found = anchor.find(question)
        if found is None:
            return noted(ALLOW)
        moment, element = found
        due = _due(span_of(question, moment, element), moment, question)
        times = done(question)
        if any(_in_time(each, due, question) for each in times):
            return noted(ALLOW._replace(due_on=due.due_on, due_at=due.due_at))
        late = due._replace(missing=() if times else missing)
        if times or _is_over(due, question):
            return decided(late._replace(verdict="flag", breach=True))
        return decided(late._replace(verdict="require", values=required))

    return test


def _due(span: Span, moment: Moment, question: Question) -> Result:
    """Return a result that has nothing but the date or the instant due."""
    if span.hours is None:
        return ALLOW._replace(due_on=span.after(question.date_of(moment), question.holidays))
    start = moment if isinstance(moment, datetime) else local_instant(moment, time(0), question.day_zones[0])
    return ALLOW._replace(due_at=start + timedelta(hours=span.hours))


def _in_time(done: Moment, due: Result, question: Question) -> bool:
    if due.due_on is not None:
        return question.date_of(done) <= due.due_on
    assert due.due_at is not None
    return done <= due.due_at if isinstance(done, datetime) else done <= question.date_of(due.due_at)


def _is_over(due: Result, question: Question) -> bool:
    if question.at is None or question.today is None:
        return False
    return question.today > due.due_on if due.due_on is not None else question.at > due.due_at  # type: ignore[operator]


def _extended(params: Params, span: Span, *, of_list: bool) -> Callable[[Question, Moment, Element], Span]:
    """Read `extended`: {when, days} puts another period in place; {field, months} adds one that was told in time."""
    part = params.part("extended")
    if part is None:
        return lambda question, moment, element: span
    part.only("when", "field", *SPAN_NAMES)
    other = replace(read_span(part), inclusive=span.inclusive)
    if (when := part.matcher("when")) is not None:
        return lambda question, moment, element: other if when.holds(question) else span
    field = (part.text("field") if of_list else part.path("field")) or ""
    if not field:
        part.fault("field", "wants `when` or `field`")

    def told(question: Question, moment: Moment, element: Element) -> Span:
        at = element.get(field) if of_list else question.get(field)
        if at is None or (question.at is not None and not is_past(at, question)):
            return span
        return span.longer(other) if _in_time(at, _due(span, moment, question), question) else span

    return told
