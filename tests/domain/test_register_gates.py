"""When the notice of a register has waited long enough: by its register, by its letter, in the loan's own days."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.registers import Gate, Notice, notice_gate
from app.services.registers import register_for

ARRIVED = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def gate(today: date, *notices: Notice, since: date | None = None) -> Gate | None:
    return notice_gate(register_for("cn-nifa", "CN"), notices, "Asia/Shanghai", today, since=since)[0]


@pytest.mark.parametrize(
    ("answer_by", "first_open"),
    [(None, date(2026, 3, 17)), (date(2026, 3, 10), date(2026, 3, 17)), (date(2026, 3, 20), date(2026, 3, 21))],
)
def test_a_report_waits_for_the_day_after_the_last_that_the_letter_leaves(answer_by: date | None, first_open: date) -> None:
    notice = Notice("register_notice", ARRIVED, answer_by=answer_by)

    assert gate(first_open - DAY, notice) is Gate.NOTICE_TOO_RECENT
    assert gate(first_open, notice) is None


def test_a_second_letter_of_the_same_arrears_is_waited_for_as_well() -> None:
    first = Notice("register_notice", ARRIVED, answer_by=date(2026, 3, 16))
    second = Notice("register_notice", ARRIVED + 14 * DAY, answer_by=date(2026, 3, 30))

    assert gate(date(2026, 3, 30), first, second) is Gate.NOTICE_TOO_RECENT
    assert gate(date(2026, 3, 31), first, second) is None


def test_a_letter_about_arrears_that_were_paid_is_not_waited_for() -> None:
    old = Notice("register_notice", ARRIVED - 30 * DAY, answer_by=date(2026, 5, 1))

    assert gate(date(2026, 3, 17), old, Notice("register_notice", ARRIVED), since=date(2026, 2, 20)) is None
