"""Who may choose what: the checks of the option rules, and the terms that each kind is chosen by."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.domain.errors import refused_at
from app.domain.option_cases import OptionCase
from app.domain.option_costs import Outcome
from app.domain.option_rows import CannotOfferError
from app.domain.option_rules import OptionRule
from app.domain.plan_options import OptionKind

TERM = {
    OptionKind.PAY_PART: "amount_minor",
    OptionKind.CHANGE_DUE_DAY: "day",
    OptionKind.EXTEND: "instalments",
    OptionKind.LENGTHEN: "rows",
    OptionKind.INTEREST_ONLY: "rows",
    OptionKind.CATCH_UP: "rows",
}
"""The one term that each kind is chosen by; the others take none."""
MONEY_KINDS = frozenset({OptionKind.PAY_NOW, OptionKind.PAY_PART, OptionKind.SETTLE})
"""Kinds that move money and change no plan."""
NOT_THE_WHOLE_PLAN = frozenset({"first_instalment_only", "estimated_plan"})
"""Marks of loans whose plan is not what was agreed, so that no new one can be made of it."""
_MOST = 10**15


def read_choice(kind: OptionKind, terms: Mapping[str, Any]) -> dict[str, int]:
    """Return the terms of a choice. Raises ValidationError with the place of what cannot be meant."""
    name = TERM.get(kind)
    for key in terms:
        if key != name:
            raise refused_at(f"/terms/{key}", f"{kind} takes {f'{name} alone' if name else 'no terms'}.")
    if name is None:
        return {}
    value = terms.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST:
        raise refused_at(f"/terms/{name}", f"{kind} needs {name}, a whole number from 1 on.")
    return {name: value}


def check_case(case: OptionCase, kind: OptionKind, rule: OptionRule) -> None:
    """Refuse a kind that this loan may not choose now, whatever the terms. Raises CannotOfferError."""
    if case.status != "active" or not case.open.total:
        raise CannotOfferError("loan_closed")
    if not rule.allowed:
        raise CannotOfferError(f"not_by_{rule.closed_by}")
    if paragraph := case.refused_by_law.get(kind):
        raise CannotOfferError("not_by_law", law=paragraph)
    if stands := sorted(case.holds & rule.not_under_holds):
        raise CannotOfferError("hold_stands", hold=stands[0])
    _check_lateness(case, rule)
    if kind not in MONEY_KINDS:
        _check_plan(case, kind, rule)


def _check_lateness(case: OptionCase, rule: OptionRule) -> None:
    days = case.position.days_past_due
    if days < rule.dpd_from:
        raise CannotOfferError("not_past_due" if not days else "too_early", days=rule.dpd_from)
    if rule.dpd_to is not None and days > rule.dpd_to:
        raise CannotOfferError("too_late", days=rule.dpd_to)


def _check_plan(case: OptionCase, kind: OptionKind, rule: OptionRule) -> None:
    earlier = case.earlier
    if earlier.stands or "plan_agreed" in case.holds:
        raise CannotOfferError("arrangement_active")
    if case.marks & NOT_THE_WHOLE_PLAN or not case.rows:
        raise CannotOfferError("plan_incomplete")
    if case.is_of_core:
        raise CannotOfferError("figures_differ")
    if rule.before_maturity and case.today >= case.rows[-1].due_on:
        raise CannotOfferError("after_maturity", on=case.rows[-1].due_on.isoformat())
    paid = sum(any(row.due) and not any(row.open) for row in case.rows)
    if paid < rule.min_rows_paid:
        raise CannotOfferError("too_few_paid", rows=rule.min_rows_paid)
    within_year = earlier.count(kind, case.year_ago)
    if rule.max_per_12_months is not None and within_year >= rule.max_per_12_months:
        raise CannotOfferError("too_often", times=rule.max_per_12_months, months=12)
    if rule.max_over_life is not None and earlier.count(kind) >= rule.max_over_life:
        raise CannotOfferError("too_often", times=rule.max_over_life)
    ended = earlier.last_ended_on
    if ended is not None and case.today < ended + timedelta(days=rule.cooling_days):
        raise CannotOfferError("cooling_off", until=(ended + timedelta(days=rule.cooling_days)).isoformat())


def check_choice(kind: OptionKind, rule: OptionRule, terms: Mapping[str, int]) -> None:
    """Refuse terms beyond the rules. Raises CannotOfferError."""
    if kind is OptionKind.CHANGE_DUE_DAY:
        if terms["day"] not in rule.days:
            raise CannotOfferError("day_not_allowed", days=list(rule.days))
    elif kind not in MONEY_KINDS:
        (count,) = terms.values()
        if rule.max_rows is not None and count > rule.max_rows:
            raise CannotOfferError("too_many_rows", rows=rule.max_rows)


def check_outcome(case: OptionCase, kind: OptionKind, rule: OptionRule, outcome: Outcome) -> None:
    """Refuse an option that puts the end, or with another due day each date, off by more than the rules let it."""
    if rule.max_extra_days is None:
        return
    if kind is OptionKind.CHANGE_DUE_DAY:
        moved = {row.row_no: row.due_on for row in outcome.rows}
        days = max((moved[row.row_no] - row.due_on).days for row in case.ahead)
    else:
        days = (outcome.rows[-1].due_on - case.rows[-1].due_on).days
    if days > rule.max_extra_days:
        raise CannotOfferError("too_long", days=rule.max_extra_days)
