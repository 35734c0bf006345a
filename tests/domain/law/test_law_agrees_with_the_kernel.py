"""Figures of the law are the kernel's: what a rule answers is what disclosures, quotes and delinquency show."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.domain.caps import Fixing, cap_for
from app.domain.delinquency import RULES, Late, standing_class
from app.domain.early_settlement import interest_kept
from app.domain.law.results import References, Result
from app.domain.rates import annualised_rate_of_months, percent
from app.services.law_packs import get_pack, vocabulary

FIXINGS = [
    Fixing(date(2021, month, 20), Decimal("0.0385") - Decimal(month) / 10_000, Decimal("0.0465")) for month in (3, 1, 2)
]


def answers(jurisdiction: str, kind: str, at: datetime, **facts: object) -> list[Result]:
    """What every rule of a pack with a test of that kind answers."""
    rules = [rule for rule in get_pack(jurisdiction).rules if any(test.kind == kind for test in rule.tests)]
    assert rules
    return [rule.evaluate(vocabulary().read_facts(facts), at, References(FIXINGS)) for rule in rules]


@pytest.mark.parametrize("signed_on", ["2021-01-20", "2021-02-19", "2021-02-20", "2021-03-31"])
def test_the_cap_of_the_law_is_the_cap_stored_with_the_loan(signed_on: str) -> None:
    cap = cap_for("CN", "private_lender", date.fromisoformat(signed_on), FIXINGS)

    found = answers(
        "CN", "rate_cap", datetime(2026, 1, 1, tzinfo=UTC), licence_kind="private_lender",
        contract={"signed_on": signed_on}, rates=[{"kind": "contract", "annual_pct": "9.00"}],
    )  # fmt: skip

    assert cap.annual_rate is not None
    assert {each.values["cap_pct"] for each in found} == {percent(cap.annual_rate)}


@pytest.mark.parametrize("days", [-3, -1, 0, 1, 29, 30, 31, 59, 60, 89, 90, 400])
def test_the_bucket_of_the_law_is_the_class_of_the_loan(days: int) -> None:
    due_on = date(2026, 1, 10)
    today = due_on + timedelta(days=days)
    shown = standing_class([Late(due_on, None)], today, RULES["rbi"])

    (found,) = answers(
        "IN", "days_past_due", datetime(today.year, today.month, today.day, 12, tzinfo=UTC), act="review_account",
        position={"oldest_unpaid_due_on": due_on.isoformat(), "overdue_minor": 100},
    )  # fmt: skip

    assert found.values["bucket"] == {"current": "STD"}.get(shown, shown.replace("-", ""))
    assert found.values["days_past_due"] == max(days + 1, 0)


def test_the_annualised_rate_of_the_law_is_the_one_disclosed() -> None:
    amounts = [1_200_000] + [-106_619] * 12
    flows = [{"period": no, "amount_minor": amount} for no, amount in enumerate(amounts)]
    shown = annualised_rate_of_months(amounts)

    (found,) = answers("CN", "irr", datetime(2026, 1, 1, tzinfo=UTC), act="show_offer", cash_flows=flows, content=[])

    assert found.values["simple_pct"] == percent(shown.simple)
    assert found.values["compound_pct"] == percent(shown.compound) > Decimal(12)


def test_the_days_of_interest_of_the_law_are_those_a_quote_charges() -> None:
    class Row:
        due_on, from_on, due, open, stated_interest_minor = (
            date(2026, 2, 1),
            date(2026, 1, 2),
            [0, 3000, 0, 0],
            [0, 3000, 0, 0],
            0,
        )

    (found,) = answers(
        "CN", "interest_days", datetime(2026, 1, 12, tzinfo=UTC), act="quote_settlement",
        settlement={"on": "2026-01-12", "interest_from_on": "2026-01-02", "quote_basis": "actual_days"},
    )  # fmt: skip

    assert interest_kept(Row(), date(2026, 1, 12)) == 100 * found.values["interest_days"]
