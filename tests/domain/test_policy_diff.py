"""How two versions differ, in words."""

from typing import Any

from app.domain.policy_diff import Change, diff_policies
from app.domain.policy_reading import read_policy
from tests.builders.policies import a_document, with_step


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[Change] = diff_policies(read_policy(old, "1"), read_policy(new, "2"))
    return [(change.kind, change.words) for change in found]


def test_the_same_written_otherwise_is_no_difference() -> None:
    spelled = with_step(at="10:00", ladder=[{"channel": "push", "give_up": {"after": "PT1H"}}, {"channel": "sms"}])
    other = with_step(ladder=[{"channel": "push"}, {"channel": "sms", "after": "PT1H", "unless": "seen"}])

    assert changes(spelled, other | {"version": 7, "description": "new"}) == []


def test_steps_come_go_move_and_are_renamed() -> None:
    assert changes(a_document(), with_step(offset_days=4, at={"window": ["09:00", "11:00"]})) == [
        ("moved", "Step d+3 moves: 3 days after the due date at 10:00 -> 4 days after the due date at 09:00 to 11:00."),
        ("removed", "Step d-3 is gone: 3 days before the due date at 10:00, due_soon by in_app, push."),
    ]
    assert changes(with_step(), with_step(key="early-3", replaces=["d+3"])) == [
        ("renamed", "Step d+3 is now called early-3; what was decided stays decided."),
    ]
    assert changes(with_step(), with_step(key="early-3")) == [
        ("added", "Step early-3 is new: 3 days after the due date at 10:00, overdue_early by push, sms."),
        ("removed", "Step d+3 is gone: 3 days after the due date at 10:00, overdue_early by push, sms."),
    ]


def test_what_a_step_does_is_compared_part_by_part() -> None:
    new = with_step(
        template="overdue_help",
        audience={"overdue": {"gte": "50.00"}},
        expires_after="P1D",
        on_non_working_day="next",
        ladder=[{"channel": "push"}, {"channel": "sms", "after": "PT4H", "only_if": {"push": "unreachable"}}],
        experiment={"key": "tone", "arms": {"a": 90, "control": 10}, "outcome": {"paid_by": "P3D"}},
    )

    assert changes(with_step(), new) == [
        ("changed", "Step d+3, template: overdue_early -> overdue_help."),
        ("changed", "Step d+3, ladder: push, sms -> push, sms unless seen after 4 h if push is unreachable."),
        ("changed", "Step d+3, audience: everyone -> overdue gte 50.00."),
        ("changed", "Step d+3, not worth doing any more after: 10 h -> 1 day."),
        ("changed", "Step d+3, on a non-working day: keep -> next."),
        (
            "changed",
            "Step d+3, experiment: none -> tone (a 90 % overdue_help, control 10 % no message; paid within 3 days).",
        ),
    ]


def test_a_message_that_becomes_a_task_says_so() -> None:
    action = {"task": "call", "queue": "early", "sla": "PT8H", "needs_approval": True}

    assert ("changed", "Step d+3, what it does: a message -> a call task for early within 8 h, needs approval.") in changes(
        with_step(), with_step(action=action, ladder=None, template=None)
    )


def test_caps_hours_and_the_rest_of_a_policy_are_compared() -> None:
    new = a_document(
        caps=[{"per": "borrower", "window": "P1D", "max": 2}, {"per": "loan", "channel": "sms", "window": "P7D", "max": 3}],
        quiet_hours={"start": "21:00", "end": "08:30"},
        stop_on=["plan_agreed"],
        tolerance={"CNY": "1.00"},
        holdout={"key": "h", "percent": 2, "max_stage": "early"},
        balance_max_age="P3D",
        in_force={"from": "2027-01-01"},
        calendar={"country": "CN"},
    )

    assert changes(a_document(), new) == [
        ("changed", "Quiet hours: 20:00 to 09:00 -> 21:00 to 08:30."),
        ("changed", "Tolerance: none -> 100 minor units of CNY."),
        ("changed", "Oldest balance: any -> 3 days."),
        ("changed", "Held out: nobody -> 2 % (h) up to stage early."),
        ("changed", "In force: ever until further notice -> 2027-01-01 until further notice."),
        ("changed", "Calendar: the lender's -> CN."),
        ("changed", "Cap caps.borrower.P1D: at most 1 -> 2."),
        ("added", "Cap caps.loan.sms.P7D is new: at most 3."),
        ("added", "plan_agreed stops reminders as well."),
    ]
    assert ("removed", "Cap caps.loan.sms.P7D of 3 is gone.") in changes(new, a_document())
    assert ("removed", "plan_agreed is not named among what stops any more.") in changes(new, a_document())
