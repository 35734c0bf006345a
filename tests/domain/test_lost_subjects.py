"""A contact about several loans of which one is paid or disputed before all of it was said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.cases import Case, PastMessage, Subject
from app.domain.decided import Decided
from app.domain.decisions import decide
from app.domain.policies import Cap, Rung
from app.domain.reasons import Outcome, Reason
from tests.builders.cases import DUE, key, local, past
from tests.builders.rules import FALLBACK, policy, rules, step
from tests.domain.test_standing_messages import LATER, ONE, RULES, TEN, TWO, hold, sent, stands, waiting

TWO_O_CLOCK = local(DUE, 14)


def paid(subject: Subject) -> Subject:
    return replace(subject, closed_at=LATER - timedelta(minutes=1), open_minor=0)


def without(one: Case, lost: str, how: str) -> Case:
    """The case once a loan of it was paid, has left the book as paid, or was disputed."""
    if how == "disputed":
        return replace(one, holds=(hold("dispute", lost),))
    subjects = [paid(each) if each.loan_id == lost else each for each in one.subjects]
    return replace(one, subjects=tuple(each for each in subjects if each.speaks or how == "paid"))


def said(decided: Decided) -> dict[str, tuple[Outcome, Reason]]:
    return {verdict.loan_id: (verdict.outcome, verdict.reason) for verdict in decided.verdicts if not verdict.is_note}


def rungs(decided: Decided) -> list[tuple[str, list[str]]]:
    """(channel, loans) of the later rungs made."""
    return [(m.channel, [one.subject.loan_id for one in rung.about]) for rung in decided.rungs for m in rung.messages]


def told_again(decided: Decided) -> list[list[str]]:
    return [[one.subject.loan_id for one in retold.about] for retold in decided.retold]


HOW = {"paid": Reason.PAID, "gone": Reason.PAID, "disputed": Reason.HOLD_DISPUTE}

# -- nothing of it has left --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(("lost", "rest"), [("L1", "L2"), ("L2", "L1")])
def test_what_is_left_of_a_waiting_contact_is_a_contact_of_its_own_in_its_place(lost: str, rest: str, how: str) -> None:
    decided = decide(without(waiting(ONE, TWO), lost, how), RULES, LATER)

    assert said(decided) == {lost: (Outcome.SUPPRESSED, HOW[how]), rest: (Outcome.SENT, Reason.ON_SCHEDULE)}
    assert decided.cancelled == (("C1", HOW[how], True, None),)
    assert not decided.standing
    (made,) = decided.contacts
    assert ([one.subject.loan_id for one in made.candidates], made.slot_no) == ([rest], 1)
    assert made.channels == ("in_app", "push")


@pytest.mark.parametrize("how", HOW)
def test_what_it_shows_in_the_app_goes_and_it_is_settled_where_all_it_keeps_is_paid(how: str) -> None:
    decided = decide(without(waiting(ONE, TWO), "L1", how), RULES, LATER)

    assert [(retold.contact_id, retold.about) for retold in decided.retold] == [("C1", ())]
    assert decided.settled == (() if how == "disputed" else ("C1",))


def test_the_message_given_up_counts_for_no_cap() -> None:
    capped = rules(policy(step(ladder=FALLBACK), caps=(Cap(1, 1), Cap(7, 1, "push"), Cap(7, 1, per="loan"), Cap(3, 1))))

    (made,) = decide(without(waiting(ONE, TWO), "L1", "paid"), capped, LATER).contacts

    assert made.channels == ("in_app", "push")


def test_three_loans_stay_one_contact_when_one_is_paid() -> None:
    three = replace(ONE, subject_id="L3/1", loan_id="L3", loan_no="L3")

    (made,) = decide(without(waiting(ONE, TWO, three), "L1", "paid"), RULES, LATER).contacts

    assert [one.subject.loan_id for one in made.candidates] == ["L2", "L3"]


def test_at_night_what_is_left_waits_for_its_hours_and_the_rest_goes_all_the_same() -> None:
    long_lived = rules(policy(step(ladder=FALLBACK, expires_after=timedelta(days=2))))

    decided = decide(without(waiting(ONE, TWO), "L1", "paid"), long_lived, local(DUE, 23))

    assert said(decided) == {"L1": (Outcome.SUPPRESSED, Reason.PAID), "L2": (Outcome.DEFERRED, Reason.QUIET_HOURS)}
    assert [(each.contact_id, each.about) for each in decided.retold] == [("C1", ())]


def test_what_is_left_goes_by_its_own_step() -> None:
    early = replace(TWO, due_on=DUE + timedelta(days=1))
    steps = (step("d-1", -1, template="due_soon"), step("d+0", ladder=FALLBACK))
    one = waiting(ONE, early)
    decisions = dict(one.decisions)
    wrong, right = key(early, "d+0"), key(early, "d-1")
    decisions[right] = replace(decisions.pop(wrong), key=right)
    (made,) = one.contacts
    one = replace(one, decisions=decisions, contacts=(replace(made, subject_keys=(key(ONE, "d+0"), right)),))

    (new,) = decide(without(one, "L1", "paid"), rules(policy(*steps)), LATER).contacts

    assert (new.lead.step.key, new.template) == ("d-1", "due_soon")


# -- something of it may have left -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_a_push_that_was_tried_is_made_anew_in_its_own_contact(how: str) -> None:
    """The day's place is taken: a contact of its own would be the second of the day."""
    one = waiting(ONE, TWO)
    tried = replace(one, contacts=tuple(replace(each, tried=True) for each in one.contacts))

    decided = decide(without(tried, "L1", how), RULES, LATER)

    assert decided.contacts == ()
    assert decided.cancelled == (("C1", HOW[how], False, None),)
    assert rungs(decided) == [("push", ["L2"])]
    assert told_again(decided) == [["L2"]]


@pytest.mark.parametrize("how", HOW)
def test_when_what_led_a_contact_is_paid_its_next_rung_is_about_the_rest(how: str) -> None:
    decided = decide(without(sent(ONE, TWO), "L1", how), RULES, TWO_O_CLOCK)

    assert rungs(decided) == [("sms", ["L2"])]
    notes = [(verdict.loan_id, verdict.reason) for verdict in decided.verdicts]
    assert notes == [("L2", Reason.FALLBACK_RUNG)]


def test_its_next_rung_has_its_time_as_before() -> None:
    decided = decide(without(sent(ONE, TWO), "L1", "paid"), RULES, LATER)

    assert rungs(decided) == []
    assert decided.next_wake == TWO_O_CLOCK


def test_the_rest_gets_no_later_rung_once_the_push_was_seen() -> None:
    one = sent(ONE, TWO)
    (made,) = one.contacts
    seen = replace(made, messages=(replace(made.messages[0], seen=True), made.messages[1]))

    decided = decide(without(replace(one, contacts=(seen,)), "L1", "paid"), RULES, TWO_O_CLOCK)

    assert rungs(decided) == []


@pytest.mark.parametrize(
    ("ladder", "follows"),
    [
        ((Rung("in_app"), Rung("push")), []),
        ((Rung("in_app"), Rung("push"), Rung("sms", after=timedelta(hours=1))), [("sms", ["L2"])]),
        ((Rung("in_app"), Rung("sms", after=timedelta(hours=4)), Rung("push")), []),
    ],
    ids=["no further rung of its own", "one of its own", "its last channel was used"],
)
def test_the_rest_is_followed_up_as_far_as_its_own_step_says(ladder: tuple[Rung, ...], follows: list[Any]) -> None:
    other = step("d+1", 1, ladder=ladder, expires_after=timedelta(hours=12))
    late = replace(TWO, due_on=DUE - timedelta(days=1))
    one = sent(ONE, late)
    decisions = {each: made for each, made in one.decisions.items() if each.subject_id == ONE.subject_id}
    carried = key(late, "d+1")
    decisions[carried] = replace(
        past(late, "d+1", Outcome.CONSOLIDATED, Reason.CONSOLIDATED_INTO, contact_id="C1"), occurs_at=TEN
    )
    (made,) = one.contacts
    contact = replace(made, subject_keys=(key(ONE, "d+0"), carried))
    both = rules(policy(step(ladder=FALLBACK), other))

    decided = decide(without(replace(one, decisions=decisions, contacts=(contact,)), "L1", "paid"), both, local(DUE, 12))

    assert rungs(decided) == follows


def text_waiting(*about: Subject, spoken: frozenset[str] | None = None, **changes: Any) -> Case:
    """A case whose push went out at ten, and whose SMS of two o'clock waits to leave."""
    one = sent(*about, **changes)
    (made,) = one.contacts
    messages = (*made.messages, PastMessage("sms", 2, TWO_O_CLOCK, "queued", about=spoken))
    return replace(one, contacts=(replace(made, rungs_done=3, messages=messages, waiting=True),))


@pytest.mark.parametrize("how", HOW)
def test_a_later_rung_that_waits_is_made_anew_about_the_rest(how: str) -> None:
    capped = rules(policy(step(ladder=FALLBACK), caps=(Cap(1, 1), Cap(7, 1, "sms"))))

    decided = decide(without(text_waiting(ONE, TWO), "L1", how), capped, local(DUE, 15))

    assert decided.cancelled == (("C1", HOW[how], False, None),)
    assert rungs(decided) == [("sms", ["L2"])]
    assert said(decided) == {}


def test_a_later_rung_that_was_made_without_it_leaves() -> None:
    one = text_waiting(ONE, TWO, spoken=frozenset({"L1/1"}))

    assert stands(decide(without(one, "L2", "disputed"), RULES, local(DUE, 15)))


def test_and_does_not_leave_once_what_it_speaks_of_is_paid() -> None:
    one = text_waiting(ONE, TWO, spoken=frozenset({"L1/1"}))

    decided = decide(without(one, "L1", "paid"), RULES, local(DUE, 15))

    assert decided.cancelled == (("C1", Reason.PAID, False, None),)


# -- what the app shows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
def test_the_app_shows_the_rest_from_the_moment_one_is_paid(how: str) -> None:
    decided = decide(without(sent(ONE, TWO), "L1", how), RULES, LATER)

    assert told_again(decided) == [["L2"]]


def test_it_is_said_once() -> None:
    one = without(sent(ONE, TWO), "L1", "paid")
    (made,) = one.contacts
    again = PastMessage("in_app", 0, LATER, "delivered", about=frozenset({"L2/1"}))

    decided = decide(replace(one, contacts=(replace(made, messages=(*made.messages, again)),)), RULES, LATER)

    assert decided.retold == ()


def test_what_only_keeps_new_messages_back_leaves_the_app_as_it_is() -> None:
    stale = replace(TWO, loan=replace(TWO.loan, heard_at=TEN - timedelta(days=9)))
    careful = rules(policy(step(ladder=FALLBACK), balance_max_age=timedelta(days=3)))

    assert decide(sent(ONE, stale), careful, LATER).retold == ()


def test_what_the_policy_in_force_has_no_words_for_is_taken_out_of_the_app_alone() -> None:
    other = rules(policy(step("d+3", 3)))
    one = without(sent(ONE, TWO), "L1", "paid")

    assert told_again(decide(one, other, LATER)) == [[]]

    (made,) = one.contacts
    gone = replace(made, messages=(replace(made.messages[0], state="withdrawn"), made.messages[1]))
    assert decide(replace(one, contacts=(gone,)), other, LATER).retold == ()


def test_what_is_paid_beside_what_is_disputed_is_taken_out_of_the_app_and_a_hold_over_all_leaves_it_there() -> None:
    disputed = without(sent(ONE, TWO), "L2", "disputed")

    assert told_again(decide(without(disputed, "L1", "paid"), RULES, LATER)) == [[]]
    assert decide(replace(disputed, holds=(hold("hardship"),)), RULES, LATER).retold == ()


def test_what_spoke_of_a_plan_that_was_replaced_is_taken_out_of_the_app_once_a_part_of_it_is_paid() -> None:
    """Of the plan before, nothing can be told anew; but it must not ask for what is paid by now under the new one."""
    new = tuple(replace(each, anchor_no=2) for each in (ONE, TWO))

    replanned = decide(replace(sent(ONE, TWO), subjects=new), RULES, LATER)
    then_paid = decide(replace(sent(ONE, TWO), subjects=(paid(new[0]), new[1])), RULES, LATER)

    assert told_again(replanned) == []
    assert told_again(then_paid) == [[]]
    assert not then_paid.settled
