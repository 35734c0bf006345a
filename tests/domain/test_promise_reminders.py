"""Reminders of promises beside those of instalments: never in one text, under the same caps, and apart from experiments."""

from dataclasses import replace
from typing import Any

from app.domain.cases import PROMISE, Subject
from app.domain.decisions import decide
from app.domain.holds import Hold
from app.domain.policies import Holdout
from app.domain.reasons import Outcome, Reason
from tests.builders.cases import DUE, LONG_AGO, case, local, subject
from tests.builders.rules import policy, rules

TEN = local(DUE, 10)


def a_promise(loan: str = "L1", **changes: Any) -> Subject:
    given = {"subject_id": f"{loan}/p1", "row_no": 0, "kind": PROMISE, "open_minor": 4_000}
    return subject(loan, **{**given, **changes})


def test_what_is_promised_and_what_is_owed_elsewhere_are_two_contacts_and_the_promise_goes_first() -> None:
    decided = decide(case(subject("L2"), a_promise(), decided_until=local(DUE, 9)), rules(), TEN)

    (contact,) = decided.contacts
    assert [candidate.subject.kind for candidate in contact.candidates] == [PROMISE]
    said = {verdict.key.step_key: (verdict.outcome, verdict.reason) for verdict in decided.verdicts}
    assert said == {
        "p+0": (Outcome.SENT, Reason.ON_SCHEDULE),
        "d+0": (Outcome.SUPPRESSED, Reason.CAP_PERSON),
    }


def test_where_the_caps_leave_room_for_two_they_take_two_places() -> None:
    caps = tuple(replace(cap, max_contacts=2) for cap in policy().caps)
    decided = decide(case(subject("L2"), a_promise(), decided_until=local(DUE, 9)), rules(policy(caps=caps)), TEN)

    assert [contact.slot_no for contact in decided.contacts] == [1, 2]
    assert [contact.template for contact in decided.contacts] == ["promise_due_today", "due_today"]


def test_the_hold_of_a_promise_keeps_its_loan_back_and_not_the_promise_nor_another_loan() -> None:
    hold = Hold("promise_to_pay", LONG_AGO, None, LONG_AGO, loan_id="L1")
    one, other = subject("L1"), subject("L2")
    decided = decide(case(one, other, decided_until=local(DUE, 9), holds=(hold,)), rules(), TEN)

    said = {verdict.loan_id: verdict.reason for verdict in decided.verdicts}
    assert said == {"L1": Reason.HOLD_PROMISE_TO_PAY, "L2": Reason.ON_SCHEDULE}
    promised = decide(case(a_promise(), decided_until=local(DUE, 9), holds=(hold,)), rules(), TEN)
    assert [verdict.outcome for verdict in promised.verdicts] == [Outcome.SENT]


def test_other_holds_stop_the_reminder_of_a_promise_too() -> None:
    hold = Hold("dispute", LONG_AGO, None, LONG_AGO, loan_id="L1")
    decided = decide(case(a_promise(), decided_until=local(DUE, 9), holds=(hold,)), rules(), TEN)

    assert [verdict.reason for verdict in decided.verdicts] == [Reason.HOLD_DISPUTE]


def test_nobody_is_held_out_of_what_they_asked_to_be_reminded_of() -> None:
    everyone = rules(policy(holdout=Holdout("out", 100, "mid")))

    assert decide(case(a_promise(), decided_until=local(DUE, 9)), everyone, TEN).verdicts[0].outcome is Outcome.SENT
    held_out = decide(case(subject(), decided_until=local(DUE, 9)), everyone, TEN).verdicts[0]
    assert held_out.outcome is Outcome.HELD_OUT


def test_of_an_overdue_loan_it_is_collection_before_the_law() -> None:
    steps = policy().steps_of(a_promise(is_late=True))

    assert {(step.message_class, step.debt_stage) for step in steps} == {("collection", "overdue")}
    assert {step.message_class for step in policy().steps_of(a_promise())} == {"reminder"}


def test_a_promise_that_is_over_is_reminded_of_no_more() -> None:
    over = a_promise(closed_at=local(DUE, 9, 59), closed_reason=Reason.PROMISE_OVER)

    assert decide(case(over, decided_until=local(DUE, 9)), rules(), TEN).verdicts == ()
