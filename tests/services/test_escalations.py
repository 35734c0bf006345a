"""Arrears go further step by step: each by a policy, after proof that the one before arrived, and with a reason when not."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask

from app.services.escalations import look_at_all
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.escalations import look_at, message_of, proof_of, put_in_force, spells_of, steps_of

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
