"""Credit reports in the console: months with their counts and reasons, a second person, corrections, bureaus."""

import hashlib
from typing import Any

from flask import Flask

from app.persistence.db import db
from app.persistence.models.credit_reports import CreditBureauRow, CreditSnapshotRow
from app.persistence.unit_of_work import unit_of_work
from app.services.credit_statements import put_statement
from tests.builders.book import build_lender
from tests.builders.credit import a_snapshot, delivered, enable
from tests.builders.desk import Seat, a_seat
from tests.conftest import START
from tests.services.test_credit_snapshots import DAY, LATE, a_loan, enrol, freeze


def seats(app: Flask, lender: str) -> tuple[Seat, Seat, Seat]:
    def seat(**given: Any) -> Seat:
        return a_seat(app, lender, now=START, **given)

    return seat(name="Bo", role="agent"), seat(name="Ann", role="supervisor"), seat(name="Cy", role="compliance")


def a_lender() -> str:
    return build_lender(now=START, jurisdiction="CN", currency="CNY", licence_kind="consumer_finance", zone="Asia/Shanghai")


def test_a_month_is_read_by_everybody_and_approved_by_compliance(sqlite_book: Flask) -> None:
    lender = a_lender()
    a_loan(lender, LATE)
    agent, _, compliance = seats(sqlite_book, lender)
    snapshot_id = a_snapshot(lender, now=START)

    shown = agent.page("/credit-reports")
    one = agent.page(f"/credit-reports/{snapshot_id}")
    refused = agent.send(f"/credit-reports/{snapshot_id}", decision="approve")
    done = compliance.send(f"/credit-reports/{snapshot_id}", decision="approve")

    assert "Waits for approval" in shown.text
    assert "Not enrolled as this" in one.text
    assert refused.status_code == 403
    assert done.status_code == 303
    db.session().rollback()
    assert db.session().get_one(CreditSnapshotRow, snapshot_id).state == "approved"


def test_a_bureau_is_asked_for_by_one_and_approved_by_another(sqlite_book: Flask) -> None:
    lender = a_lender()
    _, supervisor, compliance = seats(sqlite_book, lender)
    asked = supervisor.send(
        "/credit-reports/bureaus", bureau="PBOC", format="pboc", furnisher_code="91310000123456", furnisher_name="Acme",
        furnisher_address="310000", lead_days="3",
    )  # fmt: skip
    db.session().rollback()
    (row,) = db.session().query(CreditBureauRow).all()
    done = compliance.send(f"/credit-reports/bureaus/{row.id}", "/credit-reports/bureaus", decision="approve")
    frozen = supervisor.send("/credit-reports", bureau="PBOC", as_of="2026-02-28")

    assert (asked.status_code, done.status_code, frozen.status_code) == (303, 303, 303)
    assert "In force" in supervisor.page("/credit-reports/bureaus").text


def test_a_month_that_is_not_over_is_refused_in_the_form(sqlite_book: Flask) -> None:
    lender = a_lender()
    _, supervisor, _ = seats(sqlite_book, lender)
    a_snapshot(lender, now=START)

    answer = supervisor.send("/credit-reports", bureau="PBOC", as_of="2026-03-31")

    assert answer.status_code == 422
    assert "not over" in answer.text


def test_a_senior_takes_the_file_out_and_its_hash_is_shown(sqlite_book: Flask) -> None:
    lender = a_lender()
    loan = a_loan(lender, LATE)
    delivered(loan, START - 20 * DAY)
    _, supervisor, compliance = seats(sqlite_book, lender)
    enable(lender, now=START - 30 * DAY)
    enrol(loan)
    snapshot_id = freeze(lender)
    one = f"/credit-reports/{snapshot_id}"
    compliance.send(one, decision="approve")

    given = supervisor.send(f"{one}/file", one)

    assert given.status_code == 200
    assert "张伟".encode() in given.data
    assert hashlib.sha256(given.data).hexdigest() in supervisor.page(one).text


def test_nothing_to_tell_is_said_on_the_page(sqlite_book: Flask) -> None:
    lender = a_lender()
    a_loan(lender, LATE)
    _, supervisor, compliance = seats(sqlite_book, lender)
    one = f"/credit-reports/{a_snapshot(lender, now=START)}"
    compliance.send(one, decision="approve")

    assert supervisor.send(f"{one}/file", one).status_code == 422


def test_the_borrowers_own_words_stand_beside_what_was_told(sqlite_book: Flask) -> None:
    lender = a_lender()
    loan = a_loan(lender, LATE)
    agent, *_ = seats(sqlite_book, lender)
    with unit_of_work() as work:
        put_statement(work, loan.borrower_id, loan.loan_id, "I was in hospital.", now=START)

    own = f"/borrowers/{loan.borrower_no}"
    agent.send(f"{own}/opening", on=own, reason="caller")
    page = agent.page(f"{own}/loans/{loan.loan_no}/credit-reports")

    assert "I was in hospital." in page.text
