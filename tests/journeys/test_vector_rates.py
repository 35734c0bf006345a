"""The APR vectors of the runner: the published examples of appendix J of Regulation Z, in the ways a vector may state them.

Paragraph numbers are of 12 CFR part 1026, appendix J, (c).
"""

from typing import Any

import pytest

from tests import replay_vectors
from tests.vectors.outcomes import Refused
from tests.vectors.rate_figures import unit_named


def outcome(percent: str, **inputs: Any) -> tuple[str, str]:
    vector = {"id": "an-apr", "kind": "apr", "inputs": inputs, "expected": {"apr_percent": percent}}
    return replay_vectors.run(vector)


def stream(
    advance: str, advance_date: str, payment: str, count: int, first_payment: str, unit: str, **more: Any
) -> dict[str, Any]:
    return {
        "advance": advance, "advance_date": advance_date, "payment": payment, "count": count,
        "first_payment": first_payment, "unit": unit, **more,
    }  # fmt: skip


MONTHLY = stream("5000.00", "1978-01-10", "230.00", 24, "1978-02-10", "month")
TWO_MONTHS = stream("8000.00", "1978-01-10", "465.00", 20, "1978-03-01", "two_months")


@pytest.mark.parametrize(
    ("percent", "inputs"),
    [
        pytest.param("9.69", MONTHLY, id="(1)(i)"),
        pytest.param("11.82", stream("6000.00", "1978-02-10", "200.00", 36, "1978-04-01", "monthly"), id="(1)(ii)"),
        pytest.param("10.34", stream("5000.00", "1978-02-23", "219.17", 24, "1978-03-01", "semi-monthly"), id="(1)(iii)"),
        pytest.param("8.97", stream("10000.00", "1978-05-23", "385.00", 40, "1978-10-01", "quarterly"), id="(1)(iv)"),
        pytest.param("14.96", stream("500.00", "1978-03-20", "17.60", 30, "1978-04-21", "weekly"), id="(1)(v)"),
        pytest.param("10.08", MONTHLY | {"first_payment_amount": "250.00"}, id="(2)(i)"),
        pytest.param(
            "28.50",
            stream("400.00", "1978-03-18", "38.31", 12, "1978-04-20", "4_weeks", odd_first_payment="39.50"),
            id="(2)(ii)",
        ),
        pytest.param("10.50", MONTHLY | {"final_payment": "280.00"}, id="(3)(i)"),
        pytest.param(
            "12.22",
            stream("200.00", "1978-04-03", "9.50", 20, "1978-04-11", "biweekly", last_payment_amount="30.00"),
            id="(3)(ii)",
        ),
        pytest.param("10.90", MONTHLY | {"first_payment_amount": "250.00", "final_payment_amount": "280.00"}, id="(4)(i)"),
        pytest.param("7.30", TWO_MONTHS | {"first_payment_amount": "449.36", "final_payment": "200.00"}, id="(4)(ii)"),
        pytest.param("11.45", stream("1000.00", "1978-01-03", "1080.00", 1, "1978-09-15", "single payment"), id="(5)(i)"),
    ],
)
def test_an_example_with_all_payments_counted_has_the_published_rate(percent: str, inputs: dict[str, Any]) -> None:
    assert outcome(percent, **inputs) == ("passed", "")


REGULAR = {"advance": "5000.00", "advance_date": "1978-01-10", "payment": "230.00", "unit": "month"}


@pytest.mark.parametrize(
    ("percent", "inputs"),
    [
        pytest.param(
            "10.08",
            REGULAR
            | {"first_payment": "1978-03-10", "count": 23, "odd_first_payment": {"date": "1978-02-10", "amount": "250.00"}},
            id="(2)(i), the odd payment on top of the regular ones",
        ),
        pytest.param(
            "10.08",
            REGULAR | {"first_payment": {"date": "1978-02-10", "amount": "250.00"}, "count": 23},
            id="(2)(i), the regular ones follow the odd one",
        ),
        pytest.param(
            "10.50",
            REGULAR
            | {"first_payment": "1978-02-10", "count": 23, "final_payment": "280.00", "final_payment_date": "1980-01-10"},
            id="(3)(i), the odd payment on top",
        ),
        pytest.param(
            "10.50",
            REGULAR
            | {"first_payment": "1978-02-10", "count": 24, "final_payment": "1980-01-10", "final_payment_amount": "280.00"},
            id="(3)(i), the odd payment in place of the last",
        ),
        pytest.param(
            "10.90",
            {
                "amount_financed": "5000.00", "advance_date": "1978-01-10", "unit": "month",
                "payments": [
                    {"count": 1, "amount": "250.00", "date": "1978-02-10"},
                    {"count": 22, "amount": "230.00"},
                    {"count": 1, "amount": "280.00"},
                ],
            },
            id="(4)(i), as a list of groups",
        ),
        pytest.param(
            "11.45",
            {
                "advances": [{"date": "1978-01-03", "amount": "1000.00"}],
                "payments": [{"date": "1978-09-15", "amount": "1080.00"}],
            },
            id="(5)(i), as two lists",
        ),
        pytest.param(
            "11.82",
            {"advance": "6000.00", "payment": "200.00", "count": 36, "unit": "month", "first_period": 1, "odd_days": 19},
            id="(1)(ii), in unit-periods and odd days",
        ),
    ],
)  # fmt: skip
def test_an_example_stated_otherwise_has_the_published_rate(percent: str, inputs: dict[str, Any]) -> None:
    assert outcome(percent, **inputs) == ("passed", "")


def test_a_wrong_rate_fails_and_an_unknown_field_is_refused_by_name() -> None:
    assert outcome("9.70", **MONTHLY) == ("failed", "APR: wanted 9.70, got 9.69")
    assert outcome("9.69", **MONTHLY, skipped_months="7") == ("skipped", "refused: inputs.skipped_months: not understood")
    assert outcome("9.70", **MONTHLY, skipped_months="7") == ("skipped", "refused: inputs.skipped_months: not understood")
    assert outcome("9.69", **MONTHLY, method="EU")[0] == "skipped"
    assert outcome("9.69", **(MONTHLY | {"unit": "moon"})) == ("skipped", "refused: an APR by the moon")


@pytest.mark.parametrize(
    ("names", "kind", "multiple"),
    [
        ("day daily days", "day", 1),
        ("week weekly weeks", "week", 1),
        ("two_weeks biweekly bi-weekly fortnightly 2_weeks every_2_weeks", "week", 2),
        ("four_weeks 4_weeks 4weekly every_four_weeks", "week", 4),
        ("semimonth semi_month semimonthly semi-monthly", "semimonth", 1),
        ("month monthly 1_month", "month", 1),
        ("two_months every_two_months bimonthly 2_months", "month", 2),
        ("quarter quarterly 3_months", "month", 3),
        ("half_year semiannual semi-annually 6_months", "month", 6),
        ("year yearly annual annually 12_months", "month", 12),
    ],
)
def test_unit_periods_have_many_names(names: str, kind: str, multiple: int) -> None:
    found = {unit_named(name) for name in names.split()}

    assert {(unit.kind, unit.multiple) for unit in found} == {(kind, multiple)}


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="an APR by the season"):
        unit_named("season")
