"""Ladders: which rungs go out, when the next one does, and what stands in the way."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.audiences import read_condition
from app.domain.cases import Case, PastContact, PastMessage
from app.domain.decided import Decided
from app.domain.decisions import decide
from app.domain.policies import Cap, Rung, TemplateInfo
from app.domain.reasons import Outcome, Reason
from tests.builders.cases import DUE, by_step, case, contact, key, local, past, subject
from tests.builders.rules import FALLBACK, policy, rules, step

ONE = subject()
TEN, TWO = local(DUE, 10), local(DUE, 14)
LADDER = rules(policy(step(ladder=FALLBACK)))


def made(**changes: Any) -> PastContact:
    """A contact of ten o'clock whose push went out and whose SMS is still to come."""
    messages = (PastMessage("in_app", 0, TEN, "delivered"), PastMessage("push", 1, TEN, "sent"))
    return replace(contact(key(ONE, "d+0"), rungs_done=2, messages=messages), **changes)


def later(one: PastContact, **changes: Any) -> Case:
    decisions = {key(ONE, "d+0"): past(ONE, "d+0", Outcome.SENT, Reason.ON_SCHEDULE, contact_id="C1")}
    decisions = {k: replace(v, occurs_at=TEN) for k, v in decisions.items()}
    given: dict[str, Any] = {"contacts": (one,), "decisions": decisions, "decided_until": TEN}
    return case(ONE, **{**given, **changes})


def rung(decided: Decided) -> tuple[list[str], str, int]:
    """Channels made, reason of the event, rungs done."""
    (found,) = decided.rungs
    (verdict,) = [v for v in decided.verdicts if v.is_note]
    return [m.channel for m in found.messages], str(verdict.reason), found.rungs_done


def test_the_first_rungs_go_out_and_the_next_one_sets_the_wake() -> None:
    decided = decide(case(ONE, decided_until=local(DUE, 9)), LADDER, TEN)

    assert [c.channels for c in decided.contacts] == [("in_app", "push")]
    assert decided.contacts[0].rungs_done == 2
    assert decided.next_wake == TWO


def test_what_was_not_seen_in_time_is_followed_by_the_next_rung() -> None:
    assert rung(decide(later(made()), LADDER, TWO)) == (["sms"], "FALLBACK_RUNG", 3)


def test_nothing_follows_before_its_time() -> None:
    decided = decide(later(made()), LADDER, TWO - timedelta(minutes=1))

    assert decided.rungs == ()
    assert decided.next_wake == TWO


@pytest.mark.parametrize("channel", ["push", "in_app"])
def test_what_was_seen_on_any_channel_needs_no_further_rung(channel: str) -> None:
    messages = tuple(replace(m, seen=m.channel == channel) for m in made().messages)

    assert rung(decide(later(made(messages=messages)), LADDER, TWO)) == ([], "SEEN", 3)


def test_a_rung_unless_delivered_is_stopped_by_delivery_alone() -> None:
    ladder = rules(policy(step(ladder=(Rung("push"), Rung("sms", timedelta(hours=4), unless="delivered")))))
    messages = (PastMessage("push", 0, TEN, "delivered"),)

    assert rung(decide(later(made(messages=messages, rungs_done=1)), ladder, TWO)) == ([], "SEEN", 2)


def test_where_the_push_never_left_the_next_rung_does_not_wait() -> None:
    messages = (PastMessage("push", 1, TEN, "failed"),)

    assert rung(decide(later(made(messages=messages)), LADDER, local(DUE, 10, 5))) == (["sms"], "FALLBACK_RUNG", 3)


def test_where_push_cannot_be_used_the_sms_goes_at_once() -> None:
    decided = decide(case(ONE, blocks={"push": Reason.NO_ENDPOINT}, decided_until=local(DUE, 9)), LADDER, TEN)

    assert decided.contacts[0].channels == ("in_app", "sms")
    assert decided.verdicts[0].facts["push"] == "NO_ENDPOINT"


def test_while_the_push_still_waits_the_next_rung_waits_with_it() -> None:
    messages = (PastMessage("push", 1, TEN, "sending"),)

    decided = decide(later(made(messages=messages)), LADDER, TWO)

    assert (decided.rungs, decided.next_wake) == ((), TWO + timedelta(minutes=15))


def test_a_paid_instalment_is_not_followed_up() -> None:
    paid = replace(ONE, closed_at=local(DUE, 12), open_minor=0)
    decided = decide(replace(later(made()), subjects=(paid,)), LADDER, TWO)

    assert (decided.rungs, decided.settled) == ((), ("C1",))


def test_a_further_rung_that_cannot_be_used_is_said_once() -> None:
    blocked = later(made(), blocks={"sms": Reason.OPTED_OUT})

    assert rung(decide(blocked, LADDER, TWO)) == ([], "OPTED_OUT", 3)
    assert decide(later(made(rungs_done=3), blocks={"sms": Reason.OPTED_OUT}), LADDER, TWO).rungs == ()


def test_a_hold_put_meanwhile_stops_the_further_rung() -> None:
    from app.domain.holds import Hold

    hold = Hold("dispute", local(DUE, 11), None, local(DUE, 11))

    assert rung(decide(later(made(), holds=(hold,)), LADDER, TWO)) == ([], "HOLD_DISPUTE", 3)


def test_a_further_rung_at_night_waits_for_the_morning_only_while_it_is_worth_it() -> None:
    night = rules(policy(step(ladder=(Rung("push"), Rung("sms", timedelta(hours=13))), expires_after=timedelta(days=2))))
    messages = (PastMessage("push", 0, TEN, "sent"),)
    one = later(made(messages=messages, rungs_done=1))

    decided = decide(one, night, local(DUE, 23))

    assert (decided.rungs, decided.next_wake) == ((), local(DUE + timedelta(days=1), 8))


def test_a_rung_with_a_condition_is_used_only_where_it_holds() -> None:
    problems: list[tuple[str, str]] = []
    large = read_condition({"any": [{"push": "unreachable"}, {"amount": {"gte": "500"}}]}, "", problems)
    ladder = rules(policy(step(ladder=(Rung("push"), Rung("sms", only_if=large)))))

    small_sum = decide(case(ONE, decided_until=local(DUE, 9)), ladder, TEN)
    large_sum = decide(case(replace(ONE, open_minor=50_000), decided_until=local(DUE, 9)), ladder, TEN)

    assert problems == []
    assert small_sum.contacts[0].channels == ("push",)
    assert large_sum.contacts[0].channels == ("push", "sms")


def test_a_cap_of_messages_on_a_channel_leaves_the_rest_of_the_ladder() -> None:
    capped = rules(policy(step(ladder=(Rung("in_app"), Rung("sms"))), caps=(Cap(1, 1), Cap(7, 1, "sms"))))
    earlier = PastContact("C0", DUE - timedelta(days=3), local(DUE - timedelta(days=3), 10), 1, (),
                          messages=(PastMessage("sms", 0, local(DUE - timedelta(days=3), 10), "sent"),))  # fmt: skip

    decided = decide(case(ONE, contacts=(earlier,), decided_until=local(DUE, 9)), capped, TEN)

    assert decided.contacts[0].channels == ("in_app",)
    assert decided.contacts[0].slot_no is None
    assert decided.verdicts[0].facts["sms"] == "CAP_CHANNEL caps.borrower.sms.P7D"


def test_with_nothing_but_a_full_channel_the_cap_is_the_reason() -> None:
    capped = rules(policy(step(ladder=(Rung("sms"),)), caps=(Cap(1, 1), Cap(7, 1, "sms"))))
    earlier = PastContact("C0", DUE, local(DUE - timedelta(days=1), 10), 1, (),
                          messages=(PastMessage("sms", 0, local(DUE - timedelta(days=1), 10), "sent"),))  # fmt: skip

    assert by_step(decide(case(ONE, contacts=(earlier,), decided_until=local(DUE, 9)), capped, TEN)) == {
        "d+0": ("SUPPRESSED", "CAP_CHANNEL")
    }


def test_a_failed_message_does_not_count_for_a_cap() -> None:
    capped = rules(policy(step(ladder=(Rung("sms"),)), caps=(Cap(1, 2), Cap(7, 1, "sms"))))
    earlier = PastContact("C0", DUE, local(DUE - timedelta(days=1), 10), None, (),
                          messages=(PastMessage("sms", 0, local(DUE - timedelta(days=1), 10), "failed"),))  # fmt: skip

    decided = decide(case(ONE, contacts=(earlier,), decided_until=local(DUE, 9)), capped, TEN)

    assert decided.contacts[0].channels == ("sms",)


def test_a_contact_that_waits_keeps_the_wake_of_its_next_rung() -> None:
    waiting = made(waiting=True, messages=(PastMessage("push", 1, TEN, "queued"),))

    decided = decide(later(waiting), LADDER, local(DUE, 10, 1))

    assert decided.standing[0].contact_id == "C1"
    assert decided.next_wake == TWO


def test_variables_of_a_rung_are_about_what_is_still_open() -> None:
    two = subject("L2")
    keys = (key(ONE, "d+0"), key(two, "d+0"))
    decisions = {
        keys[0]: replace(past(ONE, "d+0", Outcome.SENT, Reason.ON_SCHEDULE, contact_id="C1"), occurs_at=TEN),
        keys[1]: replace(past(two, "d+0", Outcome.CONSOLIDATED, Reason.CONSOLIDATED_INTO, contact_id="C1"), occurs_at=TEN),
    }
    paid = replace(two, closed_at=local(DUE, 12), open_minor=0)
    one = case(ONE, paid, contacts=(made(subject_keys=keys),), decisions=decisions, decided_until=TEN)

    (found,) = decide(one, LADDER, TWO).rungs

    assert [c.subject.loan_id for c in found.about] == ["L1"]


def test_a_text_that_failed_its_check_is_not_used_and_the_next_rung_is() -> None:
    well, unfit = TemplateInfo(True, frozenset()), TemplateInfo(True, frozenset(), "forbidden")
    texts = {("due_today", "push"): {"en": unfit}, ("due_today", "sms"): {"en": well}}
    ladder = (Rung("push"), Rung("sms"))
    both = rules(policy(step("d+0", ladder=ladder)), templates=texts, channels=frozenset({"push", "sms"}))
    alone = rules(policy(step("d+0", ladder=ladder[:1])), templates=texts, channels=frozenset({"push", "sms"}))
    one, at = case(subject(), decided_until=local(DUE, 9)), local(DUE, 10)

    decided = decide(one, alone, at)

    assert [message.channel for message in decide(one, both, at).contacts[0].messages] == ["sms"]
    assert by_step(decided) == {"d+0": ("UNREACHABLE", "CONTENT_LINT")}
    assert decided.verdicts[0].facts["problem"] == "forbidden"
