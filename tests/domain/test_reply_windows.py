"""How long, and how often, a platform lets us answer a word of its user."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain.reasons import Reason
from app.domain.reply_windows import reply_window

HEARD = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "answers", "rule"),
    [
        (timedelta(), 0, None),
        (timedelta(hours=47, minutes=49), 4, None),
        (timedelta(hours=47, minutes=50), 0, "reply_window.wechat.time"),
        (timedelta(days=9), 5, "reply_window.wechat.time"),
        (timedelta(hours=1), 5, "reply_window.wechat.count"),
    ],
)
def test_five_answers_within_two_days_of_the_last_word(after: timedelta, answers: int, rule: str | None) -> None:
    window = reply_window("wechat", HEARD, answers)

    assert window is not None
    stop = window.stop(HEARD + after)
    assert (None if stop is None else stop.rule) == rule
    assert stop is None or stop.reason is Reason.REPLY_WINDOW_CLOSED


def test_nobody_is_answered_who_has_not_written_and_other_channels_have_no_window() -> None:
    silent = reply_window("wechat", None, 0)

    assert silent is not None
    assert silent.stop(HEARD) is not None
    assert reply_window("sms", HEARD, 9) is None
