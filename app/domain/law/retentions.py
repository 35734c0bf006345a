"""The test `retention`: kept through anchor + period, and not a day less."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from app.domain.law.field_types import unknown_name
from app.domain.law.params import Answer, Params, Test, decided
from app.domain.law.questions import Question
from app.domain.law.results import Result
from app.domain.law.spans import later, read_span

_DAY = timedelta(days=1)
_ANY_KIND = "*"


def retention(params: Params) -> Test:
    """Compile the test. A record whose period has not begun (its anchor is null) is kept without a date."""
    anchor = _anchor(params)
    span = read_span(params)
    kept = Result(params.choice("verdict", ("block", "flag"), "block"), tasks=params.words("tasks", "task_kind"))

    def test(question: Question) -> Answer:
        found = anchor(question)
        if found is None:
            return None
        (moment,) = found
        if moment is None:
            return decided(kept)
        allowed_on = later(span.after(question.date_of(moment), question.holidays), _DAY)
        if question.today is None or question.today >= allowed_on:
            return None
        return decided(kept._replace(allowed_on=allowed_on))

    return test


def _anchor(params: Params) -> Callable[[Question], tuple[date | None] | None]:
    """Read `anchor`: a fact, or a field of the record by its kind. Nothing is found when there is nothing to keep."""
    document = params.document.get("anchor")
    if not isinstance(document, Mapping):
        path = params.path("anchor") or ""
        if not path:
            params.fault("anchor", "missing")

        def of_fact(question: Question) -> tuple[date | None] | None:
            moment = question.get(path)
            return None if moment is None else (moment,)

        return of_fact
    record = params.vocabulary.facts["record"].fields or {}
    kinds = params.vocabulary.enums["record_kind"]
    for kind, field in document.items():
        if kind != _ANY_KIND and kind not in kinds:
            params.fault("anchor", unknown_name(kind, kinds, "kind of record"))
        if not isinstance(field, str) or field not in record:
            params.fault("anchor", unknown_name(str(field), record, "field of a record"))
    fields: Mapping[str, Any] = dict(document)

    def of_record(question: Question) -> tuple[date | None] | None:
        found = question.facts.get("record")
        if found is None:
            return None
        field = fields.get(found["kind"]) or fields.get(_ANY_KIND)
        return None if field is None else (found.get(field),)

    return of_record
