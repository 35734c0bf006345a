"""A mandate and a loan's `autopay` always say the same, whoever spoke last."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import LoanValues, PutResult
from app.domain.errors import ConflictError, NotFoundError, StaleVersionError
from app.domain.mandates import DrawValues, MandateState, MandateValues
from app.persistence.db import session
from app.persistence.models.loans import LoanRow
from app.persistence.models.mandates import MandateDrawRow, PaymentMandateRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import unit_of_work
from app.services.loans import put_loan
from app.services.mandates import put_mandate, record_draw, revoke_mandate
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.parallel import meet
from tests.conftest import START

DUE = [date(2026, 3, 4), date(2026, 4, 4)]
DAY = START.date()


def a_loan() -> Built:
    return build_loan(now=START, due=DUE)


def put(loan: Built, state: str, reference: str = "M1", *, version: int | None = None, days: int = 0) -> PutResult:
    values = MandateValues(MandateState(state), reference)
    with unit_of_work() as work:
        return put_mandate(
            work, loan.lender_id, loan.loan_no, values,
            by="ingest", now=START + timedelta(days=days), source_version=version,
        )  # fmt: skip


def draw(loan: Built, reference: str, outcome: str, *, on: date = DAY, retry_on: date | None = None) -> PutResult:
    values = DrawValues(reference, on, outcome, "insufficient_funds" if outcome == "failed" else None, retry_on)
    with unit_of_work() as work:
        return record_draw(work, loan.lender_id, loan.loan_no, values, by="ingest", now=START)


def tell_loan(loan: Built, *, autopay: bool, product: str | None = None) -> None:
    values = LoanValues(loan.loan_no, loan.borrower_no, "USD", autopay=autopay, product=product)
    with unit_of_work() as work:
        put_loan(work, loan.lender_id, values, now=START, origin="ingest")


def said(loan: Built) -> tuple[str, bool]:
    session().rollback()
    state = session().scalar(select(PaymentMandateRow.state).order_by(PaymentMandateRow.id.desc()))
    autopay = session().scalar(select(LoanRow.autopay).where(LoanRow.id == loan.loan_id))
    return state or "", bool(autopay)


def events() -> list[str]:
    session().rollback()
    return list(session().scalars(select(WebhookEventRow.type).order_by(WebhookEventRow.id)))


def test_an_active_mandate_says_that_instalments_are_drawn(sqlite_book: Flask) -> None:
    loan = a_loan()

    assert put(loan, "pending").created
    assert said(loan) == ("pending", False)
    assert put(loan, "active").changed
    assert said(loan) == ("active", True)
    assert not put(loan, "active").changed
    assert events() == ["mandate.pending.v1", "mandate.active.v1"]


def test_the_first_drawing_that_fails_ends_the_expectation_and_one_that_succeeds_brings_it_back(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active")

    draw(loan, "D1", "failed", retry_on=date(2026, 3, 5))
    assert said(loan) == ("failing", False)
    draw(loan, "D2", "failed")
    assert said(loan) == ("failed", False)
    row = session().scalars(select(PaymentMandateRow)).one()
    assert (row.failures, row.failure_code, row.failed_at, row.retry_on) == (2, "insufficient_funds", START, None)
    draw(loan, "D3", "succeeded")

    assert said(loan) == ("active", True)
    assert session().scalars(select(PaymentMandateRow.failures)).one() == 0


def test_each_failed_try_is_told_once_however_often_the_core_says_it(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active")

    for reference in ("D1", "D1", "D2"):
        draw(loan, reference, "failed", retry_on=date(2026, 3, 5))

    assert events() == ["mandate.active.v1", "mandate.failing.v1", "mandate.failing.v1"]
    assert session().scalars(select(PaymentMandateRow.failures)).one() == 2
    with pytest.raises(ConflictError, match="D1"):
        draw(loan, "D1", "succeeded")


def test_a_drawing_told_late_changes_the_record_alone(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active")
    draw(loan, "D2", "succeeded")

    draw(loan, "D1", "failed", on=date(2026, 3, 1))

    assert said(loan) == ("active", True)
    assert session().scalars(select(MandateDrawRow.reference).order_by(MandateDrawRow.drawn_on)).all() == ["D1", "D2"]


def test_another_reference_is_another_mandate_and_ends_the_one_before(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active", "M1")

    put(loan, "pending", "M2", days=1)

    session().rollback()
    rows = session().execute(select(PaymentMandateRow.reference, PaymentMandateRow.state).order_by(PaymentMandateRow.id))
    assert [tuple(row) for row in rows] == [("M1", "ended"), ("M2", "pending")]
    assert said(loan) == ("pending", False)


def test_a_revoked_mandate_is_not_drawn_nor_brought_back(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active")

    for _ in range(2):
        with unit_of_work() as work:
            revoke_mandate(work, loan.borrower_id, loan.loan_id, by="borrower", now=START)

    assert said(loan) == ("revoked", False)
    assert events() == ["mandate.active.v1", "mandate.revoked.v1"]
    with pytest.raises(ConflictError, match="reference of its own"):
        put(loan, "active")
    with pytest.raises(ConflictError, match="revoked"):
        draw(loan, "D1", "succeeded")
    assert put(loan, "active", "M2", days=1).created
    assert said(loan) == ("active", True)


def test_a_loan_put_again_with_the_autopay_it_had_says_nothing_new(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active")
    tell_loan(loan, autopay=False, product="nightly feed")
    assert said(loan) == ("active", True)

    draw(loan, "D1", "failed")
    tell_loan(loan, autopay=False, product="another night")

    assert said(loan) == ("failed", False)


def test_a_failure_outlasts_a_nightly_feed_that_always_says_autopay(sqlite_book: Flask) -> None:
    loan = a_loan()
    tell_loan(loan, autopay=True)
    put(loan, "active")
    draw(loan, "D1", "failed")

    tell_loan(loan, autopay=True, product="nightly feed")

    assert said(loan) == ("failed", False)


def test_a_new_word_of_the_loan_is_the_newest_and_the_mandate_follows(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active")
    draw(loan, "D1", "failed")

    tell_loan(loan, autopay=True)
    assert said(loan) == ("active", True)
    tell_loan(loan, autopay=False)
    assert said(loan) == ("ended", False)
    tell_loan(loan, autopay=True)
    assert said(loan) == ("ended", True)


def test_a_revocation_outlasts_a_nightly_feed_that_always_says_autopay(sqlite_book: Flask) -> None:
    loan = a_loan()
    tell_loan(loan, autopay=True)
    put(loan, "active")
    with unit_of_work() as work:
        revoke_mandate(work, loan.borrower_id, loan.loan_id, by="borrower", now=START)

    tell_loan(loan, autopay=True, product="nightly feed")

    assert said(loan) == ("revoked", False)


def test_an_older_word_of_the_core_is_refused(sqlite_book: Flask) -> None:
    loan = a_loan()
    put(loan, "active", version=5)

    with pytest.raises(StaleVersionError, match="5"):
        put(loan, "failed", version=4)
    assert said(loan) == ("active", True)


def test_what_nobody_knows_is_not_found(sqlite_book: Flask) -> None:
    loan = a_loan()
    other = build_lender(now=START, code="other")

    with pytest.raises(NotFoundError), unit_of_work() as work:
        put_mandate(work, other, loan.loan_no, MandateValues(MandateState.ACTIVE, "M1"), by="ingest", now=START)
    with pytest.raises(NotFoundError):
        put(loan, "ended")
    with pytest.raises(NotFoundError):
        draw(loan, "D1", "failed")
    with pytest.raises(NotFoundError), unit_of_work() as work:
        revoke_mandate(work, loan.borrower_id, loan.loan_id, by="borrower", now=START)


def test_a_failure_told_many_times_at_once_counts_once(app: Flask) -> None:
    loan = a_loan()
    put(loan, "active")

    results = meet(app, 12, lambda _: draw(loan, "D1", "failed"))

    assert sum(result.created for result in results) == 1
    assert said(loan) == ("failed", False)
    assert session().scalars(select(PaymentMandateRow.failures)).one() == 1
    assert events() == ["mandate.active.v1", "mandate.failed.v1"]


def test_mandates_put_at_once_leave_one_that_lives(app: Flask) -> None:
    loan = a_loan()

    meet(app, 8, lambda n: put(loan, "active", f"M{n}"))

    session().rollback()
    states = session().scalars(select(PaymentMandateRow.state)).all()
    assert sorted(states) == ["active", *["ended"] * 7]
