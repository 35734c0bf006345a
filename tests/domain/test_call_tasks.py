"""Calls that a policy has people make: whom, and when they may."""

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest

from app.domain.cases import LoanFacts, Wish
from app.domain.decisions import decide
from app.domain.policies import Action, Holdout
from app.domain.quiet_hours import QuietHours
from tests.builders.cases import DUE, by_step, case, local, subject
from tests.builders.rules import policy, rules, step

THREE = local(DUE, 15)
CALL = step("call", at=time(15), ladder=(), action=Action("call", "early", timedelta(hours=8)))


@pytest.mark.parametrize("wish", [Wish("no_contact", THREE, channel="voice"), Wish("only_channel", THREE, channel="sms")])
def test_who_wishes_no_calls_gets_none(wish: Wish) -> None:
    decided = decide(case(subject(), wishes=(wish,), decided_until=local(DUE, 9)), rules(policy(CALL)), THREE)

    assert decided.tasks == ()
    assert by_step(decided) == {"call": ("UNREACHABLE", "OPTED_OUT")}


def test_who_is_held_out_of_reminders_is_not_called_either() -> None:
    held_out = rules(policy(CALL, holdout=Holdout("all", 100, "early")))

    decided = decide(case(subject(), decided_until=local(DUE, 9)), held_out, THREE)

    assert decided.tasks == ()
    assert by_step(decided) == {"call": ("HELD_OUT", "HOLDOUT")}
    assert [verdict.arm for verdict in decided.verdicts] == ["holdout"]


def test_a_call_may_be_made_in_the_hours_of_the_policy_alone() -> None:
    (task,) = decide(case(subject(), decided_until=local(DUE, 9)), rules(policy(CALL)), THREE).tasks

    assert task.due_at == local(DUE, 23)
    assert task.not_after == local(DUE, 22) - policy().not_after_margin


def test_a_call_may_be_made_in_the_hours_of_the_law_alone() -> None:
    loan = LoanFacts(lender_id="X", lender_code="sahara", jurisdiction="IN", lender_role="first_party")
    wide: Any = policy(replace(CALL, offset_days=1), quiet_hours=QuietHours(time(0), time(0)))
    one = case(
        replace(subject(due_on=DUE - timedelta(days=1)), loan=loan),
        profile_zone="Asia/Kolkata",
        country="IN",
        decided_until=local(DUE, 1),
    )

    (task,) = decide(one, rules(wide, law=True), local(DUE, 15, zone="Asia/Kolkata")).tasks

    assert task.not_after == local(DUE, 19, zone="Asia/Kolkata") - wide.not_after_margin
