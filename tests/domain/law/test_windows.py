"""Hours of contact: half-open on the wall, in every zone, whatever the clocks do."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.domain.law.results import Topic
from app.domain.law.wall_hours import Hours, first_allowed, intersection, span, union
from app.domain.times import rfc3339
from tests.builders.law import asked, instant, zones

NEW_YORK, LONDON, BERLIN, APIA = "America/New_York", "Europe/London", "Europe/Berlin", "Pacific/Apia"
DAY = {"test": "window", "allow_from": "08:00", "allow_to": "21:00", "preferences": "none"}


def answer(at: str, test: dict[str, Any] = DAY, in_zones: tuple[str, ...] = (NEW_YORK,), **facts: Any) -> str:
    result = asked(test, at, zones=zones(*in_zones), **facts)
    return f"{result.verdict} {rfc3339(result.until)}" if result.until else result.verdict


def hours(start: str, end: str, **changes: Any) -> dict[str, Any]:
    return {"test": "window", "allow_from": start, "allow_to": end, "preferences": "none", **changes}


def wish(kind: str, **changes: Any) -> dict[str, Any]:
    return {"kind": kind, "recorded_at": "2026-11-01T12:00:00Z", **changes}


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("2026-11-23T12:59:59Z", "defer 2026-11-23T13:00:00Z"),
        ("2026-11-23T13:00:00Z", "allow"),
        ("2026-11-24T01:59:59Z", "allow"),
        ("2026-11-24T02:00:00Z", "defer 2026-11-24T13:00:00Z"),
    ],
)
def test_a_window_is_half_open(at: str, wanted: str) -> None:
    assert answer(at) == wanted


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("2026-11-01T05:59:59Z", "allow"),  # 01:59:59 before clocks go back at 02:00
        ("2026-11-01T06:00:00Z", "defer 2026-11-01T06:30:00Z"),  # 01:00 again: half past comes twice
        ("2026-11-01T06:30:00Z", "allow"),
        ("2026-11-01T05:00:00Z", "defer 2026-11-01T05:30:00Z"),
        ("2026-11-01T07:00:00Z", "allow"),
    ],
)
def test_when_clocks_go_back_a_wall_time_comes_twice(at: str, wanted: str) -> None:
    assert answer(at, hours("01:30", "03:00")) == wanted


def test_when_clocks_go_back_into_the_window_it_opens_again_with_the_change() -> None:
    late = hours("00:00", "01:30")

    assert answer("2026-11-01T05:30:00Z", late) == "defer 2026-11-01T06:00:00Z"
    assert answer("2026-11-01T06:29:59Z", late) == "allow"
    assert answer("2026-11-01T06:30:00Z", late) == "defer 2026-11-02T05:00:00Z"


def test_when_clocks_go_forward_the_first_instant_after_the_gap_stands_for_it() -> None:
    assert answer("2027-03-14T06:59:59Z", hours("02:30", "05:00")) == "defer 2027-03-14T07:00:00Z"
    assert answer("2027-03-14T06:59:59Z", hours("02:00", "02:45")) == "defer 2027-03-15T06:00:00Z"  # all of it is skipped


def test_the_offset_is_that_of_the_instant() -> None:
    assert answer("2026-10-25T07:30:00Z", in_zones=(LONDON,)) == "defer 2026-10-25T08:00:00Z"
    assert answer("2027-03-28T07:00:00Z", in_zones=(LONDON,)) == "allow"


def test_a_window_may_span_midnight() -> None:
    night = hours("22:00", "06:00")

    assert answer("2026-11-24T04:00:00Z", night) == "allow"  # 23:00
    assert answer("2026-11-24T10:59:59Z", night) == "allow"  # 05:59:59
    assert answer("2026-11-24T11:00:00Z", night) == "defer 2026-11-25T03:00:00Z"


def test_a_window_may_end_with_the_day() -> None:
    assert answer("2026-11-24T04:59:59Z", hours("20:00", "24:00")) == "allow"
    assert answer("2026-11-24T05:00:00Z", hours("20:00", "24:00")) == "defer 2026-11-25T01:00:00Z"
    assert answer("2026-11-24T05:00:00Z", hours("20:00", "00:00")) == "defer 2026-11-25T01:00:00Z"


def test_an_empty_window_never_opens() -> None:
    result = asked(hours("09:00", "09:00"), zones=zones(NEW_YORK))

    assert (result.verdict, result.missing) == ("block", ("borrower_zone",))


def test_several_zones_are_intersected_and_zones_that_never_meet_block() -> None:
    both = ("America/New_York", "America/Los_Angeles")
    house = hours("08:00", "20:00")

    assert answer("2026-11-23T13:00:00Z", in_zones=both) == "defer 2026-11-23T16:00:00Z"
    assert answer("2026-11-24T02:00:00Z", in_zones=both) == "defer 2026-11-24T16:00:00Z"
    assert answer("2026-11-23T19:00:00Z", house, ("Pacific/Auckland", BERLIN)) == "block"


def test_the_zone_that_always_counts_is_added_and_does_not_replace_the_borrowers() -> None:
    beijing = DAY | {"always_zone": "Asia/Shanghai"}

    assert answer("2026-11-23T06:00:00Z", beijing, (BERLIN,)) == "defer 2026-11-23T07:00:00Z"
    assert answer("2026-11-23T13:00:00Z", beijing, (BERLIN,)) == "defer 2026-11-24T07:00:00Z"
    assert asked(beijing).missing == ("borrower_zone",)


def test_sundays_and_holidays_are_skipped_by_the_local_date() -> None:
    week = DAY | {"skip_sunday": True, "skip_holidays": True}

    assert answer("2026-11-22T15:00:00Z", week, (BERLIN,)) == "defer 2026-11-23T07:00:00Z"
    assert answer("2026-11-23T15:00:00Z", week, (BERLIN,), public_holidays=["2026-11-23", "2026-11-24"]) == (
        "defer 2026-11-25T07:00:00Z"
    )
    assert answer("2026-11-23T15:00:00Z", DAY, (BERLIN,), public_holidays=["2026-11-23"]) == "allow"
    # Saturday 23:00 in Berlin is allowed at night; after midnight it is Sunday, and Monday opens at 00:00.
    night = hours("22:00", "06:00", skip_sunday=True)
    assert answer("2026-11-21T22:30:00Z", night, (BERLIN,)) == "allow"
    assert answer("2026-11-21T23:00:00Z", night, (BERLIN,)) == "defer 2026-11-22T23:00:00Z"


def test_a_fortnight_of_holidays_is_as_if_no_hour_was_known() -> None:
    holidays = [f"2026-12-{day:02d}" for day in range(1, 17)]
    week = DAY | {"skip_holidays": True}

    assert answer("2026-12-01T10:00:00Z", week, (BERLIN,), public_holidays=holidays) == "block"
    assert answer("2026-12-03T10:00:00Z", week, (BERLIN,), public_holidays=holidays) == "defer 2026-12-17T07:00:00Z"


@pytest.mark.parametrize(
    ("mode", "wishes", "at", "wanted"),
    [
        ("none", [wish("not_before", **{"from": "10:00"})], "2026-11-23T14:00:00Z", "allow"),
        ("narrow", [wish("not_before", **{"from": "10:00"})], "2026-11-23T14:00:00Z", "defer 2026-11-23T15:00:00Z"),
        ("narrow", [wish("not_before", **{"from": "07:00"})], "2026-11-23T12:30:00Z", "defer 2026-11-23T13:00:00Z"),
        ("narrow", [wish("only_between", **{"from": "14:00", "to": "16:00"})], "2026-11-23T21:00:00Z",
         "defer 2026-11-24T19:00:00Z"),
        ("narrow", [wish("only_between", **{"from": "06:00", "to": "09:00"})], "2026-11-23T12:00:00Z",
         "defer 2026-11-23T13:00:00Z"),
        ("narrow", [wish("only_between", to="09:00")], "2026-11-23T14:00:00Z", "defer 2026-11-24T13:00:00Z"),
        ("narrow", [wish("only_between", **{"from": "20:00", "to": "10:00"})], "2026-11-23T15:00:00Z",
         "defer 2026-11-24T01:00:00Z"),
        ("narrow", [wish("only_between", **{"from": "22:00", "to": "23:00"})], "2026-11-24T03:30:00Z", "block"),
        ("narrow", [wish("also_between", evidence="e1", **{"from": "22:00", "to": "23:00"})], "2026-11-24T03:30:00Z",
         "defer 2026-11-24T13:00:00Z"),
        ("both", [wish("also_between", evidence="e1", **{"from": "22:00", "to": "23:00"})], "2026-11-24T03:30:00Z", "allow"),
        ("both", [wish("also_between", **{"from": "22:00", "to": "23:00"})], "2026-11-24T03:30:00Z",
         "defer 2026-11-24T13:00:00Z"),
        ("both", [wish("also_between", evidence="", **{"from": "22:00", "to": "23:00"})], "2026-11-24T03:30:00Z",
         "defer 2026-11-24T13:00:00Z"),
        ("both", [wish("also_between", evidence="e1", **{"from": "22:00", "to": "23:00"})], "2026-11-24T02:30:00Z",
         "defer 2026-11-24T03:00:00Z"),
        ("both", [wish("only_between", **{"from": "14:00", "to": "16:00"}),
                  wish("also_between", evidence="e1", **{"from": "22:00", "to": "23:00"})],
         "2026-11-23T21:00:00Z", "defer 2026-11-24T03:00:00Z"),
        ("both", [wish("also_between", evidence="e1", **{"from": "22:00"})], "2026-11-24T03:30:00Z",
         "defer 2026-11-24T13:00:00Z"),
        ("narrow", [wish("not_before", channel="voice", **{"from": "10:00"})], "2026-11-23T14:00:00Z", "allow"),
        ("narrow", [wish("not_before", channel="sms", **{"from": "10:00"})], "2026-11-23T14:00:00Z",
         "defer 2026-11-23T15:00:00Z"),
        ("narrow", [wish("not_before", recorded_at="2026-12-01T12:00:00Z", **{"from": "10:00"})], "2026-11-23T14:00:00Z",
         "allow"),
        ("both", [wish("no_contact")], "2026-11-23T14:00:00Z", "allow"),
    ],
)  # fmt: skip
def test_wishes_narrow_and_with_evidence_widen(mode: str, wishes: list[dict[str, Any]], at: str, wanted: str) -> None:
    assert answer(at, DAY | {"preferences": mode}, channel="sms", contact_preferences=wishes) == wanted


def test_an_avoided_place_blocks_at_any_hour_where_places_count() -> None:
    wishes = [wish("avoid_place", place="hospital")]
    facts = {"recipient_place": "hospital", "contact_preferences": wishes}

    blocked = asked(DAY | {"places": True}, "2026-11-23T15:00:00Z", zones=zones(NEW_YORK), **facts)

    assert (blocked.verdict, blocked.missing, blocked.topic) == ("block", (), Topic.RECIPIENT)
    assert answer("2026-11-23T15:00:00Z", **facts) == "allow"
    assert (
        answer("2026-11-23T15:00:00Z", DAY | {"places": True}, recipient_place="home", contact_preferences=wishes) == "allow"
    )


def test_a_zone_that_skips_a_day_has_no_hours_on_it() -> None:
    # Samoa went from 29 to 31 December 2011 at midnight.
    assert answer("2011-12-30T09:00:00Z", hours("22:00", "22:30"), (APIA,)) == "defer 2011-12-31T08:00:00Z"
    assert answer("2011-12-30T09:59:59Z", hours("08:00", "21:00"), (APIA,)) == "defer 2011-12-30T18:00:00Z"


def test_spans_of_minutes_are_cut_and_joined() -> None:
    assert span(480, 480) == ()
    assert span(1320, 0) == ((1320, 1440),)
    assert span(1320, 360) == ((0, 360), (1320, 1440))
    assert intersection(span(1320, 360), span(300, 1380)) == ((300, 360), (1320, 1380))
    assert union(((0, 10), (20, 30)), ((5, 20),)) == ((0, 30),)


ZONES = st.sampled_from(
    ["America/New_York", "Europe/London", "Africa/Casablanca", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham",
     "America/Havana", "Asia/Beirut", "America/Sao_Paulo", "Africa/Cairo", "America/Scoresbysund", "Asia/Shanghai"]
)  # fmt: skip
NEAR_CHANGES = st.sampled_from(
    ["2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2027-02-07", "2027-03-14", "2026-04-05", "2026-10-04",
     "2018-11-04", "2018-02-18", "2026-04-24", "2026-10-29"]
)  # fmt: skip


@example("2018-11-04", 0, ["America/Sao_Paulo"], 0, 60, False)
@example("2026-11-01", 0, ["America/Havana"], 0, 30, False)
@given(
    NEAR_CHANGES,
    st.integers(-1440, 2880),
    st.lists(ZONES, min_size=1, max_size=3),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.booleans(),
)
def test_until_is_allowed_in_every_zone_and_no_earlier_minute_is(
    day: str, offset: int, in_zones: list[str], start: int, end: int, skip_sunday: bool
) -> None:
    at = instant(f"{day}T00:00:00Z")
    assert at is not None
    at += timedelta(minutes=offset)
    allowed = Hours(span(start, end), skip_sunday)
    assume(allowed.spans)

    found = first_allowed(at, tuple(in_zones), allowed)

    def is_allowed(moment: datetime) -> bool:
        return all(allowed.allow(moment.astimezone(ZoneInfo(zone))) for zone in in_zones)

    last = found if found is not None else at + timedelta(days=3)
    moment = at
    while moment < min(last, at + timedelta(days=3)):
        assert not is_allowed(moment)
        moment += timedelta(minutes=1)
    if found is not None:
        assert is_allowed(found)
