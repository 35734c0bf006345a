"""A borrower's own hours narrow the usual ones and never widen them."""

from datetime import time

import pytest

from app.domain.contact_hours import Hours, Wish, as_wish, own_hours, usual_hours
from app.domain.errors import QuietHoursError, ValidationError
from app.domain.quiet_hours import QuietHours

NIGHT = QuietHours(time(22), time(8))
SIESTA = QuietHours(time(12), time(14))
NONE = QuietHours(time(0), time(0))


def hours(begin: str | None, end: str | None) -> Hours:
    return Hours(*(time.fromisoformat(text) if text else None for text in (begin, end)))


def test_the_usual_hours_are_those_that_are_not_quiet() -> None:
    assert [usual_hours(quiet) for quiet in (NIGHT, SIESTA, NONE)] == [
        hours("08:00", "22:00"),
        hours("14:00", "12:00"),
        Hours(),
    ]


@pytest.mark.parametrize(
    ("own", "quiet", "wish"),
    [
        (hours("10:00", "18:00"), NIGHT, Wish("only_between", time(10), time(18))),
        (hours("08:00", "22:00"), NIGHT, Wish("only_between", time(8), time(22))),
        (hours("10:00", None), NIGHT, Wish("not_before", time(10), None)),
        (hours(None, "18:00"), NIGHT, Wish("only_between", time(8), time(18))),
        (hours("15:00", "16:00"), SIESTA, Wish("only_between", time(15), time(16))),
        (hours("15:00", None), SIESTA, Wish("not_before", time(15), None)),
        (hours("00:00", "23:59"), NONE, Wish("only_between", time(0), time(23, 59))),
        (hours(None, None), NIGHT, None),
    ],
)
def test_what_narrows_is_kept_as_a_wish(own: Hours, quiet: QuietHours, wish: Wish | None) -> None:
    assert as_wish(own, quiet) == wish


@pytest.mark.parametrize(
    ("own", "quiet"),
    [
        (hours("07:59", "18:00"), NIGHT),
        (hours("10:00", "22:01"), NIGHT),
        (hours("06:00", None), NIGHT),
        (hours("22:00", "23:30"), NIGHT),
        (hours("00:30", "05:00"), NIGHT),
        (hours("10:00", "15:00"), SIESTA),
        (hours("13:00", "18:00"), SIESTA),
    ],
)
def test_what_widens_is_refused_and_says_the_usual_hours(own: Hours, quiet: QuietHours) -> None:
    with pytest.raises(QuietHoursError, match="narrow the hours") as refused:
        as_wish(own, quiet)

    assert f"{quiet.end:%H:%M} and {quiet.start:%H:%M}" in refused.value.detail


@pytest.mark.parametrize(
    "own", [hours("10:00", "10:59"), hours("18:00", "10:00"), hours("21:30", None), hours("10:00", "10:00")]
)
def test_hours_too_short_for_a_message_are_refused(own: Hours) -> None:
    with pytest.raises(ValidationError, match="at least an hour"):
        as_wish(own, NIGHT)


def test_a_kept_wish_reads_back_as_hours() -> None:
    assert own_hours("not_before", time(10), None) == hours("10:00", None)
    assert own_hours("only_between", time(10), time(18)) == hours("10:00", "18:00")
    assert own_hours(None, None, None) == Hours()
