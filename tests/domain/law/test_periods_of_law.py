"""Waits, deadlines and retention: calendar arithmetic from an anchor."""

from datetime import date
from typing import Any

import pytest

from app.domain.law.results import Result
from app.domain.times import rfc3339
from tests.builders.law import asked, attempt, instant, zones

LONDON = zones("Europe/London")
WAIT = {
    "test": "wait",
    "anchor": {"list": "notices", "where": {"kind": "default_notice"}, "field": "sent_at", "pick": "latest"},
    "days": 7,
    "verdict": "block",
    "no_anchor": "block",
    "missing": ["default_notice"],
}
DEADLINE = {
    "test": "deadline",
    "anchor": {"list": "requests", "where": {"kind": "access"}, "field": "received_at", "pick": "earliest"},
    "done": {"list": "requests", "where": {"kind": "access"}, "field": "answered_at"},
    "missing": ["access_answer"],
}


def notice(sent_at: str | None, **changes: Any) -> dict[str, Any]:
    return {"kind": "default_notice", "sent_at": sent_at, **changes}


def access(received_at: str, **changes: Any) -> dict[str, Any]:
    return {"kind": "access", "received_at": received_at, **changes}


def due(period: dict[str, Any], received_at: str, at: str | None = None, **facts: Any) -> Result:
    return asked(DEADLINE | period, at or received_at, **({"zones": LONDON, "requests": [access(received_at)]} | facts))


def test_a_wait_is_over_on_the_local_date_of_its_anchor_and_so_many_days() -> None:
    sent = {"zones": LONDON, "notices": [notice("2026-11-01T23:30:00Z")]}

    blocked = asked(WAIT, "2026-11-07T23:59:59Z", **sent)
    assert (blocked.verdict, blocked.allowed_on, blocked.missing) == ("block", date(2026, 11, 8), ())
    assert asked(WAIT, "2026-11-08T00:00:00Z", **sent).verdict == "allow"
    assert asked(WAIT | {"clear_days": True}, "2026-11-08T00:00:00Z", **sent).allowed_on == date(2026, 11, 9)


def test_a_wait_that_defers_says_until_when() -> None:
    result = asked(
        WAIT | {"verdict": "defer"}, "2026-11-07T12:00:00Z", zones=LONDON, notices=[notice("2026-11-01T12:00:00Z")]
    )

    assert (result.verdict, result.until) == ("defer", instant("2026-11-08T00:00:00Z"))


def test_a_wait_must_be_over_in_every_zone() -> None:
    # The call was on the 16th in New York and on the 17th in London: what is over last counts.
    test = WAIT | {"verdict": "defer", "anchor": {"list": "contact_attempts", "where": {}, "field": "at", "pick": "latest"}}
    call = [attempt("2026-11-17T01:00:00Z")]

    def until(*names: str) -> str:
        result = asked(test, "2026-11-20T12:00:00Z", zones=zones(*names), contact_attempts=call)
        assert result.until is not None
        return rfc3339(result.until)

    assert until("America/New_York") == "2026-11-23T05:00:00Z"
    assert until("Europe/London") == "2026-11-24T00:00:00Z"
    assert until("America/New_York", "Europe/London") == until("Europe/London", "America/New_York") == "2026-11-24T00:00:00Z"


@pytest.mark.parametrize(("pick", "wanted"), [("latest", date(2026, 11, 12)), ("earliest", date(2026, 11, 10))])
def test_the_anchor_is_the_latest_or_the_earliest_that_has_the_field(pick: str, wanted: date) -> None:
    sent = [notice("2026-11-03T12:00:00Z"), notice(None), notice("2026-11-05T12:00:00Z"), notice("2026-11-04T12:00:00Z")]
    test = WAIT | {"anchor": {**WAIT["anchor"], "pick": pick}}  # type: ignore[dict-item]

    assert asked(test, "2026-11-06T12:00:00Z", zones=LONDON, notices=sent).allowed_on == wanted


def test_a_wait_that_is_over_in_one_zone_only_is_not_over() -> None:
    facts = {"zones": zones("America/New_York", "Europe/London"), "notices": [notice("2026-11-02T12:00:00Z")]}

    assert asked(WAIT, "2026-11-09T00:30:00Z", **facts).verdict == "block"  # still the 8th in New York
    assert asked(WAIT, "2026-11-09T05:00:00Z", **facts).verdict == "allow"


def test_without_an_anchor_the_rule_says_what_holds() -> None:
    lacking = asked(WAIT, zones=LONDON, notices=[notice(None)])

    assert (lacking.verdict, lacking.missing, lacking.allowed_on) == ("block", ("default_notice",), None)
    assert asked(WAIT | {"no_anchor": "allow"}, zones=LONDON).verdict == "allow"


def test_a_wait_may_hang_on_a_fact() -> None:
    test = WAIT | {"anchor": {"fact": "position.settled_on"}}

    assert asked(test, "2026-11-07T12:00:00Z", position={"settled_on": "2026-11-01"}).allowed_on == date(2026, 11, 8)


def test_a_hold_that_has_not_begun_holds_nothing_but_one_that_will_end_does() -> None:
    begun = {"test": "wait", "anchor": {"list": "holds", "where": {}, "field": "from"}, "days": 60, "verdict": "block"}
    ended = {"test": "wait", "anchor": {"list": "holds", "where": {}, "field": "until"}, "days": 30, "verdict": "block"}
    hold = {"kind": "breathing_space", "from": "2026-11-23T12:00:01Z"}

    assert asked(begun, "2026-11-23T12:00:00Z", holds=[hold]).verdict == "allow"
    assert asked(begun, "2026-11-23T12:00:01Z", holds=[hold]).allowed_on == date(2027, 1, 22)
    running = hold | {"from": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"}
    assert asked(ended, "2026-11-23T12:00:00Z", holds=[running]).allowed_on == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("period", "received", "wanted"),
    [
        ({"days": 20}, "2025-12-31T23:30:00Z", date(2026, 1, 20)),
        ({"days": 14, "inclusive": True}, "2025-12-30T12:00:00Z", date(2026, 1, 12)),
        ({"months": 1}, "2026-01-31T12:00:00Z", date(2026, 2, 28)),
        ({"months": 1, "inclusive": True}, "2026-01-31T12:00:00Z", date(2026, 2, 27)),
        ({"years": 1}, "2024-02-29T12:00:00Z", date(2025, 2, 28)),
        ({"days": 0}, "2026-01-01T12:00:00Z", date(2026, 1, 1)),
        ({"business_days": 3}, "2026-01-01T12:00:00Z", date(2026, 1, 6)),
        ({"business_days": 1}, "2026-01-03T12:00:00Z", date(2026, 1, 5)),
        ({"business_days": 2, "inclusive": True}, "2026-01-01T12:00:00Z", date(2026, 1, 2)),
    ],
)
def test_a_duty_is_due_by_calendar(period: dict[str, Any], received: str, wanted: date) -> None:
    assert due(period, received).due_on == wanted


def test_business_days_skip_holidays() -> None:
    assert due({"business_days": 3}, "2026-01-01T12:00:00Z", public_holidays=["2026-01-05"]).due_on == date(2026, 1, 7)


def test_not_done_it_is_required_through_the_last_date_and_then_a_breach() -> None:
    last = due({"days": 20}, "2026-01-01T12:00:00Z", at="2026-01-21T23:59:59Z")
    after = due({"days": 20}, "2026-01-01T12:00:00Z", at="2026-01-22T00:00:00Z")

    assert (last.verdict, last.missing, last.breach) == ("require", ("access_answer",), False)
    assert (after.verdict, after.breach, after.due_on) == ("flag", True, date(2026, 1, 21))


@pytest.mark.parametrize(
    ("answered", "verdict"),
    [("2026-01-21T23:59:59Z", "allow"), ("2026-01-22T00:00:00Z", "flag"), ("2025-12-01T00:00:00Z", "allow")],
)
def test_done_on_the_last_date_is_in_time(answered: str, verdict: str) -> None:
    requests = [access("2026-01-01T12:00:00Z", answered_at=answered)]

    result = due({"days": 20}, "2026-01-01T12:00:00Z", at="2026-02-01T12:00:00Z", requests=requests)

    assert (result.verdict, result.due_on) == (verdict, date(2026, 1, 21))


def test_done_late_is_a_breach_also_where_time_plays_no_part() -> None:
    requests = [access("2026-01-01T12:00:00Z", answered_at="2026-01-22T12:00:00Z")]

    result = asked(DEADLINE | {"days": 20}, None, requests=requests)

    assert (result.verdict, result.breach, result.missing) == ("flag", True, ())


def test_what_is_done_only_later_is_not_yet_done() -> None:
    requests = [access("2026-01-01T12:00:00Z", answered_at="2026-01-10T12:00:00Z")]

    assert due({"days": 20}, "", at="2026-01-05T12:00:00Z", requests=requests).verdict == "require"


def test_a_deadline_may_be_done_by_an_event() -> None:
    test = {"days": 20, "done": {"event": "forbearance_assessed"}}
    event = {"kind": "forbearance_assessed", "on": "2026-01-21"}

    assert due(test, "2026-01-01T12:00:00Z", at="2026-02-01T12:00:00Z", events=[event]).verdict == "allow"
    assert due(test, "2026-01-01T12:00:00Z", at="2026-02-01T12:00:00Z", events=[event | {"on": "2026-01-22"}]).breach
    assert due(test | {"done": None}, "2026-01-01T12:00:00Z", at="2026-01-02T12:00:00Z", events=[event]).verdict == "require"


def test_without_an_anchor_the_clock_has_not_started() -> None:
    result = asked(DEADLINE | {"days": 20}, requests=[])

    assert (result.verdict, result.due_on) == ("allow", None)


def test_a_duty_that_is_waived_is_not_required() -> None:
    test = {"days": 5, "waived": {"position.overdue_minor": 0}}

    result = due(test, "2026-01-01T12:00:00Z", at="2026-02-01T12:00:00Z", position={"overdue_minor": 0})

    assert (result.verdict, result.values["notice_required"]) == ("allow", False)
    assert due(test, "2026-01-01T12:00:00Z", at="2026-02-01T12:00:00Z", position={"overdue_minor": 1}).breach


def test_hours_are_counted_from_the_instant() -> None:
    test = {"test": "deadline", "anchor": {"fact": "incident.aware_at"}, "hours": 72, "missing": ["breach_notification"],
            "done": {"list": "notices", "where": {"kind": "breach_notification"}, "field": "sent_at"}}  # fmt: skip
    incident = {"kind": "leak", "aware_at": "2026-11-20T18:00:00Z"}

    last = asked(test, "2026-11-23T18:00:00Z", incident=incident)
    assert (last.verdict, last.due_at, last.due_on) == ("require", instant("2026-11-23T18:00:00Z"), None)
    assert asked(test, "2026-11-23T18:00:01Z", incident=incident).breach


def test_an_extension_when_a_matcher_holds_puts_another_period_in_place() -> None:
    test = {"days": 30, "extended": {"when": {"requests": {"any": {"extra_information": True}}}, "days": 45}}
    plain, longer = access("2026-01-01T12:00:00Z"), access("2026-01-01T12:00:00Z", extra_information=True)

    assert due(test, "", requests=[plain], at="2026-01-02T12:00:00Z").due_on == date(2026, 1, 31)
    assert due(test, "", requests=[longer], at="2026-01-02T12:00:00Z").due_on == date(2026, 2, 15)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("2026-02-28T23:59:59Z", date(2026, 4, 30)),  # 31 January and three months
        ("2026-03-01T00:00:00Z", date(2026, 2, 28)),
        (None, date(2026, 2, 28)),
    ],
)
def test_an_extension_told_in_time_adds_to_the_period(told: str | None, wanted: date) -> None:
    requests = [access("2026-01-31T12:00:00Z", extended_at=told)]

    result = due(
        {"months": 1, "extended": {"field": "extended_at", "months": 2}}, "", requests=requests, at="2026-03-01T12:00:00Z"
    )

    assert result.due_on == wanted


def test_a_record_is_kept_through_its_period() -> None:
    test = {"test": "retention", "anchor": {"call_recording": "created_on", "*": "last_activity_on"}, "months": 6}
    recording = {"kind": "call_recording", "created_on": "2026-08-31", "last_activity_on": "2026-10-01"}

    kept = asked(test, "2027-02-28T12:00:00Z", zones=LONDON, record=recording)
    assert (kept.verdict, kept.allowed_on) == ("block", date(2027, 3, 1))
    assert asked(test, "2027-03-01T00:00:00Z", zones=LONDON, record=recording).verdict == "allow"
    other = recording | {"kind": "collection_record"}
    assert asked(test, "2027-03-01T00:00:00Z", zones=LONDON, record=other).allowed_on == date(2027, 4, 2)


def test_a_record_whose_period_has_not_begun_is_kept_without_a_date() -> None:
    test = {"test": "retention", "anchor": {"*": "last_activity_on"}, "years": 3}

    kept = asked(test, record={"kind": "collection_record", "created_on": "2010-01-01"})

    assert (kept.verdict, kept.allowed_on) == ("block", None)
    assert asked(test).verdict == "allow"


def test_retention_may_flag_with_work_and_hang_on_a_fact() -> None:
    test = {"test": "retention", "anchor": "position.settled_on", "years": 5, "verdict": "flag", "tasks": ["lock_data"]}

    flagged = asked(test, position={"settled_on": "2024-02-29"})

    assert (flagged.verdict, flagged.tasks, flagged.allowed_on) == ("flag", ("lock_data",), date(2029, 3, 1))
    assert asked(test, position={}).verdict == "allow"


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
def test_a_record_that_holds_until_the_end_of_the_calendar_is_waited_for(zone: str) -> None:
    test = WAIT | {
        "anchor": {"list": "holds", "where": {"kind": "mental_health_crisis"}, "field": "until", "pick": "latest"}
    }
    hold = {"kind": "mental_health_crisis", "from": "2026-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}

    assert asked(test, zones=zones(zone), holds=[hold]).allowed_on == date.max
    deferred = asked(test | {"verdict": "defer"}, zones=zones(zone), holds=[hold])
    assert deferred.until is not None
    assert deferred.until.year == date.max.year


def test_a_period_that_ends_beyond_the_calendar_ends_with_it() -> None:
    kept = asked(
        {"test": "retention", "anchor": "contract.ends_on", "years": 5, "verdict": "block"},
        contract={"ends_on": "9999-12-31"},
    )

    assert kept.allowed_on == date.max
    assert due({"months": 1}, "9999-12-15T12:00:00Z").due_on == date.max
    assert due({"days": 10**12}, "2026-01-01T12:00:00Z").due_on == date.max


def test_a_record_that_has_not_begun_starts_no_clock() -> None:
    repeat = DEADLINE | {"anchor": WAIT["anchor"], "done": None, "months": 6}
    notices = [notice("2026-11-01T12:00:00Z"), notice("2026-11-23T12:00:01Z")]

    assert asked(repeat, zones=LONDON, notices=notices).due_on == date(2027, 5, 1)
    assert asked(WAIT, zones=LONDON, notices=notices).verdict == "allow"
    assert asked(WAIT, zones=LONDON, notices=notices[1:]).missing == ("default_notice",)
    assert due({"days": 5}, "2026-11-23T12:00:01Z", at="2026-11-23T12:00:00Z") == Result("allow")


def test_an_event_to_come_starts_its_clock_already() -> None:
    reset = {"anchor": {"list": "events", "where": {"kind": "rate_reset"}, "field": "on", "pick": "latest"}, "days": 0}

    assert asked(DEADLINE | reset, events=[{"kind": "rate_reset", "on": "2026-12-01"}]).due_on == date(2026, 12, 1)
