"""Counts of attempts: runs of calendar dates, today included, in every zone."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.times import rfc3339
from tests.builders.law import asked, attempt, instant, zones

ONE_A_DAY = {"test": "cap", "limits": [{"max": 1, "days": 1}], "channels": [], "per": "person"}
BERLIN = zones("Europe/Berlin")


def answer(test: dict[str, Any], at: str, **facts: Any) -> str:
    result = asked(test, at, **facts)
    return f"{result.verdict} {rfc3339(result.until)}" if result.until else result.verdict


def counted(test: dict[str, Any], at: str, **facts: Any) -> int:
    count: int = asked(test, at, **facts).values["counted_attempts"]
    return count


def test_today_counts_and_yesterday_does_not() -> None:
    calls = [attempt("2026-11-22T22:59:59Z"), attempt("2026-11-22T23:00:00Z")]  # 23:59:59 and 00:00 in Berlin

    assert counted(ONE_A_DAY, "2026-11-23T10:00:00Z", zones=BERLIN, contact_attempts=calls) == 1
    assert (
        answer(ONE_A_DAY, "2026-11-23T10:00:00Z", zones=BERLIN, contact_attempts=calls) == "cap_reached 2026-11-23T23:00:00Z"
    )


def test_only_attempts_up_to_now_count() -> None:
    calls = [attempt("2026-11-23T10:00:00Z"), attempt("2026-11-23T10:00:01Z")]

    assert counted(ONE_A_DAY, "2026-11-23T10:00:00Z", zones=BERLIN, contact_attempts=calls) == 1
    assert counted(ONE_A_DAY, "2026-11-23T09:59:59Z", zones=BERLIN, contact_attempts=calls) == 0


def test_several_limits_must_all_have_room() -> None:
    test = ONE_A_DAY | {"limits": [{"max": 1, "days": 1}, {"max": 2, "days": 3}]}
    calls = [attempt("2026-11-22T10:00:00Z"), attempt("2026-11-23T10:00:00Z")]

    # Two in three days: room comes when 22 November has left the run, on the 25th; that of the day on the 24th.
    assert answer(test, "2026-11-23T11:00:00Z", zones=BERLIN, contact_attempts=calls) == "cap_reached 2026-11-24T23:00:00Z"


def test_a_limit_that_is_over_full_has_room_when_enough_have_left() -> None:
    test = ONE_A_DAY | {"limits": [{"max": 2, "days": 7}]}
    calls = [attempt(f"2026-11-{day}T10:00:00Z") for day in (18, 19, 20, 21)]

    assert answer(test, "2026-11-23T11:00:00Z", zones=BERLIN, contact_attempts=calls) == "cap_reached 2026-11-26T23:00:00Z"


def test_it_is_full_when_it_is_full_in_any_zone_and_has_room_when_all_have() -> None:
    # 04:30Z on the 23rd is the 22nd in New York and the 23rd in London.
    both = zones("Europe/London", "America/New_York")
    call = [attempt("2026-11-23T04:30:00Z")]

    assert answer(ONE_A_DAY, "2026-11-23T12:00:00Z", zones=both, contact_attempts=call) == "cap_reached 2026-11-24T00:00:00Z"
    assert answer(ONE_A_DAY, "2026-11-23T12:00:00Z", zones=zones("America/New_York"), contact_attempts=call) == "allow"
    early = [attempt("2026-11-22T12:00:00Z")]
    assert (
        answer(ONE_A_DAY, "2026-11-23T04:30:00Z", zones=both, contact_attempts=early) == "cap_reached 2026-11-23T05:00:00Z"
    )


def test_a_rule_may_count_in_a_zone_of_its_own() -> None:
    test = ONE_A_DAY | {"zone": "Asia/Shanghai"}
    call = [attempt("2026-11-23T15:59:00Z")]

    assert answer(test, "2026-11-23T15:59:30Z", zones=BERLIN, contact_attempts=call) == "cap_reached 2026-11-23T16:00:00Z"
    assert answer(test, "2026-11-23T16:00:00Z", zones=BERLIN, contact_attempts=call) == "allow"


def test_without_a_zone_dates_are_taken_in_utc() -> None:
    call = [attempt("2026-11-23T00:30:00Z")]

    assert answer(ONE_A_DAY, "2026-11-23T10:00:00Z", contact_attempts=call) == "cap_reached 2026-11-24T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "facts", "wanted"),
    [
        ({"channels": ["sms"]}, {}, 1),
        ({"channels": ["email"]}, {}, 0),
        ({}, {}, 3),
        ({"directions": ["inbound"]}, {}, 1),
        ({"directions": ["inbound", "outbound"]}, {}, 4),
        ({"uncounted_outcomes": ["busy"]}, {}, 2),
        ({"per": "person_debt"}, {"debt": "A"}, 2),  # its own, and the one that names no debt
        ({"per": "person_debt"}, {}, 3),
        ({"per": "person"}, {"debt": "A"}, 3),
    ],
)
def test_what_counts_is_a_matter_of_the_rule(change: dict[str, Any], facts: dict[str, Any], wanted: int) -> None:
    calls = [
        attempt("2026-11-23T08:00:00Z", "sms", debt="A", number="n1"),
        attempt("2026-11-23T08:00:01Z", debt="B", outcome="busy", number="n2"),
        attempt("2026-11-23T08:00:02Z", number="n3"),
        attempt("2026-11-23T08:00:03Z", direction="inbound", debt="A"),
    ]

    assert counted(ONE_A_DAY | change, "2026-11-23T10:00:00Z", zones=BERLIN, contact_attempts=calls, **facts) == wanted


def test_a_call_that_was_agreed_is_not_counted_on_the_days_of_the_consent() -> None:
    test = ONE_A_DAY | {"consent": {"purpose": "call_back", "days": 2}}
    facts = {
        "zones": BERLIN,
        "channel": "voice",
        "contact_attempts": [attempt(f"2026-11-{day}T08:00:00Z") for day in (22, 23, 24)],
    }
    agreed = {"purpose": "call_back", "given_at": "2026-11-22T09:00:00Z"}

    def at(day: int, **changes: Any) -> tuple[str, bool]:
        result = asked(test, f"2026-11-{day}T10:00:00Z", consents=[agreed | changes], **facts)
        return result.verdict, result.values["counted"]

    assert at(22) == ("allow", False)  # day 1
    assert at(23) == ("allow", False)
    assert at(24) == ("cap_reached", True)
    assert at(23, withdrawn_at="2026-11-23T10:00:00Z") == ("cap_reached", True)
    assert at(23, purpose="extra_hours") == ("cap_reached", True)
    assert at(23, channel="sms") == ("cap_reached", True)


def test_failed_drawings_are_counted_without_a_window_and_start_again_after_an_event() -> None:
    test = {"test": "cap", "list": "debit.attempts", "limits": [{"max": 2}], "since_event": "payment_mandate_renewed"}
    tried = [{"at": f"2026-11-0{day}T06:00:00Z", "succeeded": False} for day in (1, 8)]
    renewed = [{"kind": "payment_mandate_renewed", "on": "2026-11-08"}]
    at = "2026-11-23T11:00:00Z"

    full = asked(test, at, zones=BERLIN, debit={"attempts": tried})
    assert (full.verdict, full.until, full.values["counted_attempts"]) == ("cap_reached", None, 2)
    assert answer(test, at, zones=BERLIN, debit={"attempts": [tried[0], tried[1] | {"succeeded": True}]}) == "allow"
    # Only attempts on later dates count again, and an event of the future restarts nothing.
    assert counted(test, at, zones=BERLIN, debit={"attempts": tried}, events=renewed) == 0
    assert counted(test, at, zones=BERLIN, debit={"attempts": tried}, events=[renewed[0] | {"on": "2026-11-07"}]) == 1
    assert counted(test, at, zones=BERLIN, debit={"attempts": tried}, events=[renewed[0] | {"on": "2026-11-24"}]) == 2


def test_none_at_all_never_has_room() -> None:
    result = asked(ONE_A_DAY | {"limits": [{"max": 0, "days": 1}]}, zones=BERLIN)

    assert (result.verdict, result.until) == ("cap_reached", None)


@given(
    st.lists(st.integers(0, 12 * 24 * 60), max_size=12),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 8)), min_size=1, max_size=3),
    st.lists(
        st.sampled_from(["Europe/London", "America/New_York", "Pacific/Auckland"]), min_size=1, max_size=3, unique=True
    ),
    st.randoms(use_true_random=False),
)
def test_at_until_there_is_room_and_a_second_before_there_is_not(
    minutes: list[int], limits: list[tuple[int, int]], names: list[str], random: Any
) -> None:
    start = instant("2026-10-20T00:00:00Z")
    assert start is not None
    at = start + timedelta(days=12)
    calls = [attempt(rfc3339(start + timedelta(minutes=each))) for each in minutes]
    test = ONE_A_DAY | {"limits": [{"max": most, "days": days} for most, days in limits]}

    result = asked(test, rfc3339(at), zones=zones(*names), contact_attempts=calls)
    random.shuffle(calls)
    assert asked(test, rfc3339(at), zones=zones(*names), contact_attempts=calls) == result

    if result.verdict == "cap_reached":
        assert result.until is not None
        assert asked(test, rfc3339(result.until), zones=zones(*names), contact_attempts=calls).verdict == "allow"
        before = result.until - timedelta(seconds=1)
        assert asked(test, rfc3339(before), zones=zones(*names), contact_attempts=calls).verdict == "cap_reached"
