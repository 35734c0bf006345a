"""Money is whole minor units; nothing is lost in a split and nothing is rounded unasked."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import CurrencyMismatchError, ValidationError
from app.domain.money import Money, currency_exponent, minor_from_decimal, minor_from_text, split_minor


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_a_split_loses_no_unit(total: int, weights: list[int]) -> None:
    parts = split_minor(total, weights)

    assert sum(parts) == total
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@pytest.mark.parametrize(("code", "exponent"), [("JPY", 0), ("USD", 2), ("CNY", 2), ("KWD", 3)])
def test_each_currency_has_its_own_smallest_unit(code: str, exponent: int) -> None:
    assert currency_exponent(code) == exponent
    assert minor_from_text("12", code) == 12 * 10**exponent


@pytest.mark.parametrize("text", ["0.005", "1e-3", "NaN", "Infinity", "twelve", ""])
def test_what_is_no_whole_unit_is_refused_not_rounded(text: str) -> None:
    with pytest.raises(ValidationError):
        minor_from_text(text, "USD")


def test_noise_within_the_tolerance_is_taken() -> None:
    assert minor_from_decimal(Decimal("61134.580000001"), "USD", tolerance=Decimal("0.000001")) == 6113458
    with pytest.raises(ValidationError):
        minor_from_decimal(Decimal("61134.581"), "USD", tolerance=Decimal("0.000001"))


def test_an_amount_is_said_in_major_units() -> None:
    assert [str(Money(1234, code)) for code in ("USD", "JPY", "KWD")] == ["12.34 USD", "1234 JPY", "1.234 KWD"]


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(CurrencyMismatchError):
        Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(ValidationError):
        currency_exponent("USS")
