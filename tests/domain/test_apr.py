"""The annual percentage rate of Regulation Z: the published examples of appendix J, and what they do not cover.

Paragraph numbers are of 12 CFR part 1026, appendix J, (c). "(confirmed)" are examples that another project published after
confirming them with a spreadsheet.
"""

import json
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.apr import annual_percentage_rate, apr_of_stream
from app.domain.discounting import Point, unit_rate
from app.domain.errors import ValidationError
from app.domain.money import minor_from_text
from app.domain.rates import Flow, percent
from app.domain.unit_periods import SEMIMONTH, UNITS, YEAR, UnitPeriod, between, dates_every, unit_period

MONTH = UNITS["month"]


def days(first: str, *others: str) -> list[date]:
    return [date.fromisoformat(text) for text in (first, *others)]


@pytest.mark.parametrize(
    ("advance_minor", "advance_on", "payment_minor", "count", "first_on", "unit", "expected"),
    [
        pytest.param(500_000, "1978-01-10", 23_000, 24, "1978-02-10", "month", "9.69", id="(1)(i)"),
        pytest.param(600_000, "1978-02-10", 20_000, 36, "1978-04-01", "month", "11.82", id="(1)(ii)"),
        pytest.param(500_000, "1978-02-23", 21_917, 24, "1978-03-01", "semimonth", "10.34", id="(1)(iii)"),
        pytest.param(1_000_000, "1978-05-23", 38_500, 40, "1978-10-01", "quarter", "8.97", id="(1)(iv)"),
        pytest.param(50_000, "1978-03-20", 1_760, 30, "1978-04-21", "week", "14.96", id="(1)(v)"),
        pytest.param(1_000_000, "1978-06-23", 38_500, 40, "1978-10-01", "quarter", "9.15", id="(confirmed) odd quarter"),
        pytest.param(1_000_000, "1978-07-23", 38_500, 40, "1978-10-01", "quarter", "9.32", id="(confirmed) short quarter"),
        pytest.param(100_000, "2023-10-26", 22_000, 5, "2023-11-30", "day", "94.15", id="(confirmed) days"),
        pytest.param(100_000, "2023-10-28", 25_000, 5, "2023-11-30", "week", "176.52", id="(confirmed) long first week"),
        pytest.param(100_000, "2023-11-23", 25_000, 5, "2023-11-30", "week", "412.40", id="(confirmed) regular weeks"),
        pytest.param(100_000, "2023-11-24", 25_000, 5, "2023-11-30", "week", "434.30", id="(confirmed) short first week"),
        pytest.param(100_000, "2023-10-26", 50_000, 5, "2023-11-30", "year", "78.34", id="(confirmed) years"),
    ],
)
def test_a_regular_stream_has_the_published_rate(
    advance_minor: int, advance_on: str, payment_minor: int, count: int, first_on: str, unit: str, expected: str
) -> None:
    found = apr_of_stream(
        advance_minor, date.fromisoformat(advance_on), payment_minor, count, date.fromisoformat(first_on), UNITS[unit]
    )

    assert percent(found.rate) == Decimal(expected)
    assert found.unit == UNITS[unit]


def odd(
    advance_minor: int, on: str, first: tuple[str, int] | None, regular: tuple[int, int, str, str], last: int
) -> list[Flow]:
    """An advance, perhaps a first payment of its own, regular payments, and perhaps a last one (0: none)."""
    amount, count, begins, unit = regular
    dates = dates_every(UNITS[unit], date.fromisoformat(begins), count + (last > 0))
    paid = [Flow(each, -amount) for each in dates[:count]] + [Flow(each, -last) for each in dates[count:]]
    if first:
        paid.insert(0, Flow(date.fromisoformat(first[0]), -first[1]))
    return [Flow(date.fromisoformat(on), advance_minor), *paid]


@pytest.mark.parametrize(
    ("flows", "expected"),
    [
        pytest.param(
            odd(500_000, "1978-01-10", ("1978-02-10", 25_000), (23_000, 23, "1978-03-10", "month"), 0), "10.08", id="(2)(i)"
        ),
        pytest.param(
            odd(40_000, "1978-03-18", ("1978-04-20", 3_950), (3_831, 11, "1978-05-18", "four_weeks"), 0),
            "28.50",
            id="(2)(ii)",
        ),
        pytest.param(odd(500_000, "1978-01-10", None, (23_000, 23, "1978-02-10", "month"), 28_000), "10.50", id="(3)(i)"),
        pytest.param(odd(20_000, "1978-04-03", None, (950, 19, "1978-04-11", "two_weeks"), 3_000), "12.22", id="(3)(ii)"),
        pytest.param(
            odd(500_000, "1978-01-10", ("1978-02-10", 25_000), (23_000, 22, "1978-03-10", "month"), 28_000),
            "10.90",
            id="(4)(i)",
        ),
        pytest.param(
            odd(800_000, "1978-01-10", ("1978-03-01", 44_936), (46_500, 18, "1978-05-01", "two_months"), 20_000),
            "7.30",
            id="(4)(ii)",
        ),
        pytest.param(odd(100_000, "1978-01-03", None, (108_000, 1, "1978-09-15", "month"), 0), "11.45", id="(5)(i)"),
    ],
)
def test_odd_first_last_and_single_payments_have_the_published_rate(flows: list[Flow], expected: str) -> None:
    assert percent(annual_percentage_rate(flows).rate) == Decimal(expected)


def test_the_vectors_hold(shared: Path) -> None:
    vectors = json.loads((shared / "vectors" / "textbook_cn_and_apr.json").read_text())["vectors"]
    tried = 0
    for vector in vectors:
        if vector["kind"] != "apr":
            continue
        given_ = vector["inputs"]
        found = apr_of_stream(
            minor_from_text(given_["advance"], "USD"),
            date.fromisoformat(given_["advance_date"]),
            minor_from_text(given_["payment"], "USD"),
            given_["count"],
            date.fromisoformat(given_["first_payment"]),
            UNITS[given_["unit"]],
        )
        assert percent(found.rate) == Decimal(vector["expected"]["apr_percent"]), vector["id"]
        tried += 1
    assert tried >= 2


@pytest.mark.parametrize(
    ("advance_on", "payment_on", "paid_minor", "expected", "unit"),
    [
        # (b)(5)(vi): six whole months are one unit-period, two to a year.
        ("1978-07-15", "1979-01-15", 104_400, "8.80", UnitPeriod("month", 6)),
        # (b)(5)(v)(A): a year and six months are 1 and 6/12: 1.0438 x 1.0876 = 1.1352.
        ("1978-01-17", "1979-07-17", 113_519, "8.76", YEAR),
        # A year and 73 days: 73/365.
        ("1978-01-17", "1979-03-31", 112_200, "10.00", YEAR),
        # Two years: the square root of 1.24.
        ("1978-01-03", "1980-01-03", 124_000, "11.36", YEAR),
        # (b)(5)(vii): in days, also across a leap year, where 365 days are less than a year.
        ("2024-01-01", "2024-12-31", 110_000, "10.00", UnitPeriod("day", 365)),
    ],
)
def test_one_advance_and_one_payment_are_measured_by_their_term(
    advance_on: str, payment_on: str, paid_minor: int, expected: str, unit: UnitPeriod
) -> None:
    flows = [Flow(date.fromisoformat(advance_on), 100_000), Flow(date.fromisoformat(payment_on), -paid_minor)]

    found = annual_percentage_rate(flows)

    assert (percent(found.rate), found.unit) == (Decimal(expected), unit)


def test_two_advances_satisfy_the_general_equation() -> None:
    advances = [Flow(date(2026, 1, 10), 300_000), Flow(date(2026, 2, 25), 200_000)]
    payments = [Flow(on, -46_000) for on in dates_every(MONTH, date(2026, 4, 10), 12)]

    found = annual_percentage_rate([*payments, *advances])

    i = Fraction(found.rate) / 12
    lent = 300_000 + 200_000 / ((1 + Fraction(15, 30) * i) * (1 + i))
    paid = sum(46_000 / (1 + i) ** months for months in range(3, 15))
    assert abs(lent - paid) < Fraction(1, 1000)


def test_what_is_paid_on_the_day_of_the_advance_lessens_it() -> None:
    on, dates = date(2026, 1, 10), dates_every(MONTH, date(2026, 2, 10), 12)
    paid = [Flow(each, -9_000) for each in dates]

    with_fee = annual_percentage_rate([Flow(on, 100_000), Flow(on, -2_000), *paid])

    assert with_fee == annual_percentage_rate([Flow(on, 98_000), *paid])


@pytest.mark.parametrize(
    ("dates", "unit"),
    [
        (days("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"), MONTH),
        (days("2026-01-30", "2026-02-28", "2026-03-30", "2026-04-30"), MONTH),
        (days("2026-02-01", "2026-03-01", "2026-03-29", "2026-04-26"), UnitPeriod("week", 4)),
        (days("2026-01-05", "2026-01-15", "2026-01-31", "2026-02-15", "2026-02-28"), SEMIMONTH),
        (days("2026-01-05", "2026-01-19", "2026-02-02", "2026-02-16", "2026-03-02"), UnitPeriod("week", 2)),
        (days("2026-01-01", "2026-01-11", "2026-01-21", "2026-01-31"), UnitPeriod("day", 10)),
        # Two months twice and a month twice: the smaller.
        (days("2026-01-01", "2026-02-01", "2026-03-01", "2026-05-01", "2026-07-01"), MONTH),
        # Longer than a year is measured in years.
        (days("2020-01-01", "2022-01-01", "2024-01-01"), YEAR),
        # No common period: 47 and 106 days, on average 76.5, which is nearer to 11 weeks (77) than to 75 or 70 days.
        (days("2026-01-01", "2026-02-17", "2026-06-03"), UnitPeriod("week", 11)),
    ],
)
def test_the_most_frequent_interval_is_the_unit_period(dates: list[date], unit: UnitPeriod) -> None:
    assert unit_period(dates[:1], dates[1:]) == unit


@pytest.mark.parametrize(
    ("start", "on", "unit", "expected"),
    [
        ("1978-02-10", "1978-04-01", MONTH, (1, Fraction(19, 30))),
        ("1978-05-23", "1978-10-01", UNITS["quarter"], (1, Fraction(39, 90))),
        ("1978-02-23", "1978-03-16", SEMIMONTH, (1, Fraction(6, 15))),
        ("1978-03-20", "1978-04-21", UNITS["week"], (4, Fraction(4, 7))),
        ("2026-01-01", "2026-03-31", MONTH, (2, Fraction(30, 30))),
        ("2023-10-26", "2024-11-30", YEAR, (1, Fraction(35, 365))),
        ("2023-10-26", "2025-02-26", YEAR, (1, Fraction(4, 12))),
    ],
)
def test_unit_periods_are_counted_back_from_the_later_date(
    start: str, on: str, unit: UnitPeriod, expected: tuple[int, Fraction]
) -> None:
    dates = days(start, on)

    assert between(dates[0], dates[1], unit, dates) == expected


@pytest.mark.parametrize("day", [28, 29, 30, 31])
@pytest.mark.parametrize("year", [2026, 2028])
def test_a_plan_due_late_in_the_month_has_whole_months_through_february(year: int, day: int) -> None:
    start = date(year - 1, 12, day)
    dates = [start, *dates_every(MONTH, date(year, 1, day), 12)]

    counted = [between(start, on, MONTH, dates) for on in dates[1:]]

    assert counted == [(n, Fraction(0)) for n in range(1, 13)]


def test_a_plan_due_at_the_end_of_each_month_has_whole_months() -> None:
    start = date(2026, 2, 28)
    dates = [start, *(date(2026, month, monthrange(2026, month)[1]) for month in range(3, 13))]

    counted = [between(start, on, MONTH, dates) for on in dates[1:]]

    assert counted == [(n, Fraction(0)) for n in range(1, 11)]


def test_the_end_of_one_month_to_the_end_of_a_shorter_one_is_whole_months() -> None:
    dates = days("2026-03-31", "2026-06-30", "2026-09-30")

    assert [between(dates[0], on, MONTH, dates) for on in dates[1:]] == [(3, Fraction(0)), (6, Fraction(0))]


@given(
    start=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    ahead=st.integers(1, 4000),
    unit=st.sampled_from(list(UNITS.values())),
)
def test_the_part_of_a_unit_period_is_never_more_than_one(start: date, ahead: int, unit: UnitPeriod) -> None:
    on = start + timedelta(days=ahead)

    whole, part = between(start, on, unit, [start, on])

    assert whole >= 0
    assert 0 <= part <= 1
    assert abs((whole + part) * unit.length_days - ahead) <= ahead * Fraction(2, 100) + 32


@given(
    gaps=st.lists(st.integers(1, 200), min_size=1, max_size=12),
    amounts=st.data(),
    start=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_whatever_the_dates_the_rate_makes_both_sides_equal(gaps: list[int], amounts: st.DataObject, start: date) -> None:
    dates = [start]
    for gap in gaps:
        dates.append(dates[-1] + timedelta(days=gap))
    paid = amounts.draw(st.lists(st.integers(1, 10**7), min_size=len(gaps), max_size=len(gaps)))
    lent = amounts.draw(st.integers(max(sum(paid) // 3, 1), sum(paid)))
    flows = [Flow(start, lent), *(Flow(on, -amount) for on, amount in zip(dates[1:], paid, strict=True))]

    found = annual_percentage_rate(flows)

    unit = found.unit
    i = Fraction(found.rate) / unit.per_year
    worth = Fraction(0)
    for on, amount in zip(dates[1:], paid, strict=True):
        whole, part = between(start, on, unit, dates)
        worth += amount / ((1 + part * i) * (1 + i) ** whole)
    assert found.rate >= 0
    assert abs(worth - lent) <= Fraction(lent * 400, 10**8) + 1


def test_thirty_odd_days_are_a_month_by_another_name() -> None:
    by_days = [Point(100, 0), Point(-50, 0, Fraction(1)), Point(30, 1), Point(-90, 2)]
    by_months = [Point(100, 0), Point(-20, 1), Point(-90, 2)]

    assert unit_rate(by_days) == unit_rate(by_months)


@pytest.mark.parametrize(
    "flows",
    [
        [],
        [Flow(date(2026, 1, 1), 100)],
        [Flow(date(2026, 1, 1), -100), Flow(date(2026, 2, 1), 100)],
        [Flow(date(2026, 1, 1), 100), Flow(date(2026, 1, 1), -100)],
        [Flow(date(2026, 1, 1), 100), Flow(date(2026, 2, 1), -50), Flow(date(2026, 3, 1), 100)],
    ],
)
def test_where_there_is_no_rate_it_is_said(flows: list[Flow]) -> None:
    with pytest.raises(ValidationError, match="There is no rate"):
        annual_percentage_rate(flows)
