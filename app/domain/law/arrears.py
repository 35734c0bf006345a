"""Tests on payments missed: `arrears_notice`, `last_payments_missed`, `notice_failure`. Source: CCA 1974 ss86B-86D (UK)."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from app.domain.law.params import Answer, Params, Test, decided, noted
from app.domain.law.questions import Question
from app.domain.law.results import Result

_DAY = timedelta(days=1)
_NOTICE = "notice_of_sums_in_arrears"
_NOT_REQUIRED = Result("allow", values={"notice_required": False})
_REQUIRED = {"notice_required": True}
_PAYMENTS, _SHORT_PAYMENTS, _SHORT_INTERVAL_DAYS = 2, 4, 7
"""Where a pack does not say."""


def arrears_notice(params: Params) -> Test:
    """Compile the test. The conditions hold from the day after a due date; that day is day 1 of `within_days`."""
    payments, short_payments = params.count("payments", _PAYMENTS), params.count("short_payments", _SHORT_PAYMENTS)
    short_interval = params.count("short_interval_days", _SHORT_INTERVAL_DAYS)
    within = timedelta(days=params.count("within_days", 14) - 1)
    breach_rule = params.text("breach_rule")

    def test(question: Question) -> Answer:
        met_on = _met_on(question, _least(question, payments, short_payments, short_interval))
        if met_on is None or (question.today is not None and met_on > question.today):
            return noted(_NOT_REQUIRED)
        due_on = met_on + within
        sent_on = _sent_on(question, met_on)
        if sent_on is not None and sent_on <= due_on:
            return noted(Result("allow", due_on=due_on))
        missing = () if sent_on is not None else (_NOTICE,)
        if sent_on is not None or (question.today is not None and question.today > due_on):
            return decided(Result("flag", breach=True, due_on=due_on, rule=breach_rule, missing=missing))
        return decided(Result("require", missing=missing, due_on=due_on, values=_REQUIRED))

    return test


def conditions_met_on(document: Mapping[str, Any], question: Question) -> date | None:
    """Return the first day on which the conditions of a test `arrears_notice` held, by the instalments; None: they do not.

    `document`: the test as its pack has it. For the facts of other rules, which are told the day.
    """
    least = _least(
        question,
        document.get("payments", _PAYMENTS),
        document.get("short_payments", _SHORT_PAYMENTS),
        document.get("short_interval_days", _SHORT_INTERVAL_DAYS),
    )
    return _met_on(question, least)


def _least(question: Question, payments: int, short_payments: int, short_interval_days: int) -> int:
    interval = question.get("contract.payment_interval_days")
    return short_payments if interval is not None and interval <= short_interval_days else payments


def last_payments_missed(params: Params) -> Test:
    """Compile the test. A payment is missed when the day it was due on is over."""
    payments = params.count("payments", 2)
    due_fact = params.path("due_fact")
    missing = params.words("missing")

    def test(question: Question) -> Answer:
        today = question.today
        past = [each for each in _by_date(question) if today is None or each["due_on"] < today]
        last = past[-payments:] if payments else []
        if len(last) < max(payments, 1) or not all(each["paid_minor"] < each["due_minor"] for each in last):
            return noted(_NOT_REQUIRED)
        due_on = None if due_fact is None else question.get(due_fact)
        return decided(Result("require", missing=missing, due_on=due_on, values=_REQUIRED))

    return test


def notice_failure(params: Params) -> Test:
    """Compile the test: after the last day, enforcement is blocked through the day of the notice and no interest runs."""
    within = timedelta(days=params.count("within_days", 14) - 1)

    def test(question: Question) -> Answer:
        met_on, today = question.get("position.arrears_conditions_met_on"), question.today
        if met_on is None or today is None:
            return None
        last_on = met_on + within
        sent_on = _sent_on(question, met_on)
        if today <= last_on or (sent_on is not None and sent_on <= last_on):
            return None
        values = {"interest_free_days": ((sent_on or today) - last_on).days}
        if question.facts.get("act") != "enforce":
            return decided(Result("flag", breach=True, values=values))
        if sent_on is None or sent_on >= today:
            missing = () if sent_on is not None else (_NOTICE,)
            return decided(Result("block", missing=missing, values=values))
        return noted(Result("allow", values=values))

    return test


def _by_date(question: Question) -> list[Any]:
    return sorted(question.facts.get("instalments") or (), key=lambda each: each["due_on"])


def _met_on(question: Question, least: int) -> date | None:
    """Return the first day on which the conditions held: by the payments, else as recorded; None when they never did."""
    rows = _by_date(question)
    if not rows:
        recorded: date | None = question.get("position.arrears_conditions_met_on")
        return recorded
    dates: list[date] = sorted({row["due_on"] for row in rows})
    for due_on in dates:
        due = [row for row in rows if row["due_on"] <= due_on]
        if least and len(due) >= least and _shortfall(due) >= sum(row["due_minor"] for row in due[-least:]):
            return due_on + _DAY
    return None


def _shortfall(rows: Sequence[Any]) -> int:
    return sum(row["due_minor"] - row["paid_minor"] for row in rows)


def _sent_on(question: Question, met_on: date) -> date | None:
    """Return the day of the first notice since the conditions held: an earlier one was about earlier arrears."""
    sent = [
        question.date_of(notice["sent_at"])
        for notice in question.facts.get("notices") or ()
        if notice["kind"] == _NOTICE
        and notice.get("sent_at") is not None
        and (question.at is None or notice["sent_at"] <= question.at)
    ]
    return min((on for on in sent if on >= met_on), default=None)
