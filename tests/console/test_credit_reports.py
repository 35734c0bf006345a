"""Credit reports in the console: months with their counts and reasons, a second person, corrections, bureaus."""

from typing import Any

from flask import Flask

from app.persistence.db import db
from app.persistence.models.credit_reports import CreditBureauRow, CreditSnapshotRow
from tests.builders.book import build_lender
from tests.builders.credit import a_snapshot
from tests.builders.desk import Seat, a_seat
from tests.conftest import START
from tests.services.test_credit_snapshots import LATE, a_loan


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
