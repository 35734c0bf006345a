"""Calendars held against what happened: the Chinese day list, rate fixings, and first due dates of a real lender."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from app.domain.calendars import BusinessDayRule, Calendar, adjust
from app.services.country_calendars import country_calendar

pytestmark = pytest.mark.shared

ONE_INSTALMENT = (15, 30)
"""Terms in days of loans that are paid at once; of longer ones the first due date is about 30 days out."""
SEEN_OFTEN = 3


class Loan(NamedTuple):
    """What a loan's first due date is compared with: approval on the wall in Lagos plus the term, not yet moved."""

    unmoved_on: date
    due_on: date
    number: int


def test_every_day_of_2019_to_2026_is_what_two_packages_say_of_china(shared: Path) -> None:
    with (shared / "data/reference/cn_special_days_2019_2026.csv").open(newline="") as file:
        special = {date.fromisoformat(row["date"]): row["chinesecalendar_workday"] == "1" for row in csv.DictReader(file)}
    china = country_calendar("CN")
    days = [date(2019, 1, 1) + timedelta(days=number) for number in range(2922)]

    wrong = [day for day in days if china.is_business_day(day) is not special.get(day, day.weekday() < 5)]

    assert wrong == []
    assert days[-1] == date(2026, 12, 31)


def test_every_rate_fixing_is_the_20th_or_the_next_business_day(shared: Path) -> None:
    with (shared / "data/reference/lpr.csv").open(newline="") as file:
        fixed_on = [date.fromisoformat(row["date"]) for row in csv.DictReader(file)]

    expected = [adjust(day.replace(day=20), BusinessDayRule.FOLLOWING, country_calendar("CN")) for day in fixed_on]

    assert len(fixed_on) == 86
    assert fixed_on == expected


def test_first_due_dates_of_a_nigerian_lender_need_its_own_days(shared: Path) -> None:
    """Of 3,791 loans with one instalment, by the rule that a due date on a day off moves to the next working day.

    The lender's own days are learnt from one half of the loans and tried on the other, both ways, so that what is counted
    was not what it was learnt from.
    """
    loans = list(_loans(shared / "data/microloans/loans.csv.gz"))
    halves = [[loan for loan in loans if loan.number % 2 == half] for half in (0, 1)]
    nigeria = country_calendar("NG")

    def with_days_learnt(half: list[Loan]) -> Calendar:
        return nigeria.with_days(*_days_learnt(half, nigeria), name="lender")

    own = [_explained(halves[0], with_days_learnt(halves[1])), _explained(halves[1], with_days_learnt(halves[0]))]

    assert len(loans) == 3791
    assert _explained(loans, Calendar("every day", weekend=frozenset())) == 2398  # 63.3 %
    assert _explained(loans, Calendar("weekends")) == 3434  # 90.6 %
    assert _explained(loans, nigeria) == 3449  # 91.0 %
    assert sum(own) == 3500  # 92.3 %


def test_the_lenders_own_days_are_the_easter_it_worked_and_an_eid_announced_late(shared: Path) -> None:
    nigeria = country_calendar("NG")

    off, working = _days_learnt(_loans(shared / "data/microloans/loans.csv.gz"), nigeria)

    assert {date(2017, 4, 14), date(2017, 4, 17), date(2017, 6, 26)} <= working
    assert off == {date(2016, 7, 8)}
    assert all(nigeria.is_known(day) for day in off | working)


def _loans(path: Path) -> Iterator[Loan]:
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            if int(row["termdays"]) in ONE_INSTALMENT:
                approved_on = datetime.fromisoformat(row["approveddate"]).date()
                due_on = datetime.fromisoformat(row["firstduedate"]).date()
                yield Loan(approved_on + timedelta(days=int(row["termdays"])), due_on, int(row["systemloanid"]))


def _explained(loans: Iterable[Loan], calendar: Calendar) -> int:
    return sum(adjust(loan.unmoved_on, BusinessDayRule.FOLLOWING, calendar) == loan.due_on for loan in loans)


def _days_learnt(loans: Iterable[Loan], country: Calendar) -> tuple[set[date], set[date]]:
    """Return days the lender kept that the country does not name, and days of the country it did not keep.

    A weekday most of whose loans fell due later was off; a holiday most of whose loans fell due on it was worked.
    """
    fell_due: dict[date, Counter[bool]] = defaultdict(Counter)
    for loan in loans:
        if loan.unmoved_on.weekday() < 5:
            fell_due[loan.unmoved_on][loan.due_on == loan.unmoved_on] += 1
    often = {day: seen for day, seen in fell_due.items() if seen.total() >= SEEN_OFTEN}
    off = {day for day, seen in often.items() if seen[False] > seen[True] and country.is_business_day(day)}
    working = {day for day, seen in often.items() if seen[True] > seen[False] and not country.is_business_day(day)}
    return off, working
