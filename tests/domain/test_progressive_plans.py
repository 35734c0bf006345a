"""Plans worked out again for what happens inside the loan. Figures: Apache Fineract, ProgressiveEMICalculatorTest."""

from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from app.domain.amortisation import amortise
from app.domain.contracts import Contract, Disbursement, Method, RateChange
from app.domain.errors import ValidationError

FIRST = date(2024, 1, 1)


def _contract(**terms: object) -> Contract:
    fields: dict[str, object] = {"principal_minor": 100_00, "annual_rate": Fraction("0.094822")} | terms
    return Contract(Method.EQUAL_INSTALMENT, starts_on=FIRST, instalments=6, even_out=True, **fields)  # type: ignore[arg-type]


def _figures(contract: Contract) -> list[tuple[int, int, int]]:
    rows = amortise(contract)
    return [(row.principal_minor + row.interest_minor, row.interest_minor, row.balance_minor) for row in rows]


def test_money_paid_out_after_the_start_bears_interest_from_its_day():
    paid_out = Disbursement(date(2024, 1, 8), 100_00)
    assert _figures(_contract(principal_minor=0, disbursements=(paid_out,))) == [
        (1710, 61, 8351), (1710, 66, 6707), (1710, 53, 5050), (1710, 40, 3380), (1710, 27, 1697), (1710, 13, 0),
    ]  # fmt: skip


def test_money_paid_out_before_what_was_known_first_is_counted_from_its_own_day():
    known = (Disbursement(date(2024, 1, 8), 100_00), Disbursement(date(2024, 1, 5), 50_00))
    contract = _contract(principal_minor=0, disbursements=known)
    assert _figures(contract) == [
        (2566, 96, 12530), (2566, 99, 10063), (2566, 80, 7577), (2566, 60, 5071), (2566, 40, 2545), (2565, 20, 0),
    ]  # fmt: skip
    assert [part.interest_minor for part in amortise(contract)[0].stretches] == [0, 4, 92]


def test_two_payments_out_of_one_day_are_as_one():
    known = ((8, 100_00), (5, 50_00), (8, 25_00))
    contract = _contract(principal_minor=0, disbursements=tuple(Disbursement(date(2024, 1, d), a) for d, a in known))
    assert _figures(contract)[0] == (2993, 111, 14618)
    assert _figures(contract)[-1] == (2995, 23, 0)


@pytest.mark.parametrize(
    ("on", "second", "last"), [(date(2024, 2, 1), (1688, 28, 6697), 1689), (date(2024, 2, 14), (1690, 37, 6704), 1690)]
)
def test_another_rate_makes_the_rows_from_its_day_on_anew(on: date, second: tuple[int, int, int], last: int):
    figures = _figures(_contract(annual_rate=Fraction("0.07"), rate_changes=(RateChange(on, Fraction("0.04")),)))
    assert figures[:2] == [(1701, 58, 8357), second]
    assert figures[-1][0] == last


def test_due_dates_agreed_one_by_one_count_as_whole_periods():
    days = (date(2024, 2, 1), *(date(2024, month, 15) for month in range(3, 8)))
    assert _figures(_contract(due_dates=days)) == _figures(_contract())
    assert [row.period.due_on for row in amortise(_contract(due_dates=days))] == list(days)


@pytest.mark.parametrize(
    "days", [(date(2024, 2, 1),), tuple(date(2024, 2, 1) for _ in range(6)), tuple(date(2023, m, 1) for m in range(1, 7))]
)
def test_due_dates_that_cannot_be_are_refused(days: tuple[date, ...]):
    with pytest.raises(ValidationError, match="due_dates must be one a row"):
        amortise(_contract(due_dates=days))


def test_a_flat_loan_paid_out_in_parts_is_planned_whole_or_refused():
    parts = (Disbursement(date(2024, 2, 10), 50_00),)
    terms = {"method": Method.FLAT, "disbursements": parts}
    free = replace(_contract(), annual_rate=Fraction(0), **terms)
    assert sum(row.principal_minor for row in amortise(free)) == 150_00
    with pytest.raises(ValidationError, match="a plan for each part"):
        amortise(replace(_contract(), **terms))
