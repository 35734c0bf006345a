"""What becomes of steps that wait, and of notices under way, when another version of the policy comes into force."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.errors import ValidationError
from app.persistence.models.escalations import EscalationPolicyRow, EscalationRow, EscalationStepRow
from app.persistence.models.messages import MessageRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.desk_payments import DeskStaff
from app.services.escalation_approvals import approve_steps, stop_escalation
from app.services.escalation_policies import retire, save_draft
from app.services.escalations import look_at_all
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.escalations import a_document, look_at, message_of, proof_of, put_in_force, steps_of

pytestmark = pytest.mark.both
START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DUE = date(2026, 3, 10)
DAY = timedelta(days=1)
NOTICE, LETTER = a_document()["steps"]


def day(number: int) -> datetime:
    """Noon, so many days after the instalment was due."""
    return datetime(2026, 3, 10, 12, 0, tzinfo=UTC) + number * DAY


def a_late_loan(*steps: dict[str, Any]) -> Built:
    lender = build_lender(now=START)
    put_in_force(lender, now=START, steps=list(steps))
    return build_loan(now=START, due=[DUE], lender_id=lender)


def test_a_yes_to_a_step_of_one_version_is_none_to_that_of_the_next(app: Flask) -> None:
    loan = a_late_loan({**NOTICE, "approval": {"people": 1}})
    look_at(loan.borrower_id, now=day(5))
    approve(loan, now=day(5))
    replaced(loan, {**NOTICE, "approval": {"people": 1}, "notice": {**NOTICE["notice"], "kind": "repayment_letter"}},
             now=day(6))  # fmt: skip

    look_at(loan.borrower_id, now=day(6))
    lapsed = steps_of(loan.loan_id)
    approve(loan, now=day(7))
    look_at(loan.borrower_id, now=day(7))

    assert steps_of(loan.loan_id) == {"notice": ("handed_over", "AWAITS_DELIVERY")}
    assert lapsed == {"notice": ("needs_approval", "APPROVAL_LAPSED")}


def test_a_notice_counts_for_no_step_of_another_kind_that_has_its_key(app: Flask) -> None:
    loan = a_late_loan(NOTICE)
    look_at(loan.borrower_id, now=day(5))
    proof_of(loan.loan_id, "notice", at=day(6))
    look_at(loan.borrower_id, now=day(6))
    replaced(loan, {**NOTICE, "kind": "repayment_letter", "notice": {**NOTICE["notice"], "kind": "repayment_letter"}},
             {**LETTER, "after": {"step": "notice", "days": 1}}, now=day(20))  # fmt: skip

    look_at(loan.borrower_id, now=day(20))

    assert steps_of(loan.loan_id) == {"notice": ("delivered", "ON_SCHEDULE")}


def test_a_key_stands_for_one_kind_of_step_in_all_that_was_approved(app: Flask) -> None:
    loan = a_late_loan(NOTICE)
    other = a_document(version=2, steps=[{**NOTICE, "kind": "repayment_letter"}])

    with pytest.raises(ValidationError) as refused, unit_of_work() as work:
        save_draft(work, loan.lender_id, other, by="staff:Ann", now=START)

    (error,) = refused.value.errors
    assert (error.pointer, error.detail) == (
        "/steps/0/key",
        "notice is of kind arrears_notice in test v1; give this step another key.",
    )


def test_a_notice_that_no_version_in_force_asks_for_does_not_leave(app: Flask) -> None:
    loan = a_late_loan(NOTICE)
    look_at(loan.borrower_id, now=day(5))
    replaced(loan, {**NOTICE, "key": "other", "days_past_due": 30}, now=day(5))

    look_at(loan.borrower_id, now=day(5))

    assert state_of(message_of(loan.loan_id, "notice")) == "cancelled"


def test_of_a_policy_that_was_retired_no_notice_leaves(app: Flask) -> None:
    loan = a_late_loan(NOTICE)
    look_at(loan.borrower_id, now=day(5))
    retired(loan, now=day(6))

    look_at_all(now=day(6))
    message_id = message_of(loan.loan_id, "notice")

    assert state_of(message_id) == "cancelled"
    assert steps_of(loan.loan_id) == {"notice": ("stopped", "NO_POLICY")}


def test_a_version_that_comes_back_goes_on_where_it_stood(app: Flask) -> None:
    loan = a_late_loan(NOTICE)
    look_at(loan.borrower_id, now=day(5))
    taken_back = message_of(loan.loan_id, "notice")
    retired(loan, now=day(6))
    look_at_all(now=day(6))
    put_in_force(loan.lender_id, now=day(7), version=3, steps=[NOTICE])

    look_at(loan.borrower_id, now=day(7))

    assert steps_of(loan.loan_id) == {"notice": ("handed_over", "AWAITS_DELIVERY")}
    assert message_of(loan.loan_id, "notice") != taken_back


def test_what_a_person_stopped_stays_stopped_without_a_policy(app: Flask) -> None:
    loan = a_late_loan(NOTICE)
    look_at(loan.borrower_id, now=day(5))
    with unit_of_work() as work:
        (escalation_id,) = work.session.scalars(select(EscalationRow.id))
        stop_escalation(work, escalation_id, reason="amount_in_doubt", staff=ann(loan), now=day(5))
    retired(loan, now=day(6))

    look_at_all(now=day(6))

    assert steps_of(loan.loan_id) == {"notice": ("stopped", "STOPPED_BY_PERSON")}


def approve(loan: Built, *, now: datetime) -> None:
    with unit_of_work() as work:
        ids = list(work.session.scalars(select(EscalationStepRow.id).where(EscalationStepRow.loan_id == loan.loan_id)))
        approve_steps(work, ids, staff=ann(loan), now=now)


def ann(loan: Built) -> DeskStaff:
    return DeskStaff("staff:Ann", "supervisor", loan.lender_id)


def replaced(loan: Built, *steps: dict[str, Any], now: datetime) -> None:
    retired(loan, now=now)
    put_in_force(loan.lender_id, now=now, version=2, steps=list(steps))


def retired(loan: Built, *, now: datetime) -> None:
    with unit_of_work() as work:
        row = work.session.scalars(select(EscalationPolicyRow).where(EscalationPolicyRow.status == "active")).one()
        retire(work, row, by="staff:Bob", now=now)


def state_of(message_id: str) -> str:
    with reading() as session:
        return session.get_one(MessageRow, message_id).state
