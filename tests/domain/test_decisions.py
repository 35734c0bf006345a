"""Who is contacted, when, about what, and why not."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.audiences import read_condition
from app.domain.cases import Subject
from app.domain.decisions import decide
from app.domain.policies import Rules
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import PERSON_FLAGS, Outcome, Reason
from tests.builders.cases import DUE, LONG_AGO, RULES, by_step, case, contact, key, local, past, subject
from tests.builders.rules import policy, step


def test_nothing_is_said_before_the_first_step_and_the_wake_is_its_instant() -> None:
    decided = decide(case(subject()), RULES, local(DUE - timedelta(days=8), 12))

    assert decided.verdicts == ()
    assert decided.next_wake == local(DUE - timedelta(days=7), 10)


def test_a_step_whose_instant_is_reached_makes_one_contact_in_app_and_by_push() -> None:
    decided = decide(case(subject()), RULES, local(DUE - timedelta(days=7), 10))

    assert by_step(decided) == {"d-7": ("SENT", "ON_SCHEDULE")}
    assert [made.channels for made in decided.contacts] == [("in_app", "push")]
    assert decided.next_wake == local(DUE - timedelta(days=3), 10)


def test_a_decided_step_is_not_decided_again() -> None:
    one = subject()
    decisions = {key(one, "d-7"): past(one, "d-7", Outcome.SENT, Reason.ON_SCHEDULE)}

    decided = decide(case(one, decisions=decisions), RULES, local(DUE - timedelta(days=7), 10, 1))

    assert decided.verdicts == ()


def test_three_days_of_outage_make_no_burst() -> None:
    """The newest step goes out, older ones are recorded as what became of them (the lesson of killbill#2297)."""
    one = subject()
    decided = decide(case(one, decided_until=local(DUE - timedelta(days=2), 0)), RULES, local(DUE + timedelta(days=1), 11))

    assert by_step(decided) == {
        "d-1": ("EXPIRED", "EXPIRED_WINDOW"),
        "d+0": ("EXPIRED", "EXPIRED_WINDOW"),
        "d+1": ("SENT", "ON_SCHEDULE"),
    }
    assert len(decided.contacts) == 1


def test_of_two_live_steps_the_higher_one_wins() -> None:
    policy = RULES.policy
    long_lived = replace(policy, steps=tuple(replace(step, expires_after=timedelta(days=3)) for step in policy.steps))
    one = subject()

    decided = decide(case(one, decided_until=local(DUE - timedelta(days=1), 0)), Rules(long_lived, 1), local(DUE, 11))

    assert by_step(decided)["d-1"] == ("SUPPRESSED", "STEP_SUPERSEDED")
    assert by_step(decided)["d+0"] == ("SENT", "ON_SCHEDULE")


def test_loans_of_one_borrower_share_one_contact_led_by_the_highest_stage() -> None:
    late = subject("L2", due_on=DUE - timedelta(days=10))
    soon = subject("L1", due_on=DUE + timedelta(days=0))

    decided = decide(
        case(soon, late, decided_until=local(DUE - timedelta(days=3), 9)), RULES, local(DUE - timedelta(days=3), 10)
    )

    assert [made.lead.subject.loan_no for made in decided.contacts] == ["L2"]
    outcomes = {(v.loan_id, v.key.step_key): v.outcome for v in decided.verdicts}
    assert outcomes == {("L2", "d+7"): Outcome.SENT, ("L1", "d-3"): Outcome.CONSOLIDATED}


def test_a_second_contact_on_the_same_local_day_is_capped() -> None:
    made = contact(created_at=local(DUE, 9))

    decided = decide(case(subject(), contacts=(made,), decided_until=local(DUE, 9)), RULES, local(DUE, 10))

    assert by_step(decided) == {"d+0": ("SUPPRESSED", "CAP_PERSON")}


def test_a_message_in_the_app_alone_uses_no_place_under_the_cap() -> None:
    made = contact(created_at=local(DUE, 9))
    out_of_reach = case(subject(), contacts=(made,), blocks={"push": Reason.NO_ENDPOINT}, decided_until=local(DUE, 9))

    decided = decide(out_of_reach, RULES, local(DUE, 10))

    assert [(made.channels, made.slot_no) for made in decided.contacts] == [(("in_app",), None)]


@pytest.mark.parametrize(("flag", "reason"), PERSON_FLAGS.items())
def test_a_restriction_of_the_person_stops_reminders_under_its_own_name(flag: str, reason: Reason) -> None:
    decided = decide(case(subject(), flags=(flag,), decided_until=local(DUE, 9)), RULES, local(DUE, 10))

    assert by_step(decided) == {"d+0": ("SUPPRESSED", reason.value)}
    assert decided.contacts == ()


def test_quiet_hours_defer_until_every_known_zone_allows() -> None:
    """10:00 in Shanghai is 03:00 in Berlin: with both known, nothing leaves until Berlin's morning."""
    abroad = case(
        subject(),
        profile_zone="Asia/Shanghai",
        device_zones=("Europe/Berlin",),
        decided_until=local(DUE, 0, zone="Asia/Shanghai"),
    )
    now = local(DUE, 10, zone="Asia/Shanghai")

    decided = decide(abroad, RULES, now)

    assert by_step(decided) == {"d+0": ("DEFERRED", "QUIET_HOURS")}
    assert decided.next_wake == local(DUE, 8, zone="Europe/Berlin")


def test_a_deferred_step_is_sent_when_its_time_comes() -> None:
    one = subject()
    waiting = {key(one, "d+0"): past(one, "d+0", Outcome.DEFERRED, Reason.QUIET_HOURS)}

    decided = decide(case(one, decisions=waiting, decided_until=local(DUE, 10)), RULES, local(DUE, 12))

    assert by_step(decided)["d+0"] == ("SENT", "ON_SCHEDULE")


def test_a_deferred_step_whose_instalment_is_paid_ends_as_paid() -> None:
    one = subject()
    waiting = {key(one, "d+0"): past(one, "d+0", Outcome.DEFERRED, Reason.QUIET_HOURS)}

    decided = decide(case(decisions=waiting), RULES, local(DUE, 12))

    assert by_step(decided) == {"d+0": ("SUPPRESSED", "PAID")}


def test_zones_that_leave_no_common_window_before_expiry_end_the_step() -> None:
    policy = replace(RULES.policy, quiet_hours=QuietHours(local(DUE, 12).time(), local(DUE, 11).time()))
    far_apart = case(
        subject(), profile_zone="Pacific/Kiritimati", device_zones=("Pacific/Pago_Pago",),
        decided_until=local(DUE, 0, zone="Pacific/Kiritimati"),
    )  # fmt: skip

    decided = decide(far_apart, Rules(policy, 1), local(DUE, 10, zone="Pacific/Kiritimati"))

    assert by_step(decided)["d+0"] == ("EXPIRED", "QUIET_HOURS")


def test_a_payment_cancels_what_is_queued_and_settles_the_contact() -> None:
    one = subject()
    sent = {key(one, "d+0"): past(one, "d+0", Outcome.SENT, Reason.ON_SCHEDULE, contact_id="C1")}
    made = contact(key(one, "d+0"), waiting=True)

    decided = decide(case(decisions=sent, contacts=(made,)), RULES, local(DUE, 10, 5))

    assert decided.cancelled == (("C1", Reason.PAID, True, None),)
    assert decided.settled == ("C1",)
    assert by_step(decided) == {"d+0": ("SUPPRESSED", "PAID")}


def test_what_is_still_true_stays_queued() -> None:
    one = subject()
    sent = {key(one, "d+0"): past(one, "d+0", Outcome.SENT, Reason.ON_SCHEDULE, contact_id="C1")}
    made = contact(key(one, "d+0"), waiting=True)

    decided = decide(case(one, decisions=sent, contacts=(made,)), RULES, local(DUE, 10, 5))

    assert [standing.contact_id for standing in decided.standing] == ["C1"]
    assert decided.cancelled == ()


def test_a_step_reached_before_the_payment_was_a_candidate_and_gets_its_row() -> None:
    paid = subject(open_minor=0, closed_at=local(DUE, 11))

    decided = decide(case(paid, decided_until=local(DUE, 9)), RULES, local(DUE, 12))

    assert by_step(decided) == {"d+0": ("SUPPRESSED", "PAID")}


def test_a_payment_at_the_very_instant_of_the_step_comes_first() -> None:
    paid = subject(open_minor=0, closed_at=local(DUE, 10))

    decided = decide(case(paid, decided_until=local(DUE, 9)), RULES, local(DUE, 10))

    assert decided.verdicts == ()


def test_steps_dated_before_the_plan_was_accepted_are_no_candidates() -> None:
    new_plan = subject(anchor_no=2, watched_from=local(DUE - timedelta(days=2), 12))

    decided = decide(case(new_plan), RULES, local(DUE - timedelta(days=1), 10))

    assert by_step(decided) == {"d-1": ("SENT", "ON_SCHEDULE")}


def test_a_message_must_leave_before_its_window_closes() -> None:
    policy = replace(
        RULES.policy, steps=tuple(replace(step, expires_after=timedelta(hours=20)) for step in RULES.policy.steps)
    )

    decided = decide(case(subject(), decided_until=local(DUE, 9)), Rules(policy, 1), local(DUE, 10))

    assert decided.contacts[0].not_after == local(DUE, 21, 55)


def test_a_wall_time_in_a_gap_comes_after_it() -> None:
    """Clocks in New York go from 02:00 to 03:00 on 2026-03-08."""
    policy = replace(RULES.policy, steps=tuple(replace(step, at=local(DUE, 2, 30).time()) for step in RULES.policy.steps))
    spring = subject(due_on=date(2026, 3, 8), lender_zone="America/New_York")

    decided = decide(
        case(spring, decided_until=local(date(2026, 3, 7), 12, zone="America/New_York")),
        Rules(policy, 1),
        local(date(2026, 3, 8), 0, zone="America/New_York"),
    )

    assert decided.next_wake == datetime.fromisoformat("2026-03-08T07:30:00+00:00")


def test_a_change_of_zone_neither_repeats_a_step_nor_loses_one() -> None:
    """Moving from Shanghai to New York makes 10:00 come again, 12 hours later: already decided, it stays decided."""
    one = subject()
    sent = {key(one, "d+0"): past(one, "d+0", Outcome.SENT, Reason.ON_SCHEDULE)}
    moved = case(
        one, decisions=sent, profile_zone="America/New_York", decided_zone="Asia/Shanghai", decided_until=local(DUE, 3)
    )

    decided = decide(moved, RULES, local(DUE, 14, 30))

    assert "d+0" not in by_step(decided)


def test_a_move_to_the_east_finds_the_step_that_lies_behind() -> None:
    one = subject()
    moved = case(one, profile_zone="Asia/Shanghai", decided_zone="America/New_York", decided_until=local(DUE, 9))

    decided = decide(moved, RULES, local(DUE, 9, 30))

    assert by_step(decided)["d+0"] == ("SENT", "ON_SCHEDULE")


def _sent(one: Subject, **changes: Any) -> dict[str, Any]:
    """A case's decisions and contacts after d+0 was decided at ten and waits to leave."""
    decisions = {key(one, "d+0"): past(one, "d+0", Outcome.SENT, Reason.ON_SCHEDULE, contact_id="C1")}
    return {"decisions": decisions, "contacts": (contact(key(one, "d+0"), **{"waiting": True, **changes}),)}


def test_what_waits_does_not_leave_once_the_phone_is_where_it_is_night() -> None:
    """Three in the afternoon in London is eleven at night in Shanghai."""
    one = subject()

    moved = case(one, device_zones=("UTC", "Asia/Shanghai"), decided_until=local(DUE, 14), decided_zone="UTC", **_sent(one))
    decided = decide(moved, RULES, local(DUE, 15))

    assert decided.cancelled == (("C1", Reason.QUIET_HOURS, True, None),)
    assert decided.standing == ()
    assert decided.verdicts == ()  # the app shows it all the same


def test_what_waits_must_leave_before_it_is_night_where_the_phone_is_by_now() -> None:
    one = subject()

    decided = decide(case(one, device_zones=("UTC", "Asia/Shanghai"), **_sent(one)), RULES, local(DUE, 11))

    assert [standing.not_after for standing in decided.standing] == [local(DUE, 21, 55, zone="Asia/Shanghai")]


def test_what_waits_makes_room_for_no_second_contact_if_it_may_have_arrived() -> None:
    first, second = subject("L1"), subject("L2")
    gone = replace(first, open_minor=0, closed_at=local(DUE, 10, 5))
    now, since = local(DUE, 11), local(DUE, 9)

    def then(*, tried: bool) -> str:
        decided = decide(case(gone, second, decided_until=since, **_sent(first, tried=tried)), RULES, now)
        return next(verdict.reason.value for verdict in decided.verdicts if verdict.loan_id == "L2")

    assert then(tried=True) == "CAP_PERSON"
    assert then(tried=False) == "ON_SCHEDULE"


def test_a_contact_counts_for_the_day_it_is_where_the_borrower_is_by_now() -> None:
    """Made at 19:00 in New York on the 9th, which was 07:00 of the 10th in Shanghai, where the borrower has flown to."""
    evening = local(DUE - timedelta(days=1), 19, zone="America/New_York")
    made = contact(local_date=DUE - timedelta(days=1), created_at=evening)
    flown = case(subject(), profile_zone="Asia/Shanghai", contacts=(made,), decided_until=local(DUE, 0))

    decided = decide(flown, RULES, local(DUE, 10, zone="Asia/Shanghai"))

    assert by_step(decided)["d+0"] == ("SUPPRESSED", "CAP_PERSON")


def test_without_quiet_hours_a_message_still_ends_with_the_day_it_is_counted_on() -> None:
    policy = replace(RULES.policy, quiet_hours=QuietHours(local(DUE, 0).time(), local(DUE, 0).time()))

    decided = decide(case(subject(), decided_until=local(DUE, 9)), Rules(policy, 1), local(DUE, 19))

    assert decided.contacts[0].not_after == local(DUE, 20)  # expires_after comes first here
    late = Rules(replace(policy, steps=tuple(replace(s, expires_after=timedelta(days=3)) for s in policy.steps)), 1)
    assert decide(case(subject(), decided_until=local(DUE, 9)), late, local(DUE, 19)).contacts[0].not_after == local(
        DUE + timedelta(days=1), 0
    )


def test_a_deferred_step_that_a_new_policy_drops_ends_as_such() -> None:
    one = subject()
    waiting = {key(one, "d+0"): past(one, "d+0", Outcome.DEFERRED, Reason.QUIET_HOURS)}
    policy = replace(RULES.policy, steps=tuple(step for step in RULES.policy.steps if step.key != "d+0"))

    decided = decide(case(one, decisions=waiting, decided_until=local(DUE, 10)), Rules(policy, 2), local(DUE, 12))

    assert by_step(decided) == {"d+0": ("SUPPRESSED", "RULES_CHANGED")}


def test_a_deferral_that_moves_is_told_again() -> None:
    one = subject()
    until_berlin = {"next_evaluation_at": local(DUE, 8, zone="Europe/Berlin")}
    waiting = {key(one, "d+0"): past(one, "d+0", Outcome.DEFERRED, Reason.QUIET_HOURS, **until_berlin)}
    moved = case(
        one, decisions=waiting, profile_zone="Asia/Shanghai", device_zones=("Europe/London",),
        decided_until=local(DUE, 10, zone="Asia/Shanghai"),
    )  # fmt: skip

    decided = decide(moved, RULES, local(DUE, 11, zone="Asia/Shanghai"))

    assert [verdict.next_evaluation_at for verdict in decided.verdicts] == [local(DUE, 8, zone="Europe/London")]


def test_a_plan_watched_from_the_instant_of_the_last_look_has_its_steps_of_that_instant() -> None:
    at_ten = local(DUE, 10)

    decided = decide(case(subject(anchor_no=2, watched_from=at_ten), decided_until=at_ten), RULES, at_ten)

    assert by_step(decided) == {"d+0": ("SENT", "ON_SCHEDULE")}


INSTANTS = st.integers(0, 60 * 24 * 45).map(lambda minutes: local(DUE - timedelta(days=10), 0) + timedelta(minutes=minutes))
ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata", "Europe/London"])


@given(
    now=INSTANTS, zone=ZONES, others=st.lists(ZONES, max_size=2), dues=st.lists(st.integers(-20, 20), min_size=1, max_size=5)
)
def test_never_at_night_never_two_contacts_and_never_a_candidate_without_a_row(
    now: datetime, zone: str, others: list[str], dues: list[int]
) -> None:
    subjects = [subject(f"L{n}", due_on=DUE + timedelta(days=shift)) for n, shift in enumerate(dues)]
    since = now - timedelta(days=1)

    decided = decide(case(*subjects, profile_zone=zone, device_zones=tuple(others), decided_until=since), RULES, now)

    assert len(decided.contacts) <= 1
    for made in decided.contacts:
        assert not any(RULES.policy.quiet_hours.holds(now, one) for one in (zone, *others))
        assert now < made.not_after
    expected = {
        key(one, step.key)
        for one in subjects
        for step in RULES.policy.steps
        if since < local(one.due_on + timedelta(days=step.offset_days), 10, zone=zone) <= now
    }
    decided_keys = [verdict.key for verdict in decided.verdicts]
    assert expected <= set(decided_keys)
    assert len(decided_keys) == len(set(decided_keys))
    assert decided.next_wake is None or decided.next_wake > now


@given(now=INSTANTS, zone=ZONES)
def test_the_same_case_gives_the_same_answer(now: datetime, zone: str) -> None:
    one = case(subject("L1"), subject("L2", due_on=DUE + timedelta(days=1)), profile_zone=zone)

    assert decide(one, RULES, now) == decide(one, RULES, now)


def test_a_step_missed_long_before_the_engine_ever_looked_is_recorded_once() -> None:
    decided = decide(case(subject(watched_from=LONG_AGO), decided_until=None), RULES, local(DUE + timedelta(days=40), 12))

    assert len(decided.verdicts) == len(RULES.policy.steps)
    assert {verdict.reason for verdict in decided.verdicts} == {Reason.EXPIRED_WINDOW}


def test_of_what_the_core_has_paid_nothing_is_said_and_why_is_on_record() -> None:
    one = subject(held_reason=Reason.CORE_SAYS_PAID)

    decided = decide(case(one), RULES, local(DUE + timedelta(days=1), 10))

    assert decided.contacts == ()
    assert set(by_step(decided).values()) == {("SUPPRESSED", "CORE_SAYS_PAID")}
    assert decided.next_wake is not None


def test_a_contact_that_waits_is_taken_back_when_the_core_says_it_is_paid() -> None:
    one = subject(held_reason=Reason.CORE_SAYS_PAID)
    waits = contact(key(one, "d-7"), waiting=True)
    decisions = {key(one, "d-7"): past(one, "d-7", Outcome.SENT, Reason.ON_SCHEDULE, contact_id=waits.contact_id)}

    decided = decide(case(one, decisions=decisions, contacts=(waits,)), RULES, local(DUE - timedelta(days=7), 11))

    assert [cancelled.reason for cancelled in decided.cancelled] == [Reason.CORE_SAYS_PAID]
    assert decided.settled == (waits.contact_id,)


def test_a_deferred_step_ends_when_the_core_says_it_is_paid() -> None:
    one = subject(held_reason=Reason.CORE_SAYS_PAID)
    decisions = {key(one, "d-7"): past(one, "d-7", Outcome.DEFERRED, Reason.QUIET_HOURS)}

    decided = decide(case(one, decisions=decisions), RULES, local(DUE - timedelta(days=6), 10))

    assert by_step(decided) == {"d-7": ("SUPPRESSED", "CORE_SAYS_PAID")}


def test_a_step_that_is_not_for_this_borrower_makes_no_other_give_way() -> None:
    problems: list[tuple[str, str]] = []
    small = replace(step("small"), audience=read_condition({"amount": {"lt": "500"}}, "", problems))
    large = replace(step("large"), audience=read_condition({"amount": {"gte": "500"}}, "", problems))

    decided = decide(case(subject(), decided_until=local(DUE, 9)), Rules(policy(small, large), 1), local(DUE, 10))

    assert problems == []
    assert by_step(decided) == {"small": ("SENT", "ON_SCHEDULE"), "large": ("SUPPRESSED", "AUDIENCE_NOT_MATCHED")}


def test_a_deferred_step_goes_on_under_its_new_name_and_the_old_one_ends() -> None:
    one = subject()
    renamed = Rules(policy(step("on-the-day", replaces=("d+0",), expires_after=timedelta(days=2))), 2)
    deferred = {key(one, "d+0"): past(one, "d+0", Outcome.DEFERRED, Reason.QUIET_HOURS)}
    at = local(DUE, 11)

    decided = decide(case(one, decisions=deferred, decided_until=local(DUE, 10, 30)), renamed, at)

    assert by_step(decided) == {"d+0": ("SUPPRESSED", "RULES_CHANGED"), "on-the-day": ("SENT", "ON_SCHEDULE")}


def test_deferred_again_under_its_new_name_it_is_no_repetition_of_the_old_one() -> None:
    one = subject()
    renamed = Rules(policy(step("on-the-day", replaces=("d+0",), expires_after=timedelta(days=2))), 2)
    decisions = {
        key(one, "d+0"): past(one, "d+0", Outcome.SUPPRESSED, Reason.RULES_CHANGED),
        key(one, "on-the-day"): past(one, "on-the-day", Outcome.DEFERRED, Reason.QUIET_HOURS),
    }

    decided = decide(case(one, decisions=decisions, decided_until=local(DUE, 10, 30)), renamed, local(DUE, 11))

    assert by_step(decided) == {"on-the-day": ("SENT", "ON_SCHEDULE")}
