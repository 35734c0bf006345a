"""The kernel's formulas against what real lenders asked for: interest by the days of a month, instalments, whole plans."""

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.amortisation import plan_rows
from app.domain.annuities import annuity, rate_factors
from app.domain.contracts import Contract, Method
from app.domain.day_counts import DayCount, InterestPeriod, share_of_year
from app.domain.money import minor_from_decimal
from app.domain.periods import add_months
from app.domain.rounding import Rounding, divide, round_decimal
from app.domain.splits import Split
from app.persistence.db import session
from app.persistence.models.loans import LoanRow
from app.services.book import differences, rows_of
from app.services.contracts import estimate_plans
from app.services.imports.runs import import_file
from tests.conftest import START

pytestmark = pytest.mark.shared

ODD = {"LC01548": (24335, 24338), "LC01968": (83093, 85182), "LC09687": (73334, 73013)}
"""Instalments of the 2018 tape that are no annuity: (the lender's, the annuity rounded up), in cents."""
ANY_DAY = date(2018, 1, 1)
"""Months of 30 days are alike: where a loan starts changes none of its amounts."""


def _table(path: Path, encoding: str = "utf-8", delimiter: str = ",") -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="", encoding=encoding) as file:
        yield from csv.DictReader(file, delimiter=delimiter)


def _cents(text: str) -> int:
    return minor_from_decimal(Decimal(text), "USD")


def _instalment(principal: str, months: str, rate: Fraction, rounding: Rounding = Rounding.UP) -> int:
    contract = Contract(Method.EQUAL_INSTALMENT, _cents(principal), ANY_DAY, int(months), rate, instalment_rounding=rounding)
    return plan_rows(contract)[0].due.total


def test_mortgage_interest_is_balance_by_rate_by_the_days_of_the_month_before_over_360(shared: Path) -> None:
    to_the_cent = within_a_cent = 0
    others: list[dict[str, str]] = []
    for row in _table(shared / "data/cmbs/instalments.csv.gz"):
        month_begins = date.fromisoformat(row["due_date"]).replace(day=1)
        days, year = share_of_year(DayCount.ACTUAL_360, InterestPeriod(add_months(month_begins, -1), month_begins, 30))
        rate = Fraction(row["annual_rate"])
        interest = divide(_cents(row["balance_before"]) * rate.numerator * days, rate.denominator * year)
        difference = abs(interest - _cents(row["due_interest"]))
        to_the_cent += difference == 0
        within_a_cent += difference <= 1
        if difference > 100:
            others.append(row)

    # 99.45 % of 3,999 within a cent, hence within a dollar; 90.20 % to the cent: balances are filed in single precision.
    assert (to_the_cent, within_a_cent, len(others)) == (3607, 3977, 22)
    # The rest ask for nothing: four loans, 90 days late or more and soon liquidated, in foreclosure (code 2) or with the
    # property taken over (code 7), whose advances are filed as not recoverable.
    assert {(row["due_total"], row["servicer_status"]) for row in others} == {("0.00", "3")}
    assert Counter(row["loan_ref"].removeprefix("0001706060-") for row in others) == {"52": 11, "50": 8, "44": 2, "14": 1}
    months = {(row["loan_ref"], row["report_date"][:7]) for row in others}
    filed = [
        (row["workoutStrategyCode"], row["nonRecoverabilityIndicator"])
        for row in _table(shared / "data/cmbs/loan_months.csv.gz")
        if (row["loanID"], row["reportingPeriodEndDate"][:7]) in months
    ]
    assert Counter(filed) == {("7", "True"): 14, ("2", "True"): 8}


def test_instalments_of_2018_are_the_annuity_rounded_up_to_the_cent(shared: Path) -> None:
    fits: Counter[Rounding] = Counter()
    odd: dict[str, tuple[int, int]] = {}
    for row in _table(shared / "data/lendingclub_2018/loan_tape.csv.gz"):
        principal, months, rate = _cents(row["loan_amount"]), int(row["term"]), Fraction(row["interest_rate"]) / 100
        exact = annuity(principal, rate_factors(rate, [(30, 360)] * months))
        asked, ours = _cents(row["installment"]), _instalment(row["loan_amount"], row["term"], rate)
        assert ours == round_decimal(exact, Rounding.UP)
        fits.update(rounding for rounding in Rounding if round_decimal(exact, rounding) == asked)
        if asked != ours:
            odd[row["row_id"]] = (asked, ours)

    # Of 8,000: 99.96 % rounded up, 48.86 % to the nearest cent. The three others are the lender's own oddities.
    assert fits == {Rounding.UP: 7997, Rounding.HALF_EVEN: 3909, Rounding.HALF_UP: 3909}
    assert odd == ODD


def test_instalments_of_2008_to_2011_are_rounded_up_where_the_printed_rate_is_the_whole_rate(shared: Path) -> None:
    fits: Counter[Rounding] = Counter()
    by_time: Counter[tuple[str, bool]] = Counter()
    within_the_rate = 0
    odd: list[str] = []
    half_a_digit = Fraction("0.00005")
    for row in _table(shared / "data/lendingclub_2008_2011/loan_tape.csv.gz"):
        # What was funded counts, not what was asked for; the rate carries the noise of a binary fraction.
        rate = Fraction(round(Decimal(row["int_rate"]), 4))
        exact = annuity(_cents(row["funded_amnt"]), rate_factors(rate, [(30, 360)] * int(row["term"])))
        asked = _cents(row["installment"])
        fits.update(rounding for rounding in Rounding if round_decimal(exact, rounding) == asked)
        fit = round_decimal(exact, Rounding.UP) == asked
        by_time["in between" if "2008-12" <= row["issue_d"][:7] <= "2010-05" else "before and after", fit] += 1
        if fit:
            continue
        least, most = (_instalment(row["funded_amnt"], row["term"], rate + shift) for shift in (-half_a_digit, half_a_digit))
        if least <= asked <= most:
            within_the_rate += 1
        else:
            odd.append(row["row_id"])

    # Of 4,000: 83.88 % rounded up; 45.95 % to the nearest cent, half to even and half up alike; 5.10 % rounded down.
    assert fits == {Rounding.UP: 3355, Rounding.HALF_EVEN: 1838, Rounding.HALF_UP: 1838, Rounding.DOWN: 204}
    # From December 2008 to May 2010 rates had more digits than the two of a per cent that are kept: 644 of the 645 others
    # are what some rate printed the same gives, rounded up. Outside those months one loan of 3,066 differs.
    assert by_time == {
        ("before and after", True): 3065,
        ("before and after", False): 1,
        ("in between", True): 290,
        ("in between", False): 644,
    }
    assert (within_the_rate, odd) == (644, ["LCH2010-00268"])


def test_a_czech_bank_lends_without_interest_and_every_row_is_the_payment(shared: Path) -> None:
    count = 0
    for row in _table(shared / "data/berka/loan.asc.gz", "ascii", ";"):
        granted_on = date(1900 + int(row["date"][:2]), int(row["date"][2:4]), int(row["date"][4:]))
        amount, payment, months = _cents(row["amount"]), _cents(row["payments"]), int(row["duration"])

        rows = plan_rows(Contract(Method.EQUAL_INSTALMENT, amount, granted_on, months))

        assert [each.due for each in rows] == [Split(payment)] * months
        assert sum(each.due.total for each in rows) == amount
        count += 1
    assert count == 500


def test_a_live_tape_gets_a_plan_for_every_active_loan_and_the_book_is_true(
    sqlite_book: Flask, shared: Path, tmp_path: Path
) -> None:
    tape = list(_table(shared / "data/lendingclub_2018/loan_tape.csv.gz"))
    chosen = {row["row_id"]: row for row in tape if int(row["row_id"][2:]) % 4 == 0 or row["row_id"] in ODD}
    path = tmp_path / "tape.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(tape[0]))
        writer.writeheader()
        writer.writerows(chosen.values())
    import_file(path, "lendingclub-2018", now=START)

    pages = list(estimate_plans("lendingclub-2018", now=START))

    ended = {number for number, row in chosen.items() if row["loan_status"] in ("Fully Paid", "Charged Off")}
    active = chosen.keys() - ended
    assert (sum(page.made for page in pages), {page.too_little_known for page in pages}) == (len(active), {0})
    assert {why for page in pages for why in page.refused} == set()
    loans = {loan.loan_no: loan for loan in session().scalars(select(LoanRow))}
    assert {number for number, loan in loans.items() if loan.marks == ["estimated_plan"] and loan.anchor_no == 1} == active
    assert {(loans[number].anchor_no, *loans[number].marks) for number in ended} == {(0,)}
    assert list(differences(session())) == []

    rows = Counter(row.loan_no for row in rows_of(session(), "lendingclub-2018"))
    principal: Counter[str] = Counter()
    level: Counter[str] = Counter()
    for each in rows_of(session(), "lendingclub-2018"):
        principal[each.loan_no] += each.principal_minor
        level[each.loan_no] += each.principal_minor + each.interest_minor == _cents(chosen[each.loan_no]["installment"])
    assert rows == {number: int(chosen[number]["term"]) for number in active}
    assert principal == {number: _cents(chosen[number]["loan_amount"]) for number in active}
    # The lender's own instalment in every row but the last, which closes the balance.
    assert all(rows[number] - level[number] <= 1 for number in active)
