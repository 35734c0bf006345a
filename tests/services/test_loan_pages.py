"""A loan at the desk: today as the borrower sees it, and a past day as it was shown then and as it is known now."""

from datetime import date, timedelta

import pytest
from flask import Flask

from app.domain.book import PaymentValues
from app.domain.errors import NotFoundError, ValidationError
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.loan_pages import LoanPage, PastDay, loan_page, past_day
from app.services.payments import record_payment
from app.web.reads import reads
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.conftest import START

DUE = [START.date() - timedelta(days=30), START.date() + timedelta(days=1)]


def a_loan() -> Built:
    return build_loan(now=START - timedelta(days=60), due=DUE)


def the_page(loan: Built, **given: object) -> LoanPage:
    with reading() as session:
        asked = {"lender_id": loan.lender_id, "now": START, **given}
        return loan_page(session, reads(), loan.borrower_id, loan.loan_no, **asked)  # type: ignore[arg-type]


def the_day(loan: Built, on: date) -> PastDay:
    with reading() as session:
        return past_day(session, reads(), loan.borrower_id, loan.loan_no, on, lender_id=loan.lender_id, now=START)


@pytest.mark.both
def test_a_payment_known_late_is_in_one_view_of_the_past_and_not_in_the_other(app: Flask) -> None:
    loan, paid_on = a_loan(), START - timedelta(days=20)
    values = PaymentValues("R1", loan.loan_no, 10_000, "USD", paid_on.date())
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=START - timedelta(days=2), origin="test")

    with app.test_request_context():
        day = the_day(loan, paid_on.date())
        later = the_day(loan, START.date() - timedelta(days=1))

    assert (day.then.position.overdue_minor, day.now.position.overdue_minor) == (10_000, 0)
    assert (day.changed_rows, day.differs) == ({1}, True)
    assert [row.state for row in day.then.rows] == ["overdue", "upcoming"]
    assert [row.state for row in day.now.rows] == ["paid", "upcoming"]
    assert [entry.amount_minor for entry in day.learnt] == [10_000]
    assert (later.differs, later.learnt) == (False, [])


def test_today_is_not_a_day_of_the_past(sqlite_book: Flask) -> None:
    with sqlite_book.test_request_context(), pytest.raises(ValidationError):
        the_day(a_loan(), START.date())


def test_payments_come_newest_first_page_by_page(sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.loan_pages.PAYMENTS", 2)
    loan = a_loan()
    for days in (5, 4, 3):
        pay(loan, 100, now=START - timedelta(days=days), reference=f"R{days}")

    with sqlite_book.test_request_context():
        first = the_page(loan)
        second = the_page(loan, before=first.resume)

    assert [each.entry.reference for each in first.payments] == ["R3", "R4"]
    assert ([each.entry.reference for each in second.payments], second.resume) == (["R5"], None)
    assert first.view.position.overdue_minor == 9_700


def test_another_lender_s_loan_is_not_there(sqlite_book: Flask) -> None:
    loan, other = a_loan(), build_lender(now=START, code="other")

    with sqlite_book.test_request_context(), pytest.raises(NotFoundError):
        the_page(loan, lender_id=other)
