"""Arrears go further step by step: each by a policy, after proof that the one before arrived, and with a reason when not."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.domain.errors import ForbiddenError
from app.domain.hold_terms import HoldValues
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.models.credit_reports import CreditEnrolmentRow
from app.persistence.models.escalations import EscalationRow, EscalationStepRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services import escalations
from app.services.credit_bureaus import end_bureau
from app.services.desk_payments import DeskStaff
from app.services.escalation_approvals import (
    Approved,
    approve_steps,
    decline_step,
    record_forbearance,
    resume_escalation,
    stop_escalation,
)
from app.services.escalation_explanations import explain_loan
from app.services.escalations import look_at_all, look_at_due
from app.services.holds import Teller, put_hold, release_hold
from tests.builders.book import Built, build_lender, build_loan, pay, replan
from tests.builders.collateral import a_pledge
from tests.builders.credit import enable
from tests.builders.escalations import (
    a_document,
    events_of,
    look_at,
    message_of,
    proof_of,
    put_in_force,
    spells_of,
    steps_of,
)
from tests.builders.served import letter_that_leaves

pytestmark = pytest.mark.both
DUE = date(2026, 3, 10)
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def day(number: int) -> datetime:
    """Noon, so many days after the instalment was due."""
    return datetime(2026, 3, 10, 12, 0, tzinfo=UTC) + number * DAY


def a_late_loan(**policy: object) -> Built:
    lender = build_lender(now=START)
    put_in_force(lender, now=START, **policy)
    return build_loan(now=START, due=[DUE], lender_id=lender)


def test_a_notice_is_served_once_the_loan_is_late_enough(app: Flask) -> None:
    loan = a_late_loan()

    look_at(loan.borrower_id, now=day(4))
    before = spells_of(loan.loan_id)
    look_at(loan.borrower_id, now=day(5))

    assert before == []
    assert spells_of(loan.loan_id) == [(1, "open", None)]
    assert steps_of(loan.loan_id) == {
        "notice": ("handed_over", "AWAITS_DELIVERY"),
        "letter": ("waiting", "NOTICE_NOT_DELIVERED"),
    }


def test_what_a_letter_announces_waits_for_the_last_day_that_it_leaves(app: Flask) -> None:
    notice = {**a_document()["steps"][0], "kind": "repayment_letter"}
    referral = {"key": "refer", "kind": "referral", "days_past_due": 8, "after": {"step": "notice", "days": 1},
                "law": ["enforce"], "needs": ["forbearance"], "approval": {"people": 2}}  # fmt: skip
    loan = a_late_loan(steps=[notice, referral])
    look_at(loan.borrower_id, now=day(5))
    letter_that_leaves(message_of(loan.loan_id, "notice"), answer_by=day(20).date(), now=day(5))
    proof_of(loan.loan_id, "notice", at=day(6))
    look_at(loan.borrower_id, now=day(6))

    look_at(loan.borrower_id, now=day(20))
    last_day = steps_of(loan.loan_id)["refer"]
    look_at(loan.borrower_id, now=day(21))

    assert last_day == ("waiting", "NOTICE_TOO_RECENT")
    assert steps_of(loan.loan_id)["refer"] == ("stopped", "FORBEARANCE_NOT_CONSIDERED")


def test_the_next_step_waits_for_days_after_the_proof_that_the_notice_arrived(app: Flask) -> None:
    loan = a_late_loan()
    look_at(loan.borrower_id, now=day(5))

    look_at(loan.borrower_id, now=day(40))
    unproved = steps_of(loan.loan_id)["letter"]
    proof_of(loan.loan_id, "notice", at=day(41))
    look_at(loan.borrower_id, now=day(50))
    early = steps_of(loan.loan_id)["letter"]
    look_at(loan.borrower_id, now=day(51))

    assert unproved == ("waiting", "NOTICE_NOT_DELIVERED")
    assert early == ("waiting", "NOTICE_TOO_RECENT")
    assert steps_of(loan.loan_id)["letter"] == ("handed_over", "AWAITS_DELIVERY")


def test_a_payment_ends_it_and_a_loan_that_falls_late_again_begins_anew(app: Flask) -> None:
    lender = build_lender(now=START)
    put_in_force(lender, now=START)
    loan = build_loan(now=START, due=[DUE, DUE + 31 * DAY], lender_id=lender)
    look_at(loan.borrower_id, now=day(5))
    first = message_of(loan.loan_id, "notice")

    pay(loan, 10_000, now=day(6))
    look_at(loan.borrower_id, now=day(6))
    ended = spells_of(loan.loan_id)
    look_at(loan.borrower_id, now=day(36))

    assert ended == [(1, "ended", "CURED")]
    assert spells_of(loan.loan_id) == [(1, "ended", "CURED"), (2, "open", None)]
    assert message_of(loan.loan_id, "notice") != first


def test_nothing_happens_without_a_policy_in_force(app: Flask) -> None:
    loan = build_loan(now=START, due=[DUE])

    looked = look_at_all(now=day(90))

    assert looked == 0
    assert spells_of(loan.loan_id) == []


def test_a_payment_before_a_letter_leaves_takes_it_back(app: Flask) -> None:
    loan = a_late_loan()
    look_at(loan.borrower_id, now=day(5))

    pay(loan, 10_000, now=day(5) + timedelta(minutes=1))
    look_at(loan.borrower_id, now=day(5) + timedelta(minutes=1))

    assert state_of(message_of(loan.loan_id, "notice")) == "cancelled"
    assert steps_of(loan.loan_id)["notice"] == ("ended", "CURED")


def test_a_hold_stops_what_has_not_left_and_its_release_lets_it_go_on(app: Flask) -> None:
    loan = a_late_loan()
    look_at(loan.borrower_id, now=day(5))
    first = message_of(loan.loan_id, "notice")

    hold_id = hold(loan, "hardship", now=day(6))
    look_at(loan.borrower_id, now=day(6))
    held = steps_of(loan.loan_id)["notice"]
    with unit_of_work() as work:
        release_hold(work, loan.borrower_id, hold_id, teller=Teller("core", loan.lender_id), now=day(8), reason="over")
    look_at(loan.borrower_id, now=day(8))

    assert held == ("stopped", "HOLD_HARDSHIP")
    assert state_of(first) == "cancelled"
    assert steps_of(loan.loan_id)["notice"] == ("handed_over", "AWAITS_DELIVERY")
    assert message_of(loan.loan_id, "notice") != first


def test_another_plan_ends_it_and_what_is_late_by_that_begins_anew(app: Flask) -> None:
    loan = a_late_loan()
    look_at(loan.borrower_id, now=day(5))

    replan(loan, [DUE + 20 * DAY], now=day(6))
    look_at(loan.borrower_id, now=day(6))
    look_at(loan.borrower_id, now=day(25))

    assert spells_of(loan.loan_id) == [(1, "ended", "CURED"), (2, "open", None)]


def test_a_step_waits_for_a_person_and_happens_after_their_yes(app: Flask) -> None:
    loan = a_late_loan(steps=with_approval(1))
    look_at(loan.borrower_id, now=day(5))
    waiting = steps_of(loan.loan_id)["notice"]

    approve(loan, by="Ann", now=day(6))
    look_at(loan.borrower_id, now=day(6))

    assert waiting == ("needs_approval", "NEEDS_APPROVAL")
    assert steps_of(loan.loan_id)["notice"] == ("handed_over", "AWAITS_DELIVERY")
    assert ("notice", "needs_approval", "APPROVED") in events_of(loan.loan_id)


def test_two_people_are_two_people(app: Flask) -> None:
    loan = a_late_loan(steps=with_approval(2))
    look_at(loan.borrower_id, now=day(5))

    first = approve(loan, by="Ann", now=day(6))
    again = approve(loan, by="ann ", now=day(6))
    look_at(loan.borrower_id, now=day(6))
    between = steps_of(loan.loan_id)["notice"]
    second = approve(loan, by="Bob", now=day(7))
    look_at(loan.borrower_id, now=day(7))

    assert (len(first.waiting), list(again.left.values()), len(second.ready)) == (1, ["SAME_PERSON"], 1)
    assert between == ("needs_approval", "NEEDS_SECOND_APPROVAL")
    assert steps_of(loan.loan_id)["notice"][0] == "handed_over"


def test_an_agent_approves_nothing(app: Flask) -> None:
    loan = a_late_loan(steps=with_approval(1))
    look_at(loan.borrower_id, now=day(5))

    with pytest.raises(ForbiddenError):
        approve(loan, by="Ann", now=day(6), role="agent")


def test_what_was_declined_does_not_happen_in_these_arrears(app: Flask) -> None:
    loan = a_late_loan(steps=with_approval(1))
    look_at(loan.borrower_id, now=day(5))

    with unit_of_work() as work:
        decline_step(work, step_ids(loan)[0], reason="amount_in_doubt", staff=staff(loan), now=day(6))
    look_at(loan.borrower_id, now=day(90))

    assert steps_of(loan.loan_id) == {"notice": ("declined", "DECLINED")}


def test_a_person_stops_it_until_somebody_lets_it_go_on(app: Flask) -> None:
    loan = a_late_loan()
    look_at(loan.borrower_id, now=day(5))
    escalation_id = escalation_of(loan)

    with unit_of_work() as work:
        stop_escalation(work, escalation_id, reason="vulnerable_person", staff=staff(loan), now=day(6))
    look_at(loan.borrower_id, now=day(60))
    stopped = (spells_of(loan.loan_id), steps_of(loan.loan_id)["notice"], state_of(message_of(loan.loan_id, "notice")))
    with unit_of_work() as work:
        resume_escalation(work, escalation_id, staff=staff(loan), now=day(61))
    look_at(loan.borrower_id, now=day(61))

    assert stopped == ([(1, "stopped", None)], ("stopped", "STOPPED_BY_PERSON"), "cancelled")
    assert steps_of(loan.loan_id)["notice"] == ("handed_over", "AWAITS_DELIVERY")


def test_what_a_person_stopped_ends_when_it_is_paid_and_may_begin_anew(app: Flask) -> None:
    lender = build_lender(now=START)
    put_in_force(lender, now=START)
    loan = build_loan(now=START, due=[DUE, DUE + 31 * DAY], lender_id=lender)
    look_at(loan.borrower_id, now=day(5))
    with unit_of_work() as work:
        stop_escalation(work, escalation_of(loan), reason="business_decision", staff=staff(loan), now=day(6))

    pay(loan, 10_000, now=day(7))
    look_at(loan.borrower_id, now=day(7))
    look_at(loan.borrower_id, now=day(36))

    assert spells_of(loan.loan_id) == [(1, "ended", "CURED"), (2, "open", None)]


def test_a_report_is_not_started_without_a_bureau_and_says_so(app: Flask) -> None:
    loan = a_late_loan(steps=up_to_report())
    bureau_id = enable(loan.lender_id, now=START)
    look_at(loan.borrower_id, now=day(5))
    proof_of(loan.loan_id, "notice", at=day(7))
    with unit_of_work() as work:
        end_bureau(work, loan.lender_id, bureau_id, by="staff:Ann", now=day(8))
    look_at(loan.borrower_id, now=day(17))
    unconsidered = steps_of(loan.loan_id)["report"]
    with unit_of_work() as work:
        record_forbearance(work, escalation_of(loan), outcome="not_appropriate", staff=staff(loan), now=day(17))
    look_at(loan.borrower_id, now=day(17))

    assert unconsidered == ("stopped", "FORBEARANCE_NOT_CONSIDERED")
    assert steps_of(loan.loan_id)["report"] == ("stopped", "LENDER_NOT_ENABLED")


def test_a_report_is_started_when_every_gate_is_open(app: Flask) -> None:
    loan = a_late_loan(steps=up_to_report())
    enable(loan.lender_id, now=START)
    look_at(loan.borrower_id, now=day(5))
    proof_of(loan.loan_id, "notice", at=day(7))
    with unit_of_work() as work:
        record_forbearance(work, escalation_of(loan), outcome="offered", staff=staff(loan), now=day(17))

    look_at(loan.borrower_id, now=day(17))

    assert steps_of(loan.loan_id)["report"] == ("done", "ON_SCHEDULE")
    with reading() as session:
        assert session.scalar(select(CreditEnrolmentRow.loan_id)) == loan.loan_id


def test_one_who_cannot_be_looked_at_does_not_hold_up_the_others(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    good = a_late_loan()
    bad = build_loan(now=START, due=[DUE], lender_id=good.lender_id)
    real = escalations.load_escalations

    def load(session: Any, borrower_ids: Any, *args: Any, **given: Any) -> Any:
        if bad.borrower_id in borrower_ids:
            raise RuntimeError("a defect")
        return real(session, borrower_ids, *args, **given)

    monkeypatch.setattr(escalations, "load_escalations", load)
    look_at_all(now=day(5))

    assert spells_of(good.loan_id) == [(1, "open", None)]
    assert spells_of(bad.loan_id) == []


def test_statements_do_not_grow_with_the_batch(app: Flask) -> None:
    loan = a_late_loan()
    others = [build_loan(now=START, due=[DUE], lender_id=loan.lender_id).borrower_id for _ in range(25)]

    few = statements(lambda: look_at(loan.borrower_id, now=day(5)))
    many = statements(lambda: look_at(*others, now=day(5)))

    assert many <= few + 2


def test_why_is_told_of_steps_whose_turn_has_not_come(app: Flask) -> None:
    loan = a_late_loan()
    look_at(loan.borrower_id, now=day(5))

    with reading() as session:
        found = explain_loan(session, loan.borrower_id, loan.loan_id, now=day(6))
        nobody = explain_loan(session, loan.borrower_id, loan.loan_id, now=day(6))

    assert found is not None
    assert nobody == found
    assert [(step.key, step.outcome, step.reason) for step in found.steps] == [
        ("notice", "handed_over", "AWAITS_DELIVERY"),
        ("letter", "waiting", "NOTICE_NOT_DELIVERED"),
    ]


def test_a_notice_names_no_report_that_the_lender_cannot_make(app: Flask) -> None:
    loan = a_late_loan(steps=up_to_report())
    look_at(loan.borrower_id, now=day(5))
    before = steps_of(loan.loan_id)["notice"]
    enable(loan.lender_id, now=day(6))
    look_at(loan.borrower_id, now=day(6))

    assert before == ("stopped", "LENDER_NOT_ENABLED")
    assert steps_of(loan.loan_id)["notice"] == ("handed_over", "AWAITS_DELIVERY")


def test_a_notice_that_comes_back_after_it_was_told_as_delivered_carries_no_further_step(app: Flask) -> None:
    loan = a_late_loan()
    look_at(loan.borrower_id, now=day(5))
    proof_of(loan.loan_id, "notice", at=day(6), kind="registered_post")
    look_at(loan.borrower_id, now=day(6))
    arrived = steps_of(loan.loan_id)["notice"]
    came_back(loan, at=day(8))
    look_at(loan.borrower_id, now=day(16))

    assert arrived[0] == "delivered"
    assert steps_of(loan.loan_id)["notice"] == ("handed_over", "AWAITS_DELIVERY")  # served a second time
    assert steps_of(loan.loan_id)["letter"] == ("waiting", "NOTICE_NOT_DELIVERED")


def test_a_case_that_nobody_takes_over_is_not_offered_again_the_same_day(app: Flask) -> None:
    notice, _ = a_document()["steps"]
    refer = {"key": "refer", "kind": "referral", "days_past_due": 5, "after": {"step": "notice", "days": 0},
             "secured_only": True, "needs": ["forbearance"]}  # fmt: skip
    loan = a_late_loan(steps=[{**notice, "kind": "collateral_notice", "secured_only": True}, refer])
    a_pledge(loan, now=START)
    look_at(loan.borrower_id, now=day(5))
    proof_of(loan.loan_id, "notice", at=day(6))
    with unit_of_work() as work:
        record_forbearance(work, escalation_of(loan), outcome="offered", staff=staff(loan), now=day(6))

    looks = [look_at_due(now=day(7)) for _ in range(3)]

    assert looks == [1, 0, 0]
    assert steps_of(loan.loan_id)["refer"] == ("stopped", "LAW")  # as whoever takes such cases over says


def came_back(loan: Built, *, at: datetime) -> None:
    with unit_of_work() as work:
        work.session.add(
            LetterRow(
                id=new_id(), borrower_id=loan.borrower_id, message_id=message_of(loan.loan_id, "notice"), jurisdiction="CN",
                template="letter_arrears", locale="en", pages=1, sha256="0" * 64, pdf_sealed=b"", state="returned",
                created_at=at, changed_at=at, returned_at=at,
            )
        )  # fmt: skip


# -- what the tests are made with --------------------------------------------------------------------------------------


def with_approval(people: int) -> list[dict[str, Any]]:
    step, _ = a_document()["steps"]
    return [{**step, "approval": {"people": people}}]


def up_to_report() -> list[dict[str, Any]]:
    notice = {"kind": "negative_info_notice", "template": "letter_arrears"}
    return [
        {"key": "notice", "kind": "pre_report_notice", "days_past_due": 5, "notice": notice},
        {"key": "report", "kind": "report", "days_past_due": 10, "after": {"step": "notice", "days": 10},
         "register": "credit", "needs": ["forbearance"]},
    ]  # fmt: skip


def staff(loan: Built, by: str = "Ann", role: str = "supervisor") -> DeskStaff:
    return DeskStaff(f"staff:{by}", role, loan.lender_id)


def approve(loan: Built, *, by: str, now: datetime, role: str = "supervisor") -> Approved:
    with unit_of_work() as work:
        return approve_steps(work, step_ids(loan), staff=staff(loan, by, role), now=now)


def step_ids(loan: Built) -> list[str]:
    with reading() as session:
        return list(session.scalars(select(EscalationStepRow.id).where(EscalationStepRow.loan_id == loan.loan_id)))


def escalation_of(loan: Built) -> str:
    with reading() as session:
        return session.scalars(select(EscalationRow.id).where(EscalationRow.loan_id == loan.loan_id)).one()


def state_of(message_id: str) -> str:
    with reading() as session:
        return session.get_one(MessageRow, message_id).state


def hold(loan: Built, kind: str, *, now: datetime) -> str:
    with unit_of_work() as work:
        return put_hold(work, loan.borrower_id, HoldValues(kind), teller=Teller("core", loan.lender_id), now=now).id


def statements(act: Callable[[], None]) -> int:
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return count
