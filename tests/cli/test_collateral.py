"""Pledged things on the command line: listed masked, one shown with what it takes to get it back, the orders of law."""

from datetime import timedelta

import pytest
from flask import Flask

from app.persistence.db import db
from tests.builders.book import build_lender, build_loan
from tests.builders.collateral import a_pledge, tell
from tests.conftest import START

TODAY = START.date()


def run(app: Flask, *arguments: str) -> tuple[int, str]:
    db.session.remove()
    result = app.test_cli_runner().invoke(args=["collateral", *arguments])
    return result.exit_code, result.output


@pytest.fixture
def book(sqlite_book: Flask) -> Flask:
    lender = build_lender(now=START, code="cn", jurisdiction="CN", zone="UTC")
    loan = build_loan(now=START, due=[TODAY - timedelta(days=40)], loan_no="L1", lender_id=lender)
    a_pledge(loan, now=START, reference="V1", plate="粤B12345")
    tell(loan, "V1", "taken", TODAY, now=START, amount_minor=500)
    return sqlite_book


def test_things_are_listed_masked_with_days_and_costs(book: Flask) -> None:
    code, output = run(book, "list", "cn", "--state", "in_custody")

    assert code == 0
    assert output.splitlines()[0].split("\t")[:3] == ["V1", "vehicle", "in_custody"]
    assert "粤••••45" in output
    assert "粤B12345" not in output
    assert run(book, "list", "cn", "--state", "sold")[1] == "0 things.\n"


def test_one_is_shown_with_what_it_takes_to_get_it_back(book: Flask) -> None:
    code, output = run(book, "show", "cn", "V1")

    assert code == 0
    assert "in_custody" in output
    assert "To get it back today:" in output
    assert run(book, "show", "cn", "V9")[0] != 0
    assert run(book, "list", "nobody")[0] != 0
    assert run(book, "list", "cn", "--state", "gone")[0] != 0


def test_the_orders_say_their_source_and_grade(book: Flask) -> None:
    code, output = run(book, "orders")

    assert code == 0
    assert "UCC 9-615" in output
    assert "[P]" in output
