"""When the push of a notice may leave: never in quiet hours, and never so late that they begin while it is on its way."""

from datetime import UTC, datetime, time, timedelta

from app.domain.notices import push_window
from app.domain.quiet_hours import QuietHours

NIGHT = QuietHours(time(21), time(9))
MARGIN = timedelta(minutes=10)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_by_day_it_leaves_at_once_and_not_after_the_evening() -> None:
    assert push_window(at(2, 12), [NIGHT], ["UTC"], margin=MARGIN) == (at(2, 12), at(2, 20, 50))


def test_at_night_and_right_before_it_the_morning_is_waited_for() -> None:
    for now in (at(2, 23), at(2, 20, 50), at(2, 20, 59), at(3, 8, 59)):
        assert push_window(now, [NIGHT], ["UTC"], margin=MARGIN) == (at(3, 9), at(3, 20, 50))


def test_it_is_quiet_in_none_of_the_zones() -> None:
    assert push_window(at(2, 8), [NIGHT], ["UTC", "Asia/Shanghai"], margin=MARGIN) == (at(2, 9), at(2, 12, 50))
    far_apart = ["America/New_York", "Asia/Shanghai"]
    assert push_window(at(2, 8), [NIGHT], far_apart, margin=MARGIN) == (at(3, 1), at(3, 1, 50))
    assert push_window(at(2, 8), [NIGHT], far_apart, margin=timedelta(hours=1)) is None
    assert push_window(at(2, 8), [QuietHours(time(17), time(9))], far_apart, margin=MARGIN) is None


def test_without_quiet_hours_it_waits_for_a_day_at_most() -> None:
    none = QuietHours(time(0), time(0))
    assert push_window(at(2, 3), [none], ["UTC"], margin=MARGIN) == (at(2, 3), at(3, 3))
