"""Caps of law: whom they bind, at which rate, and what a sum may be under them."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.caps import (
    CODES,
    FINANCIAL_INSTITUTIONS,
    LOCAL_FINANCIAL_ORGANISATIONS,
    Cap,
    Fixing,
    cap_for,
    capped_late_rate,
    principal_days,
    within_cap,
)
from app.domain.errors import ValidationError


def fixing(on: str, percent: str) -> Fixing:
    return Fixing(date.fromisoformat(on), Decimal(percent) / 100, Decimal("0.05"))


TABLE = [
    fixing("2020-08-20", "3.85"),
    fixing("2020-09-21", "3.85"),
    fixing("2021-11-22", "3.85"),
    fixing("2021-12-20", "3.80"),
    fixing("2025-05-20", "3.00"),
    fixing("2026-09-20", "3.00"),
]


def private(signed_on: str | None) -> Cap:
    return cap_for("CN", "private_lender", date.fromisoformat(signed_on) if signed_on else None, TABLE)


@pytest.mark.parametrize(
    ("signed_on", "rate", "fixed_on"),
    [
        ("2020-08-20", "0.1540", "2020-08-20"),  # the first day of the rule, and a fixing day
        ("2020-09-01", "0.1540", "2020-08-20"),
        ("2021-12-19", "0.1540", "2021-11-22"),  # a Sunday: the rate of November still holds
        ("2021-12-20", "0.1520", "2021-12-20"),  # a fixing counts from the day it is of
        ("2025-06-01", "0.1200", "2025-05-20"),
        ("2026-11-04", "0.1200", "2026-09-20"),  # 45 days
    ],
)
def test_a_private_lender_in_china_may_ask_four_times_the_rate_of_the_day_of_signing(
    signed_on: str, rate: str, fixed_on: str
) -> None:
    cap = private(signed_on)

    assert (cap.status, cap.annual_rate, cap.code) == ("applies", Decimal(rate), "four-times-lpr")
    assert cap.fixed_on == date.fromisoformat(fixed_on)
    assert "art. 25" in str(cap.source)
    assert ("Signed on the day of the fixing" in cap.reason) == (signed_on == fixed_on)


@pytest.mark.parametrize(
    ("signed_on", "code"),
    [
        ("2026-11-05", "fixing-stale"),  # 46 days after the newest fixing
        ("2020-11-06", "fixing-stale"),  # a hole in the table is no better than its end
        ("2020-08-19", "signed-before-rule"),
        ("2019-01-01", "signed-before-rule"),
        (None, "signing-date-missing"),
    ],
)
def test_a_cap_that_cannot_be_worked_out_is_unknown_and_may_still_bind(signed_on: str | None, code: str) -> None:
    cap = private(signed_on)

    assert (cap.status, cap.annual_rate, cap.code, cap.may_bind) == ("unknown", None, code, True)
    assert cap.reason


def test_an_empty_table_or_one_that_begins_later_refuses_no_loan() -> None:
    for table in ([], TABLE[2:]):
        cap = cap_for("CN", "private_lender", date(2020, 9, 1), table)
        assert (cap.status, cap.code, cap.may_bind) == ("unknown", "fixing-missing", True)


def test_the_order_of_the_table_is_no_matter() -> None:
    assert cap_for("CN", "private_lender", date(2025, 6, 1), TABLE[::-1]).annual_rate == Decimal("0.12")


@pytest.mark.parametrize("kind", sorted(FINANCIAL_INSTITUTIONS | LOCAL_FINANCIAL_ORGANISATIONS))
def test_a_licensed_lender_is_outside_the_rule(kind: str) -> None:
    cap = cap_for("CN", kind, date(2025, 6, 1), [])

    assert (cap.status, cap.annual_rate, cap.may_bind) == ("outside", None, False)


def test_whether_a_local_organisation_was_outside_before_the_reply_is_not_claimed() -> None:
    before, after = (cap_for("CN", "micro_loan", on, TABLE) for on in (date(2020, 12, 31), date(2021, 1, 1)))

    assert (before.status, before.code, after.status) == ("unknown", "scope-unsettled", "outside")
    assert cap_for("CN", "bank", date(2015, 1, 1), TABLE).status == "outside"


@pytest.mark.parametrize("kind", ["unstated", "unknown", "nbfc", ""])
def test_a_licence_that_does_not_say_leaves_the_cap_unknown(kind: str) -> None:
    cap = cap_for("CN", kind, date(2025, 6, 1), TABLE)

    assert (cap.status, cap.code, cap.may_bind) == ("unknown", "licence-kind-unclear", True)


@pytest.mark.parametrize("jurisdiction", ["US", "GB", "IN", "EU", "HK"])
def test_no_cap_is_made_up_for_another_jurisdiction(jurisdiction: str) -> None:
    cap = cap_for(jurisdiction, "private_lender", date(2025, 6, 1), TABLE)

    assert (cap.status, cap.annual_rate, cap.source, cap.may_bind) == ("unknown", None, None, False)


@given(
    st.sampled_from(["CN", "US"]),
    st.sampled_from(["private_lender", "bank", "pawn", "unstated"]),
    st.one_of(st.none(), st.dates(date(2015, 1, 1), date(2030, 1, 1))),
)
def test_every_loan_has_an_answer_with_a_reason(jurisdiction: str, kind: str, signed_on: date | None) -> None:
    cap = cap_for(jurisdiction, kind, signed_on, TABLE)

    assert cap.code in CODES
    assert cap.reason
    assert (cap.status == "applies") == (cap.annual_rate is not None) == (cap.fixed_on is not None)
    assert not cap.may_bind or cap.status == "unknown"


def test_a_sum_exactly_at_the_cap_keeps_it_and_one_unit_more_does_not() -> None:
    cap = private("2021-12-01")
    year_of_a_million = 1_000_000 * 365

    kept, broken = (within_cap(cap, charged, year_of_a_million) for charged in (154_000, 154_001))

    assert (kept.most_minor, kept.excess_minor, kept.is_kept) == (154_000, 0, True)
    assert (broken.excess_minor, broken.is_kept) == (1, False)


@given(st.integers(0, 10**12), st.integers(0, 10**16))
def test_what_may_be_charged_is_rounded_down(charged: int, days: int) -> None:
    cap = private("2025-06-01")

    check = within_cap(cap, charged, days)

    exact = Fraction(12, 100) * days / 365
    assert check.most_minor is not None
    assert exact - 1 < check.most_minor <= exact
    assert check.is_kept == (charged <= exact)
    assert check.excess_minor == max(charged - check.most_minor, 0)


def test_a_cap_that_is_not_known_is_neither_kept_nor_broken() -> None:
    for cap in (private(None), cap_for("CN", "bank", None, []), cap_for("US", "bank", None, [])):
        assert within_cap(cap, 10**9, 1).is_kept is None


@pytest.mark.parametrize(("charged", "days"), [(-1, 0), (0, -1)])
def test_negative_sums_are_refused(charged: int, days: int) -> None:
    with pytest.raises(ValidationError, match="negative"):
        within_cap(private("2025-06-01"), charged, days)


def test_principal_counts_from_its_day_until_the_day_it_is_repaid() -> None:
    start = date(2026, 1, 1)
    repaid = [(start + timedelta(days=10), 400), (start + timedelta(days=30), 600)]

    assert principal_days([(start, 1_000)], repaid) == 1_000 * 10 + 600 * 20


def test_principal_that_was_kept_back_or_repaid_twice_does_not_count() -> None:
    start = date(2026, 1, 1)

    assert principal_days([(start, 1_000)], [(start, 100), (start + timedelta(days=10), 900)]) == 900 * 10
    assert principal_days([(start, 100)], [(start, 300), (start + timedelta(days=9), 1)]) == 0
    assert principal_days([], []) == 0


@pytest.mark.parametrize(
    ("late_rate", "expected"),
    [("0.18", "0.12"), ("0.12", "0.12"), ("0.10", "0.10"), (None, "0.11")],
)
def test_overdue_interest_is_bounded_by_the_cap_and_else_as_agreed(late_rate: str | None, expected: str) -> None:
    late = Decimal(late_rate) if late_rate else None

    assert capped_late_rate(Decimal("0.11"), late, private("2025-06-01")) == Decimal(expected)


def test_the_contract_rate_that_continues_is_bounded_too() -> None:
    assert capped_late_rate(Decimal("0.24"), None, private("2025-06-01")) == Decimal("0.12")


def test_overdue_interest_is_not_collected_where_a_cap_may_bind_and_as_agreed_where_none_does() -> None:
    contract, late = Decimal("0.10"), Decimal("0.30")

    assert capped_late_rate(contract, late, private(None)) is None
    assert capped_late_rate(contract, late, cap_for("CN", "bank", None, [])) == late
    assert capped_late_rate(contract, late, cap_for("GB", "credit_firm", None, [])) == late
