"""Tests that work out a figure of the loan: principal, interest_days, cooling_off, days_past_due, time_bar."""

from collections.abc import Mapping
from typing import Any

from app.domain import delinquency, early_settlement
from app.domain.cooling_off import may_leave
from app.domain.delinquency import Boundary, DelinquencyRule
from app.domain.law.faults import under
from app.domain.law.field_types import unknown_name
from app.domain.law.params import Answer, Params, Test, decided, noted
from app.domain.law.questions import Question
from app.domain.law.records import LIVES, is_active
from app.domain.law.results import Result, Topic
from app.domain.periods import add_months

_LIFE = LIVES["hold"]
_STANDARD = "STD"
_BELOW_ALL = "current"
"""What the kernel calls a loan below its first class."""
_DUE_DATE_COUNTS = 1
"""Days by which the law's count is ahead of the kernel's: a due date that ends unpaid is its day 1."""


def principal(params: Params) -> Test:
    """Compile the test: the principal is what was paid out; a fee kept back from it is flagged."""

    def test(question: Question) -> Answer:
        disbursed = question.get("contract.disbursed_minor")
        values = {} if disbursed is None else {"principal_minor": disbursed}
        if any(fee.get("deducted_from_payout") for fee in question.facts.get("fees") or ()):
            return decided(Result("flag", tasks=("lower_the_charge",), values=values))
        return noted(Result("allow", values=values))

    return test


def interest_days(params: Params) -> Test:
    """Compile the test: days from the start of the interest period to the day of settlement."""

    def test(question: Question) -> Answer:
        start, end = question.get("settlement.interest_from_on"), question.get("settlement.on")
        if start is None or end is None:
            return None
        return decided(Result("compute", values={"interest_days": early_settlement.interest_days(start, end)}))

    return test


def cooling_off(params: Params) -> Test:
    """Compile the test: up to and including the last day the borrower leaves without penalty, then it is a prepayment."""

    def test(question: Question) -> Answer:
        signed_on, days = question.get("contract.signed_on"), question.get("contract.cooling_off_days")
        if signed_on is None or question.today is None:
            return None
        if may_leave(signed_on, days, question.today):
            return decided(Result("compute", values={"exit_mode": "cooling_off", "penalty_minor": 0}))
        return decided(Result("compute", values={"exit_mode": "prepayment"}))

    return test


def days_past_due(params: Params) -> Test:
    """Compile the test: the due date itself is day 1 at the end of that day; back to standard only when all is paid."""
    zone = params.zone("zone")
    rule = _classes(params)

    def test(question: Question) -> Answer:
        position = question.facts.get("position")
        today = question.today if zone is None else question.today_in(zone)
        if position is None:
            return None
        values: dict[str, Any] = {"upgrade": position.get("overdue_minor") == 0}
        oldest = position.get("oldest_unpaid_due_on")
        if today is not None:
            is_late = oldest is not None and delinquency.is_late(oldest, today, rule)
            days = delinquency.days_past_due(oldest, today) if is_late else 0
            values["days_past_due"] = days + _DUE_DATE_COUNTS if is_late else 0
            bucket = delinquency.class_of(days, rule) if is_late and rule.names else _BELOW_ALL
            values["bucket"] = _STANDARD if bucket == _BELOW_ALL else bucket
        return decided(Result("compute", values=values))

    return test


def _classes(params: Params) -> DelinquencyRule:
    """Return the buckets as the kernel's classes, which begin one day lower: its count of a due date is 0, the law's 1."""
    edges: list[int] = []
    names: list[str] = []
    for name, low, high in sorted(_buckets(params), key=lambda bucket: bucket[1]):
        if edges and edges[-1] == low - _DUE_DATE_COUNTS:
            edges.pop()
            names.pop()
        edges.append(low - _DUE_DATE_COUNTS)
        names.append(name)
        if high is not None:
            edges.append(high + 1 - _DUE_DATE_COUNTS)
            names.append(_STANDARD)
    return DelinquencyRule(tuple(edges), tuple(names), boundary=Boundary.DAY_END)


def _buckets(params: Params) -> list[tuple[str, int, int | None]]:
    document = params.document.get("buckets")
    if not isinstance(document, Mapping):
        params.fault("buckets", "not an object of [from, to] by name")
        return []
    known = params.vocabulary.enums["dpd_bucket"]
    found: list[tuple[str, int, int | None]] = []
    for name, bounds in document.items():
        pointer = under(params.at("buckets"), name)
        if name not in known:
            params.faults.add(pointer, unknown_name(name, known, "bucket"))
        elif not (
            isinstance(bounds, list)
            and len(bounds) == 2
            and isinstance(bounds[0], int)
            and (bounds[1] is None or isinstance(bounds[1], int))
        ):
            params.faults.add(pointer, "not [from, to]; to may be null")
        else:
            found.append((name, bounds[0], bounds[1]))
    return found


def time_bar(params: Params) -> Test:
    """Compile the test: once limitation has run, some content and some holds block.

    It has run from the same day of the year on that lies `years` after the last payment, or when it is so recorded.
    """
    years = _years(params)
    markers = frozenset(params.words("block_content", "content_marker"))
    kinds = frozenset(params.words("block_holds", "hold_kind"))
    default = params.vocabulary.defaults.get("region")

    def test(question: Question) -> Answer:
        if not _is_barred(question, years.get(question.facts.get("region") or default)):
            return None
        refused = any(
            hold["kind"] in kinds and is_active(hold, _LIFE, question.at) for hold in question.facts.get("holds") or ()
        )
        if refused or not markers.isdisjoint(question.facts.get("content") or ()):
            return decided(Result("block", topic=Topic.LAW))
        return None

    return test


def _is_barred(question: Question, years: int | None) -> bool:
    position = question.facts.get("position")
    if position is None:
        return False
    last_on = position.get("last_payment_on")
    if years is not None and last_on is not None and question.today is not None:
        if question.today >= add_months(last_on, 12 * years):
            return True
    return bool(position.get("time_barred"))


def _years(params: Params) -> dict[Any, int]:
    document = params.document.get("years")
    if not isinstance(document, Mapping):
        params.fault("years", "not an object of years by region")
        return {}
    known = params.vocabulary.enums["region"]
    for region, years in document.items():
        if region not in known or not isinstance(years, int):
            params.faults.add(under(params.at("years"), region), "not a known region and a number of years")
    return dict(document)
