"""A notice that a law demands: what may not keep it back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.domain.cases import LoanFacts
from app.domain.decisions import decide
from app.domain.policies import Step
from tests.builders.cases import DUE, by_step, case, local, subject
from tests.builders.rules import FALLBACK, policy, rules, step

TEN = local(DUE, 10)


def notice(key: str, offset: int = 0, **changes: Any) -> Step:
    return step(key, offset, **{"given_class": "statutory", "expires_after": timedelta(days=3), **changes})


def test_a_payment_expected_by_itself_does_not_keep_back_the_notice_before_it() -> None:
    expecting = rules(policy(notice("d-1", -1), step("d-1-reminder", -1), stop_on=frozenset({"autopay_expected"})))
    one = replace(subject(), loan=LoanFacts(autopay=True))

    decided = decide(case(one, decided_until=TEN - timedelta(days=2)), expecting, TEN - timedelta(days=1))

    assert by_step(decided) == {"d-1": ("SENT", "ON_SCHEDULE"), "d-1-reminder": ("SUPPRESSED", "AUTOPAY_EXPECTED")}


def test_one_notice_does_not_stand_for_another() -> None:
    two = rules(policy(notice("arrears", -1, notice_kind="arrears"), notice("default", 0, notice_kind="default")))

    decided = decide(case(subject(), decided_until=TEN - timedelta(days=2)), two, TEN)

    assert by_step(decided) == {"arrears": ("SENT", "ON_SCHEDULE"), "default": ("SENT", "ON_SCHEDULE")}


def test_the_next_rung_of_a_notice_sets_the_wake_though_it_takes_no_place() -> None:
    decided = decide(case(subject(), decided_until=local(DUE, 9)), rules(policy(notice("d+0", ladder=FALLBACK))), TEN)

    assert decided.contacts[0].slot_no is None
    assert decided.next_wake == local(DUE, 14)


def test_a_reminder_at_the_same_instant_does_not_use_up_the_laws_cap_for_the_notice() -> None:
    loan = LoanFacts(lender_id="X", lender_code="rheingold", jurisdiction="EU", lender_role="first_party")
    both = rules(policy(step("d+1", 1), notice("d+1-notice", 1)), law=True)
    one = replace(subject(due_on=DUE - timedelta(days=1)), loan=loan)

    decided = decide(case(one, profile_zone="UTC", decided_until=local(DUE, 9)), both, TEN)

    assert by_step(decided)["d+1-notice"] == ("SENT", "ON_SCHEDULE")
    assert by_step(decided)["d+1"][1] == "LEGAL_DAILY_CAP"
