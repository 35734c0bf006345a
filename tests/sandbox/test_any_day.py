"""The sandbox is made for the day on which somebody starts it: whatever day that is, what its page promises is there."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.times import business_date
from app.persistence.models.escalations import EscalationStepRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.restricted_register import RegisterReportRow
from app.persistence.unit_of_work import reading
from app.sandbox import sample_book
from app.sandbox.sample_arrears import put_sample_arrears
from app.sandbox.sample_lenders import LENDERS, SampleLender, demos_of
from app.sandbox.sample_loans import due_dates
from app.sandbox.sample_platform import OVER_CAP, STORIES, WRITTEN_TO, ZONE, story_values
from app.services import base_rates
from config import LPR_FILE
from tests.conftest import START

DAYS = [
    datetime(2027, 3, 28, 4, 0, tzinfo=UTC),  # what is due in three days is due on a 31st: six months before had 30 days
    datetime(2027, 3, 28, 0, 59, 50, tzinfo=UTC),  # before the clocks of London go forward
    datetime(2027, 5, 28, 10, 0, tzinfo=UTC),  # three months before was February
    datetime(2028, 2, 26, 16, 0, tzinfo=UTC),  # midnight in Shanghai; what is due in three days is due on the 1st
    datetime(2028, 2, 28, 23, 59, 30, tzinfo=UTC),  # what is due tomorrow is due on a leap day, or in China already today
    datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC),
    datetime(2027, 11, 7, 5, 59, 50, tzinfo=UTC),  # the hour that New York has twice
]


@pytest.mark.parametrize("now", DAYS, ids=lambda now: now.isoformat())
@pytest.mark.parametrize("lender", [each for each in LENDERS if demos_of(each)], ids=lambda each: each.values.code)
def test_demo_borrowers_owe_on_the_days_that_are_promised(lender: SampleLender, now: datetime) -> None:
    today = business_date(now, lender.values.zone)
    borrowers = {each.borrower_no: each for each in sample_book.sample_borrowers(lender, sample_book.SEED)}

    for demo in demos_of(lender):
        loans = sample_book.sample_loans(lender, borrowers[demo.borrower_no], now=now, seed=sample_book.SEED)
        found = [sample.plan.rows[len(sample.payments)].due_on - today for sample in loans]
        assert found == [timedelta(days=days) for *_, days in demo.loans]


@pytest.mark.parametrize("now", DAYS, ids=lambda now: now.isoformat())
def test_each_story_is_as_late_as_it_says(now: datetime) -> None:
    today = business_date(now, ZONE)

    for number, story in enumerate(STORIES):
        told = story_values(number, story, now=now)
        first_open = told.plan.rows[len(told.payments)].due_on
        assert (today - first_open).days == (story.late or -9), story.key


def test_a_plan_counted_from_any_of_its_rows_falls_due_on_the_same_day_of_each_month() -> None:
    assert due_dates(date(2027, 3, 31), 3, None, rows_before=1) == [date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]
    assert due_dates(date(2027, 3, 3), 3, 7, rows_before=1) == [date(2027, 2, 24), date(2027, 3, 3), date(2027, 3, 10)]


@pytest.mark.parametrize("days", [0, 61, 122, 183, 244, 305, 363, 364, 365, 366])
def test_no_sample_loan_is_of_the_future_on_any_day_or_seed(days: int) -> None:
    now = START + timedelta(days=days, hours=days % 24)

    for lender in LENDERS:
        today = business_date(now, lender.values.zone)
        for borrower in sample_book.sample_borrowers(lender, days):
            for sample in sample_book.sample_loans(lender, borrower, now=now, seed=days):
                due = [row.due_on for row in sample.plan.rows]
                assert due == sorted(set(due))
                assert sample.loan.disbursed_on < min(due[0], today)
                assert all(sample.loan.disbursed_on <= paid.effective_on <= today for paid in sample.payments)
                assert all(sample.loan.recorded_at <= paid.recorded_at <= now for paid in sample.payments)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2027, 3, 28, 16, 30, tzinfo=UTC),  # lateness that is counted over a February
        datetime(2028, 2, 29, 23, 59, 30, tzinfo=UTC),  # and no rate was published for the year before
    ],
)
def test_what_comes_after_reminders_is_there_though_the_table_of_rates_has_grown_old(
    sqlite_book: Flask, now: datetime
) -> None:
    base_rates.use_table(LPR_FILE)

    put_sample_arrears(now=now)

    with reading() as session:
        statement = select(LoanRow.loan_no, EscalationStepRow.step_key, EscalationStepRow.outcome)
        found = session.execute(statement.join(LoanRow, LoanRow.id == EscalationStepRow.loan_id)).all()
        assert {(story.loan_no, "arrears_notice", "delivered") for story in WRITTEN_TO} <= {tuple(each) for each in found}
        assert {("HYVEHICLE01", "referral", "needs_approval"), ("HYLETTER01", "repayment_letter", "needs_approval")} <= {
            tuple(each) for each in found
        }
        assert session.scalar(select(RegisterReportRow.state)) == "waiting"
        assert list(session.scalars(select(LoanRow.loan_no).where(LoanRow.over_cap_minor > 0))) == [OVER_CAP.loan_no]
