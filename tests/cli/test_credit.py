"""A whole book is enrolled from the command line, page by page; who is good is told as good, who is late as late."""

from datetime import date, timedelta

from flask import Flask
from sqlalchemy import select

from app.persistence.db import db
from app.persistence.models.credit_reports import CreditEnrolmentRow
from tests.builders.book import build_lender, build_loan
from tests.builders.credit import delivered, enable
from tests.conftest import START

DAY = timedelta(days=1)


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    db.session.remove()
    result = app.test_cli_runner().invoke(args=["credit", *arguments])
    return result.exit_code, result.output


def test_a_book_is_enrolled_and_again_nothing_changes(sqlite_book: Flask) -> None:
    lender = build_lender(
        now=START, code="us", jurisdiction="US", role="first_party", role_reason="own", licence_kind="bank"
    )
    enable(lender, now=START, bureau="EXPERIAN", format="metro2")
    good = [build_loan(now=START - 90 * DAY, due=[date(2026, 9, 1)], lender_id=lender, country="US") for _ in range(3)]
    late = build_loan(now=START - 90 * DAY, due=[date(2026, 1, 1)], lender_id=lender, country="US")
    unnamed = build_loan(now=START - 90 * DAY, due=[date(2026, 1, 1)], lender_id=lender, country="US")
    delivered(late, START - 20 * DAY)

    negative = run(sqlite_book, "enrol", "--lender", "us", "--kind", "negative", "--by", "ann")
    positive = run(sqlite_book, "enrol", "--lender", "us", "--by", "ann")
    again = run(sqlite_book, "enrol", "--lender", "us", "--by", "ann")

    assert (negative[0], positive[0], again[0]) == (0, 0, 0)
    assert negative[1].splitlines() == ["NO_NOTICE_DELIVERED: 1", "enrolled: 1", "2 loans were asked about."]
    assert positive[1].splitlines() == ["enrolled: 4", "4 loans were asked about."]
    assert again[1].splitlines() == ["0 loans were asked about."]
    rows = {row.loan_id: row.kind for row in db.session().scalars(select(CreditEnrolmentRow))}
    assert rows == {
        **{loan.loan_id: "positive" for loan in good}, late.loan_id: "negative", unnamed.loan_id: "positive",
    }  # fmt: skip
