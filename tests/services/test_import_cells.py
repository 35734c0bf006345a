"""Cells are read by what the map declares: what could mean two things is refused."""

from datetime import date
from decimal import Decimal

import pytest

from app.services.imports import cells


@pytest.mark.parametrize(
    ("text", "minor"),
    [("1234.50", 123450), ("0", 0), ("-7.1", -710), ("20000.0000", 2000000), ("12.", 1200), ("4.2e+01", 4200)],
)
def test_plain_amounts(text: str, minor: int) -> None:
    assert cells.amount_parser()(text, "USD", 2) == minor


@pytest.mark.parametrize(
    "text", ["1,234.50", "1_000", "NaN", "inf", "0x10", "1.005", "", "--1", "1e999", "99999999999999999999", "١٢"]
)
def test_what_is_no_plain_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|decimals|large"):
        cells.amount_parser()(text, "USD", 2)


@pytest.mark.parametrize(("text", "minor"), [("1,234,567.89", 123456789), ("12,34,567", 123456700), ("5", 500)])
def test_groups_of_thousands_where_declared(text: str, minor: int) -> None:
    assert cells.amount_parser(group=",")(text, "USD", 2) == minor


@pytest.mark.parametrize("text", ["1,5", "12,50", "1,234,56", "1,234,5", ",5", "1.234,50"])
def test_a_comma_in_the_wrong_place_is_not_a_group(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        cells.amount_parser(group=",")(text, "USD", 2)


@pytest.mark.parametrize(("text", "minor"), [("$5", 500), ("-$5", -500), ("$-5", -500), ("5 $", 500)])
def test_a_currency_sign_stands_at_an_end(text: str, minor: int) -> None:
    assert cells.amount_parser(signs=["$"])(text, "USD", 2) == minor


def test_a_currency_sign_between_digits_is_no_amount() -> None:
    with pytest.raises(ValueError, match="number"):
        cells.amount_parser(signs=["$"])("10$50", "USD", 2)


def test_decimal_commas_where_declared() -> None:
    parse = cells.amount_parser(decimal=",", group=".")

    assert parse("61.134,58", "USD", 2) == 6113458
    assert parse("0,00", "USD", 2) == 0
    with pytest.raises(ValueError, match="number"):
        parse("61134.58", "USD", 2)


def test_the_tolerance_is_the_maps_and_no_more() -> None:
    parse = cells.amount_parser(tolerance=Decimal("0.000001"))

    assert parse("61134.580000001", "USD", 2) == 6113458
    with pytest.raises(ValueError, match="decimals"):
        parse("61134.5801", "USD", 2)


@pytest.mark.parametrize(
    ("formats", "text", "day"),
    [
        (["%d/%m/%Y"], "06/01/2019", date(2019, 1, 6)),
        (["%m/%d/%Y %I:%M:%S %p"], "12/11/2020 12:00:00 AM", date(2020, 12, 11)),
        (["%Y-%m-%d", "excel"], "43502", date(2019, 2, 6)),
        (["%y%m%d"], "190106", date(2019, 1, 6)),
        (["%Y年%m月%d日"], "2019年1月6日", date(2019, 1, 6)),
    ],
)
def test_dates_by_declared_format(formats: list[str], text: str, day: date) -> None:
    assert cells.date_parser(formats)(text) == day.toordinal()


@pytest.mark.parametrize("text", ["2017-02-30", "06/01/2019", "60", "0219-01-06", "9999-01-01"])
def test_a_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date written as"):
        cells.date_parser(["%Y-%m-%d", "excel"])(text)


@pytest.mark.parametrize(("form", "text"), [("%Y%m%d", "2026115"), ("%Y%m%d", "202611 5"), ("%y%m%d", "26115")])
def test_a_day_without_separators_needs_all_its_digits(form: str, text: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        cells.date_parser([form])(text)


def test_an_instant_is_the_wall_time_of_its_column_zone() -> None:
    lagos = cells.instant_parser(["%Y-%m-%d %H:%M:%S"], "Africa/Lagos")

    assert lagos("1970-01-01 01:00:00") == 0
    assert cells.instant_parser(["rfc3339"], "UTC")("1970-01-01T01:00:00+01:00") == 0


@pytest.mark.parametrize("text", ["-1", "1.5", "", "99999999999", "x"])
def test_row_numbers_are_whole(text: str) -> None:
    assert cells.whole("19.0") == 19
    with pytest.raises(ValueError, match="whole"):
        cells.whole(text)


@pytest.mark.parametrize(
    ("text", "percent", "decimals", "rate"),
    [
        ("0.1540", False, None, "0.1540"),
        ("14.07", True, None, "0.1407"),
        ("12", True, 4, "0.12"),
        ("0.12869999999999998", False, 4, "0.1287"),
        ("0", True, None, "0"),
        ("100", True, None, "1"),
        ("1000", False, 2, "1000"),
    ],
)
def test_a_rate_is_as_given_unless_the_map_says_more(text: str, percent: bool, decimals: int | None, rate: str) -> None:
    assert cells.rate_parser(percent=percent, decimals=decimals)(text) == rate


def test_a_rate_is_never_rounded() -> None:
    with pytest.raises(ValueError, match="more than 4 decimals"):
        cells.rate_parser(decimals=4)("0.12875")
