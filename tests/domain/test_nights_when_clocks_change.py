"""Nights when clocks change, borrowers in two zones, days without business: the wall decides, and nothing is said twice."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.cases import Case, PastDecision, Wish
from app.domain.decided import Decided, NewContact
from app.domain.decisions import decide
from app.domain.policies import Rules
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import Outcome, Reason
from app.services.country_calendars import country_calendar
from tests.builders.cases import by_step, case, subject
from tests.builders.rules import policy, rules, step

ALWAYS_OPEN = QuietHours(time(0), time(0))
NIGHT = QuietHours(time(21), time(9))
UK = {"country": "GB"}


def utc(day: str, at: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=UTC)


def due(on: str, zone: str, **changes: Any) -> Case:
    day = date.fromisoformat(on)
    given = {"profile_zone": zone, "decided_until": datetime.combine(day - timedelta(days=3), time(), UTC)}
    return case(subject(due_on=day), **{**given, **changes})


def run(one: Case, by: Rules, at: datetime) -> tuple[Decided, Case]:
    """Decide, and return the case as it is afterwards."""
    decided = decide(one, by, at)
    decisions = {
        v.key: PastDecision("D1", v.key, v.loan_id, v.row_no, v.occurs_at, v.outcome, v.reason, "C1")
        for v in decided.verdicts
    }
    changed = {"decisions": {**one.decisions, **decisions}, "decided_until": at, "decided_zone": one.zone}
    return decided, Case(**{**{f: getattr(one, f) for f in one.__slots__}, **changed})


@pytest.mark.parametrize(
    ("zone", "on", "at", "instant"),
    [
        ("America/New_York", "2026-03-08", "02:30", "07:30"),  # a gap: an hour later on the wall
        ("America/New_York", "2026-11-01", "01:30", "05:30"),  # a fold: the first of two
        ("Europe/London", "2026-03-29", "01:30", "01:30"),
        ("Europe/London", "2026-10-25", "01:30", "00:30"),
        ("Africa/Casablanca", "2026-02-15", "02:30", "01:30"),  # Ramadan begins: clocks go back
        ("Africa/Casablanca", "2026-03-22", "02:30", "02:30"),  # and forward when it is over
    ],
)
def test_a_step_in_a_gap_or_a_fold_is_reached_once(zone: str, on: str, at: str, instant: str) -> None:
    by = rules(policy(step(at=time.fromisoformat(at)), quiet_hours=ALWAYS_OPEN))
    one, reached = due(on, zone), utc(on, instant)
    said = []

    for minutes in range(-120, 240, 15):
        decided, one = run(one, by, reached + timedelta(minutes=minutes))
        said += [(v.occurs_at, v.outcome) for v in decided.verdicts]

    assert said == [(reached, Outcome.SENT)]


@pytest.mark.parametrize(
    ("zone", "on", "opens"),
    [
        ("America/New_York", "2026-03-08", "13:00"),
        ("America/New_York", "2026-11-01", "14:00"),
        ("Europe/London", "2026-03-29", "08:00"),
        ("Europe/London", "2026-10-25", "09:00"),
        ("Africa/Casablanca", "2026-02-15", "09:00"),
        ("Africa/Casablanca", "2026-03-22", "08:00"),
    ],
)
def test_quiet_hours_over_the_change_end_at_nine_on_the_wall(zone: str, on: str, opens: str) -> None:
    eve = (date.fromisoformat(on) - timedelta(days=1)).isoformat()
    by = rules(policy(step(at=time(23), expires_after=timedelta(hours=20)), quiet_hours=NIGHT))
    one = due(eve, zone)
    at = datetime.combine(date.fromisoformat(eve), time(23), ZoneInfo(zone)).astimezone(UTC)

    decided, _ = run(one, by, at)

    assert by_step(decided) == {"d+0": ("DEFERRED", "QUIET_HOURS")}
    assert decided.next_wake == utc(on, opens)


@pytest.mark.parametrize(("on", "closes"), [("2026-03-29", "20:00"), ("2026-10-25", "21:00")])
def test_the_hours_of_the_law_close_on_the_wall_of_that_day(on: str, closes: str) -> None:
    by = rules(policy(step(at=time(20)), quiet_hours=ALWAYS_OPEN), law=True)
    one = due(on, "Europe/London", **UK)
    at = datetime.combine(date.fromisoformat(on), time(20), ZoneInfo("Europe/London")).astimezone(UTC)

    last = utc(on, closes) - by.policy.not_after_margin
    assert last - timedelta(minutes=1) <= _push(decide(one, by, at)).not_after <= last


def test_zones_twelve_hours_apart_leave_the_hours_that_are_day_in_both() -> None:
    by = rules(policy(step(at=time(8, 30), expires_after=timedelta(hours=13)), quiet_hours=ALWAYS_OPEN), law=True)
    one = due("2026-03-10", "Asia/Shanghai", device_zones=("America/New_York",), country="CN")
    at = datetime(2026, 3, 10, 8, 30, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)

    made = _push(decide(one, by, at))

    # 22:00 in New York; it is day again in both at 20:00 in Shanghai
    last = utc("2026-03-10", "02:00") - by.policy.not_after_margin
    assert last - timedelta(minutes=1) <= made.not_after <= last


def test_zones_without_a_common_hour_get_nothing() -> None:
    by = rules(policy(step(), quiet_hours=QuietHours(time(17), time(10))))
    one = due("2026-03-10", "Asia/Shanghai", device_zones=("America/New_York",))
    at = datetime(2026, 3, 10, 10, tzinfo=ZoneInfo("Asia/Shanghai")).astimezone(UTC)

    assert by_step(decide(one, by, at)) == {"d+0": ("EXPIRED", "QUIET_HOURS")}


def test_a_wish_in_two_zones_holds_in_both() -> None:
    wish = Wish("only_between", utc("2026-03-01", "00:00"), from_time=time(10), until_time=time(18))
    by = rules(policy(step(expires_after=timedelta(hours=24)), quiet_hours=ALWAYS_OPEN))
    one = due("2026-03-10", "Europe/London", device_zones=("America/New_York",), wishes=(wish,))

    decided = decide(one, by, utc("2026-03-10", "10:00"))

    assert decided.next_wake == utc("2026-03-10", "14:00")


def test_who_moves_over_the_date_line_hears_of_a_step_once() -> None:
    by = rules(policy(step(), quiet_hours=ALWAYS_OPEN))
    one = due("2026-03-10", "Pacific/Kiritimati")
    said = []
    for hour in range(60):
        decided, one = run(one, by, utc("2026-03-09", "18:00") + timedelta(hours=hour))
        said += [v.outcome for v in decided.verdicts]
        if hour == 6:
            one = Case(**{**{f: getattr(one, f) for f in one.__slots__}, "profile_zone": "Pacific/Pago_Pago"})

    assert said == [Outcome.SENT]


CHINA = country_calendar("CN")


@pytest.mark.parametrize(
    ("on", "rule", "goes"),
    [
        ("2026-02-14", "next", "2026-02-14"),  # a Saturday that is worked
        ("2026-02-14", "skip", "2026-02-14"),
        ("2026-02-17", "next", "2026-02-24"),  # Spring Festival
        ("2026-02-17", "previous", "2026-02-14"),
        ("2026-02-17", "skip", None),
        ("2026-03-07", "next", "2026-03-09"),
        ("2026-03-07", "previous", "2026-03-06"),
        ("2031-03-08", "next", "2031-03-10"),  # nobody has stated that year: weekends only
        ("2031-03-08", "skip", None),
    ],
)
def test_a_step_goes_off_days_without_business(on: str, rule: str, goes: str | None) -> None:
    by = rules(policy(step(on_non_working_day=rule)), calendars={"": CHINA})
    one = due(on, "Asia/Shanghai")
    decided_on = {}
    day = datetime.combine(date.fromisoformat(on) - timedelta(days=3), time(2), UTC)
    one = Case(**{**{f: getattr(one, f) for f in one.__slots__}, "decided_until": day - timedelta(hours=1)})

    for ahead in range(12):
        decided, one = run(one, by, day + timedelta(days=ahead))
        decided_on |= {v.local_date.isoformat(): (v.outcome, v.reason) for v in decided.verdicts}

    if goes is None:
        assert list(decided_on.values()) == [(Outcome.SUPPRESSED, Reason.NON_WORKING_DAY)]
    else:
        assert decided_on == {goes: (Outcome.SENT, Reason.ON_SCHEDULE)}


@pytest.mark.parametrize(("rule", "on"), [("next", "2031-03-10"), ("previous", "2031-03-07"), ("skip", "2031-03-08")])
def test_a_decision_that_rests_on_weekends_alone_says_so(rule: str, on: str) -> None:
    by = rules(policy(step(on_non_working_day=rule)), calendars={"": CHINA})
    at = datetime.combine(date.fromisoformat(on), time(2), UTC)
    one = due("2031-03-08", "Asia/Shanghai", decided_until=at - timedelta(hours=1))

    (verdict,) = decide(one, by, at).verdicts

    assert "weekends only" in str(verdict.facts["calendar"])


def test_a_decision_in_a_year_that_is_stated_has_no_such_note() -> None:
    by = rules(policy(step(on_non_working_day="next")), calendars={"": CHINA})
    at = utc("2026-03-09", "02:00")

    (verdict,) = decide(due("2026-03-07", "Asia/Shanghai", decided_until=at - timedelta(hours=1)), by, at).verdicts

    assert "calendar" not in verdict.facts


def _push(decided: Decided) -> Any:
    (contact,) = decided.contacts
    assert isinstance(contact, NewContact)
    return next(made for made in contact.messages if made.channel == "push")
