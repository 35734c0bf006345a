"""Whom frozen reports name is forgotten on the day after it may stand, and when arrears were over though nobody looked."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask

from app.domain.credit_lateness import end_of_lateness
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_checks import check_chain
from app.services.credit_chores import forget_people
from app.services.credit_reporting import end_cured, stop_reporting
from app.services.credit_retention import ends_of_arrears
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.credit import consent, delivered, enable
from tests.builders.credit_stories import loan as story
from tests.builders.credit_stories import paid, paid_months
from tests.conftest import START
from tests.services.test_credit_files import DAY, a_late_loan, a_lender
from tests.services.test_credit_snapshots import LATE, enrol, freeze, rows_of

BUREAU = "EXPERIAN"


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


def named(snapshot_id: str, loan: Built) -> bool:
    return rows_of(snapshot_id)[loan.loan_id].people_sealed is not None


def a_chinese_loan() -> Built:
    lender = build_lender(
        now=START, jurisdiction="CN", currency="CNY", licence_kind="consumer_finance", role="first_party", role_reason="own"
    )
    enable(lender, now=START)
    loan = build_loan(
        now=START - 90 * DAY, due=LATE, lender_id=lender, currency="CNY", product_kind="instalment", name="张伟",
        national_id="11010519491231002X", country="CN", address_lines=("1 号", "上海"),
    )  # fmt: skip
    consent(loan, now=START - 30 * DAY)
    delivered(loan, START - 20 * DAY)
    enrol(loan)
    return loan


def test_in_the_us_names_are_forgotten_after_seven_years_from_the_first_delinquency(app: Flask) -> None:
    lender = a_lender()
    loan = a_late_loan(lender)
    snapshot_id = freeze(lender, bureau=BUREAU)
    assert rows_of(snapshot_id)[loan.loan_id].first_delinquency_on == date(2026, 1, 31)

    forget_people(now=noon(date(2033, 1, 31)))
    assert named(snapshot_id, loan)
    forget_people(now=noon(date(2033, 2, 1)))

    assert not named(snapshot_id, loan)
    with unit_of_work() as work:
        assert check_chain(work.session, snapshot_id).is_whole


@pytest.mark.parametrize("is_withdrawn", [False, True])
def test_in_china_names_are_forgotten_five_years_after_the_arrears_were_over_though_reporting_was_stopped_by_hand(
    app: Flask, is_withdrawn: bool
) -> None:
    loan = a_chinese_loan()
    snapshot_id = freeze(loan.lender_id)
    if is_withdrawn:
        with unit_of_work() as work:
            stop_reporting(work, loan.lender_id, [loan.loan_id], by="staff:Ann", now=START)
    over_at = noon(date(2026, 3, 20))
    pay(loan, 10_000, now=over_at, currency="CNY")
    if not is_withdrawn:
        with unit_of_work() as work:
            end_cured(work, now=over_at)
    pay(loan, 10_000, now=noon(date(2026, 4, 1)), currency="CNY")

    forget_people(now=noon(date(2031, 3, 20)))
    assert named(snapshot_id, loan)
    forget_people(now=noon(date(2031, 3, 21)))

    assert not named(snapshot_id, loan)


def test_while_the_arrears_go_on_the_clock_of_china_does_not_run(app: Flask) -> None:
    loan = a_chinese_loan()
    snapshot_id = freeze(loan.lender_id)
    with unit_of_work() as work:
        stop_reporting(work, loan.lender_id, [loan.loan_id], by="staff:Ann", now=START)
        assert ends_of_arrears(work.session, [loan.loan_id], now=noon(date(2040, 1, 1))) == {}

    forget_people(now=noon(date(2040, 1, 1)))

    assert named(snapshot_id, loan)


def test_a_good_month_names_its_person_for_five_years(app: Flask) -> None:
    lender = build_lender(now=START, jurisdiction="CN", currency="CNY", role="first_party", role_reason="own")
    enable(lender, now=START)
    loan = build_loan(
        now=START - 90 * DAY, due=[date(2026, 6, 1)], lender_id=lender, currency="CNY", product_kind="instalment",
        name="张伟", national_id="11010519491231002X", country="CN", address_lines=("1 号", "上海"),
    )  # fmt: skip
    consent(loan, now=START - 30 * DAY)
    enrol(loan, kind="positive")
    snapshot_id = freeze(lender)
    assert rows_of(snapshot_id)[loan.loan_id].kind == "positive"

    forget_people(now=noon(date(2031, 2, 28)))
    assert named(snapshot_id, loan)
    forget_people(now=noon(date(2031, 3, 1)))

    assert not named(snapshot_id, loan)


@pytest.mark.parametrize(
    ("entries", "today", "expected"),
    [
        (paid_months(2, 3), date(2025, 3, 20), None),
        ([paid(date(2025, 2, 20))], date(2025, 2, 25), date(2025, 2, 20)),
        ([paid(date(2025, 2, 20))], date(2025, 3, 2), None),
        ([paid(date(2025, 2, 20)), paid(date(2025, 3, 9))], date(2025, 3, 20), date(2025, 3, 9)),
        ([paid(date(2025, 2, 20)), paid(date(2025, 3, 1))], date(2025, 3, 20), date(2025, 2, 20)),
    ],
)
def test_lateness_is_over_on_the_day_the_money_left_nothing_overdue(entries: Any, today: date, expected: Any) -> None:
    assert end_of_lateness(story(entries).ledger, today) == expected
