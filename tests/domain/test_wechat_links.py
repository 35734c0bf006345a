"""What opens a link: the number that both sides compare, and how the link stands."""

from datetime import UTC, datetime, timedelta
from re import fullmatch

import pytest

from app.domain.wechat_links import CHECK_CODE_PATTERN, CONFIRM_LIFE, check_code, standing

OPENED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ONE = timedelta(microseconds=1)


def test_two_who_open_one_link_are_shown_two_numbers_and_one_the_same_number_again() -> None:
    token = "5f" * 28

    numbers = {check_code(token, f"o{n}") for n in range(20)}

    assert len(numbers) == 20
    assert check_code(token, "o1") == check_code(token, "o1")
    assert check_code(token, "o1") != check_code("60" * 28, "o1")


def test_a_number_has_six_digits_also_when_it_is_small() -> None:
    assert all(fullmatch(CHECK_CODE_PATTERN, check_code("ab" * 28, str(n))) for n in range(300))


@pytest.mark.parametrize(
    ("ended_as", "is_known", "after", "stands"),
    [
        (None, False, timedelta(), "waiting"),
        (None, True, timedelta(), "pending"),
        (None, True, CONFIRM_LIFE - ONE, "pending"),
        (None, True, CONFIRM_LIFE, "lapsed"),
        (None, False, CONFIRM_LIFE, "lapsed"),
        ("confirmed", False, timedelta(days=1), "confirmed"),
        ("refused", True, timedelta(), "refused"),
        ("superseded", True, CONFIRM_LIFE, "superseded"),
    ],
)
def test_an_opened_link_waits_a_quarter_of_an_hour_unless_it_has_ended(
    ended_as: str | None, is_known: bool, after: timedelta, stands: str
) -> None:
    assert standing(OPENED, ended_as, is_known=is_known, now=OPENED + after) == stands
