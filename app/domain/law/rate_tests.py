"""Tests on rates: `rate_cap`, `rate_split`, `irr`. Rates of contracts are per cent; those of references are fractions."""

from datetime import date
from decimal import Decimal
from typing import Any

from app.domain.caps import multiple_of
from app.domain.errors import ValidationError
from app.domain.law.params import Answer, Params, Test, decided, noted
from app.domain.law.questions import Question
from app.domain.law.results import Result
from app.domain.rates import annualised_rate_of_months, percent

_CONTRACT = "contract"
_CLAIM = "court_claim_filed"
_LONGEST_MONTHS = 1200
"""A hundred years; cash flows beyond are no loan, and would cost time without end."""
_NO_CAP = Result("allow", values={"cap_pct": None})


def rate_cap(params: Params) -> Test:
    """Compile the test: a multiple of the one-year LPR of the day of signing caps the sum of some agreed rates."""
    factor = params.decimal("factor", Decimal(4)) or Decimal(4)
    kinds = frozenset(params.words("sum_of", "rate_kind"))
    licences = frozenset(params.words("licence_kinds", "licence_kind"))
    policy_cap = params.decimal("else_policy_cap_pct")
    fallback = params.flag("fallback")
    before_series = Result("flag", rule=params.text("no_series_rule"), values={"cap_pct": None})
    others = _NO_CAP if policy_cap is None else Result("allow", values={"policy_cap_pct": policy_cap})

    def test(question: Question) -> Answer:
        if licences and question.facts.get("licence_kind") not in licences:
            return noted(others)
        signed_on = question.get("contract.signed_on")
        if signed_on is None:
            return None
        fixing = question.references.fixing_on(signed_on)
        if fixing is None:
            return decided(before_series)
        cap = percent(multiple_of(fixing, factor))
        agreed = {kind: _sum(question, frozenset({kind})) for kind in kinds}
        rate = sum((each for each in agreed.values() if each is not None), Decimal(0))
        values: dict[str, Any] = {"cap_pct": cap}
        if fallback:
            if all(each is None for each in agreed.values()):
                contract = _sum(question, frozenset({_CONTRACT}))
                rate = percent(fixing.one_year) if contract is None else contract
            values["overdue_rate_pct"] = min(rate, cap)
        if rate > cap:
            return decided(Result("flag", values=values | {"excess_pct": rate - cap}))
        return noted(Result("allow", values=values))

    return test


def rate_split(params: Params) -> Test:
    """Compile the test: a contract older than the split, sued upon, has two segments with a cap of its own each."""
    split_on = params.day("split_on")
    if not params.has("split_on"):
        params.fault("split_on", "missing")
    factor = params.decimal("factor", Decimal(4)) or Decimal(4)

    def test(question: Question) -> Answer:
        signed_on, filed_on = question.get("contract.signed_on"), _filed_on(question)
        if signed_on is None or split_on is None:
            return None
        if signed_on >= split_on or filed_on is None:
            return noted(Result("allow", values={"segments": 1}))
        fixing = question.references.fixing_on(filed_on)
        cap = None if fixing is None else percent(multiple_of(fixing, factor))
        return decided(Result("compute", values={"segments": 2, "cap_after_split_pct": cap}))

    return test


def irr(params: Params) -> Test:
    """Compile the test: the annualised rate of monthly flows, simple and compound; flows without a rate add nothing."""

    def test(question: Question) -> Answer:
        amounts = _monthly(question)
        if not amounts:
            return None
        try:
            rate = annualised_rate_of_months(amounts)
        except ValidationError:
            return None
        values = {"simple_pct": percent(rate.simple), "compound_pct": percent(rate.compound)}
        return noted(Result("allow", values=values))

    return test


def _sum(question: Question, kinds: frozenset[str]) -> Decimal | None:
    """Return what is agreed under those kinds together; None when nothing is."""
    found = [each["annual_pct"] for each in question.facts.get("rates") or () if each["kind"] in kinds]
    return sum(found, Decimal(0)) if found else None


def _filed_on(question: Question) -> date | None:
    events = question.facts.get("events") or ()
    today = question.today
    filed = [each["on"] for each in events if each["kind"] == _CLAIM and (today is None or each["on"] <= today)]
    return min(filed, default=None)


def _monthly(question: Question) -> list[int]:
    flows = question.facts.get("cash_flows") or ()
    last = max((flow["period"] for flow in flows), default=0)
    if not flows or last > _LONGEST_MONTHS or min(flow["period"] for flow in flows) < 0:
        return []
    amounts = [0] * (last + 1)
    for flow in flows:
        amounts[flow["period"]] += flow["amount_minor"]
    return amounts
