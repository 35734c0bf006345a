"""What waits to leave is held to everything that has become true since, also when the rules were changed meanwhile."""

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest

from app.domain.cases import Case, LoanFacts, PastContact, PastMessage, Subject, Wish
from app.domain.decided import Decided
from app.domain.decisions import decide
from app.domain.holds import Hold
from app.domain.policies import Cap, Rung
from app.domain.quiet_hours import QuietHours
from app.domain.reasons import Outcome, Reason
from tests.builders.cases import DUE, case, contact, key, local, past, subject
from tests.builders.rules import FALLBACK, policy, rules, step, template

ONE, TWO = subject("L1"), subject("L2")
TEN, LATER = local(DUE, 10), local(DUE, 11)
RULES = rules(policy(step(ladder=FALLBACK)))


def hold(kind: str, loan_id: str | None = None) -> Hold:
    return Hold(kind, TEN, None, TEN, loan_id)


def waiting(*about: Subject, **changes: Any) -> Case:
    """A case whose contact of ten o'clock about these is in the app and waits to leave by push."""
    keys = tuple(key(one, "d+0") for one in about)
    messages = (PastMessage("in_app", 0, TEN, "delivered"), PastMessage("push", 1, TEN, "queued"))
    made = replace(contact(*keys, rungs_done=2, messages=messages), waiting=True)
    return _with(made, about, **changes)


def sent(*about: Subject, **changes: Any) -> Case:
    """A case whose contact of ten o'clock went out by push and was not seen; its SMS comes at two."""
    keys = tuple(key(one, "d+0") for one in about)
    messages = (PastMessage("in_app", 0, TEN, "delivered"), PastMessage("push", 1, TEN, "sent"))
    return _with(contact(*keys, rungs_done=2, messages=messages), about, **changes)


def _with(made: PastContact, about: tuple[Subject, ...], **changes: Any) -> Case:
    decisions = {}
    for number, one in enumerate(about):
        outcome, reason = (
            (Outcome.SENT, Reason.ON_SCHEDULE) if not number else (Outcome.CONSOLIDATED, Reason.CONSOLIDATED_INTO)
        )
        decisions[key(one, "d+0")] = replace(
            past(one, "d+0", outcome, reason, contact_id="C1"), decision_id=f"D{number}", occurs_at=TEN
        )
    given: dict[str, Any] = {"contacts": (made,), "decisions": decisions, "decided_until": TEN}
    return case(*about, **{**given, **changes})


def stands(decided: Decided) -> bool:
    return [each.contact_id for each in decided.standing] == ["C1"]


@pytest.mark.parametrize("kind", ["dispute", "hardship", "represented", "breathing_space"])
def test_nothing_leaves_under_a_hold_that_came_while_it_waited(kind: str) -> None:
    decided = decide(waiting(ONE, holds=(hold(kind),)), RULES, LATER)

    assert not stands(decided)
    assert decided.cancelled[0].frees_slot


@pytest.mark.parametrize("kind", ["dispute", "hardship", "represented"])
def test_nor_when_its_step_was_taken_out_of_the_policy_besides(kind: str) -> None:
    """The hold speaks of the borrower, whatever the step was called."""
    other = rules(policy(step("d+3", 3)))

    decided = decide(waiting(ONE, holds=(hold(kind),)), other, LATER)

    assert not stands(decided)


def test_what_the_policy_in_force_does_not_know_does_not_leave() -> None:
    decided = decide(waiting(ONE), rules(policy(step("d+3", 3))), LATER)

    assert not stands(decided)


def test_a_message_about_two_loans_does_not_leave_once_one_is_disputed() -> None:
    """Its record in the app names the sum of both."""
    decided = decide(waiting(ONE, TWO, holds=(hold("dispute", "L2"),)), RULES, LATER)

    assert not stands(decided)


def test_a_later_rung_says_nothing_about_a_loan_that_is_disputed_by_then() -> None:
    decided = decide(sent(ONE, TWO, holds=(hold("dispute", "L2"),)), RULES, local(DUE, 14))

    assert [one.subject.loan_id for rung in decided.rungs if rung.messages for one in rung.about] == ["L1"]


def test_what_fell_under_the_tolerance_while_it_waited_does_not_leave() -> None:
    small = replace(ONE, open_minor=40)
    tolerant = rules(policy(step(ladder=FALLBACK), tolerance={"USD": 100}))

    assert not stands(decide(waiting(small), tolerant, LATER))


def test_a_channel_the_borrower_wished_away_while_it_waited_is_not_used() -> None:
    wish = Wish("no_contact", TEN, channel="push")

    assert not stands(decide(waiting(ONE, wishes=(wish,)), RULES, LATER))


def test_a_cap_lowered_while_it_waited_holds() -> None:
    capped = rules(policy(step(ladder=FALLBACK), caps=(Cap(1, 1), Cap(7, 1, "push"))))
    before = replace(
        contact(), contact_id="C0", created_at=TEN - timedelta(days=2), local_date=DUE - timedelta(days=2),
        messages=(PastMessage("push", 1, TEN - timedelta(days=2), "sent"),),
    )  # fmt: skip
    one = waiting(ONE)

    assert not stands(decide(replace(one, contacts=(before, *one.contacts)), capped, LATER))


def test_a_text_no_longer_approved_does_not_leave() -> None:
    known = {("due_today", channel): {"en": template(approved=channel != "push")} for channel in ("in_app", "push", "sms")}

    assert not stands(decide(waiting(ONE), replace(RULES, templates=known), LATER))


def test_a_message_ends_where_a_hold_that_is_known_already_begins() -> None:
    coming = Hold("hardship", local(DUE, 12), None, local(DUE, 8))

    decided = decide(case(ONE, holds=(coming,)), RULES, TEN)

    assert {made.channel: made.not_after for made in decided.contacts[0].messages}["push"] <= local(DUE, 12)


def test_a_step_that_goes_by_another_name_now_still_knows_its_message() -> None:
    renamed = rules(policy(step("on-the-day", ladder=FALLBACK, replaces=("d+0",))))

    assert stands(decide(waiting(ONE), renamed, LATER))
    assert not stands(decide(waiting(ONE, holds=(hold("dispute"),)), renamed, LATER))


def test_of_two_messages_that_wait_the_one_on_a_channel_given_up_is_taken_back_alone() -> None:
    at_once = rules(policy(step(ladder=(Rung("in_app"), Rung("push"), Rung("sms")))))
    one = waiting(ONE, blocks={"sms": Reason.OPTED_OUT})
    (made,) = one.contacts
    both = replace(made, rungs_done=3, messages=(*made.messages, PastMessage("sms", 2, TEN, "queued")))

    decided = decide(replace(one, contacts=(both,)), at_once, LATER)

    assert stands(decided)
    assert decided.cancelled == (("C1", Reason.OPTED_OUT, False, "sms"),)


def test_a_later_rung_is_not_born_expired_for_what_was_carried_along() -> None:
    soon = subject("L2", due_on=DUE - timedelta(days=1))
    steps = (step("d+0", ladder=FALLBACK), step("d+1", 1, ladder=FALLBACK, expires_after=timedelta(hours=3)))
    one = sent(ONE, soon)
    (made,) = one.contacts
    decisions = {
        key(each, name): replace(
            past(each, name, outcome, Reason.ON_SCHEDULE, contact_id="C1"), decision_id=name, occurs_at=TEN
        )
        for each, name, outcome in ((ONE, "d+0", Outcome.SENT), (soon, "d+1", Outcome.CONSOLIDATED))
    }
    about = replace(made, subject_keys=tuple(decisions))

    decided = decide(replace(one, contacts=(about,), decisions=decisions), rules(policy(*steps)), local(DUE, 14))

    (rung,) = decided.rungs
    assert [message.not_after for message in rung.messages] == [local(DUE, 20)]


# -- a message before it has left already ------------------------------------------------------------------------------


def second_rung_waiting(**changes: Any) -> Case:
    """A case whose push went out at ten, and whose SMS of two o'clock waits to leave."""
    one = sent(ONE, **changes)
    (made,) = one.contacts
    messages = (*made.messages, PastMessage("sms", 2, local(DUE, 14), "queued"))
    return replace(one, contacts=(replace(made, rungs_done=3, messages=messages, waiting=True),))


def test_the_place_of_a_contact_that_has_reached_out_is_not_given_back_with_its_later_rung() -> None:
    decided = decide(second_rung_waiting(blocks={"sms": Reason.OPTED_OUT}), RULES, local(DUE, 15))

    assert decided.cancelled == (("C1", Reason.OPTED_OUT, False, None),)


@pytest.mark.parametrize("reason", ["paid", "held"])
def test_a_later_rung_taken_back_does_not_unsay_what_was_sent(reason: str) -> None:
    one = second_rung_waiting(holds=(hold("dispute"),) if reason == "held" else ())
    if reason == "paid":
        one = replace(one, subjects=())

    decided = decide(one, RULES, local(DUE, 15))

    assert [(v.outcome, v.is_note) for v in decided.verdicts] == [(Outcome.SENT, True)]
    assert decided.cancelled[0].frees_slot is False


def test_a_later_rung_that_still_waits_does_not_leave_once_the_push_was_seen() -> None:
    one = second_rung_waiting()
    (made,) = one.contacts
    app, push, sms = made.messages
    seen = replace(made, messages=(app, replace(push, seen=True), sms))

    decided = decide(replace(one, contacts=(seen,)), RULES, local(DUE, 15))

    assert decided.cancelled == (("C1", Reason.SEEN, False, None),)
    assert [(str(v.reason), v.is_note) for v in decided.verdicts] == [("SEEN", True)]


# -- what follows a message that was taken back ------------------------------------------------------------------------


def test_where_the_push_that_waits_cannot_leave_any_more_the_next_rung_follows_soon_and_keeps_the_place() -> None:
    decided = decide(waiting(ONE, blocks={"push": Reason.ENDPOINT_INVALID}), RULES, LATER)

    assert decided.cancelled == (("C1", Reason.ENDPOINT_INVALID, False, None),)
    assert decided.next_wake == LATER + timedelta(minutes=15)


def lost(one: Case, **changes: Any) -> Case:
    """The same case once what waited was cancelled."""
    (made,) = one.contacts
    messages = tuple(replace(m, state="cancelled") if m.channel == "push" else m for m in made.messages)
    return replace(one, contacts=(replace(made, waiting=False, messages=messages, **changes),))


def test_a_rung_after_one_that_never_left_takes_the_place_of_its_contact() -> None:
    decided = decide(lost(waiting(ONE)), RULES, LATER)

    assert [m.channel for rung in decided.rungs for m in rung.messages] == ["sms"]


def test_without_its_place_it_is_not_used() -> None:
    decided = decide(lost(waiting(ONE), slot_no=None), RULES, LATER)

    assert [rung.messages for rung in decided.rungs] == [()]
    assert [v.reason for v in decided.verdicts] == [Reason.CAP_PERSON]


def test_nor_on_another_day() -> None:
    long_lived = rules(policy(step(ladder=FALLBACK, expires_after=timedelta(days=3))))

    decided = decide(lost(waiting(ONE)), long_lived, LATER + timedelta(days=1))

    assert [rung.messages for rung in decided.rungs] == [()]
    assert [v.reason for v in decided.verdicts] == [Reason.EXPIRED_WINDOW]


# -- the hours of the law ----------------------------------------------------------------------------------------------

INDIA = LoanFacts(lender_id="X", lender_code="sahara", jurisdiction="IN", lender_role="first_party")
INDIAN = replace(subject("L1", lender_zone="Asia/Kolkata", due_on=DUE - timedelta(days=1)), loan=INDIA)
WIDE = rules(
    policy(step(offset=1, ladder=FALLBACK, expires_after=timedelta(days=2)), quiet_hours=QuietHours(time(0), time(0))),
    law=True,
)


def test_what_waits_ends_before_the_hours_of_the_law_do_where_the_borrower_is_by_now() -> None:
    one = waiting(INDIAN, profile_zone="Asia/Kolkata", country="IN")
    at = local(DUE, 18, zone="Asia/Kolkata")
    moved = replace(one, decided_zone="Asia/Kolkata")

    (standing,) = decide(moved, WIDE, at).standing

    assert standing.not_after <= local(DUE, 19, zone="Asia/Kolkata") - WIDE.policy.not_after_margin


@pytest.mark.parametrize("minute", [54, 56, 59])
def test_no_message_is_made_that_could_not_leave_before_the_hours_of_the_law_end(minute: int) -> None:
    late = replace(WIDE.policy.steps[0], at=time(18, minute))
    at = local(DUE, 18, minute, zone="Asia/Kolkata") + timedelta(seconds=30)

    decided = decide(
        case(INDIAN, profile_zone="Asia/Kolkata", country="IN", decided_until=at - timedelta(hours=1)),
        replace(WIDE, policy=replace(WIDE.policy, steps=(late,))),
        at,
    )

    closes_at = local(DUE, 19, zone="Asia/Kolkata")
    pushes = [m for made in decided.contacts for m in made.messages if m.channel == "push"]
    assert all(at < m.not_after <= closes_at - WIDE.policy.not_after_margin for m in pushes)
    assert bool(pushes) == (minute < 55)
    assert pushes or [v.outcome for v in decided.verdicts] == [Outcome.DEFERRED]


# -- the order of things -----------------------------------------------------------------------------------------------


def test_the_order_in_which_a_database_names_what_a_contact_was_about_changes_nothing() -> None:
    later = local(DUE, 15)
    closed = (
        subject("L1", closed_at=LATER, closed_reason=Reason.WRITTEN_OFF, open_minor=0),
        subject("L2", closed_at=LATER, open_minor=0),
    )
    one = replace(waiting(ONE, TWO), subjects=closed)
    (made,) = one.contacts
    turned = replace(one, contacts=(replace(made, subject_keys=made.subject_keys[::-1]),))

    assert decide(one, RULES, later).cancelled == decide(turned, RULES, later).cancelled


def test_a_rung_made_the_day_after_its_push_stands_beside_that_days_contact() -> None:
    long_lived = rules(policy(step(ladder=FALLBACK, expires_after=timedelta(days=3))))
    one, tomorrow = second_rung_waiting(), TEN + timedelta(days=1)
    (made,) = one.contacts
    app, push, sms = made.messages
    rung = replace(made, messages=(app, push, replace(sms, at=tomorrow)))
    other = replace(contact(), contact_id="C2", local_date=DUE + timedelta(days=1), created_at=tomorrow)

    decided = decide(replace(one, contacts=(rung, other), decided_until=tomorrow), long_lived, tomorrow)

    assert stands(decided)


def test_a_later_rung_that_waits_does_not_leave_once_the_first_was_read() -> None:
    (made,) = sent(ONE).contacts
    messages = (replace(made.messages[0], seen=True), made.messages[1], PastMessage("sms", 2, LATER, "queued"))
    one = replace(made, waiting=True, rungs_done=3, messages=messages)

    assert not stands(decide(replace(sent(ONE), contacts=(one,)), RULES, LATER))
