"""flask why, flask reasons and flask template on the command line."""

import json
from datetime import timedelta

import pytest
from flask import Flask

from app.persistence.db import db
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.book import build_loan
from tests.conftest import START


def _run(app: Flask, *arguments: str) -> tuple[int, str]:
    db.session.remove()
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def book(sqlite_book: Flask) -> Flask:
    ensure_default_policy(now=START)
    build_loan(now=START, due=[START.date() + timedelta(days=3)], borrower_no="B-7", loan_no="L-7")
    sweep(now=START + timedelta(hours=1))
    return sqlite_book


def test_one_borrower_is_told_in_words(book: Flask) -> None:
    code, output = _run(book, "why", "B-7", "--on", "2026-03-02")

    assert code == 0
    assert output.startswith("Borrower B-7 on 2026-03-02: contacted.")
    assert "> d-3      2026-03-02 SENT           Sent: the step's time had come and nothing stood in the way." in output
    assert "can be changed by: the author and the approver of the reminder policy" in output


def test_the_same_as_json_and_in_chinese(book: Flask) -> None:
    code, output = _run(book, "why", "B-7", "--on", "2026-03-02", "--json", "--lang", "zh-CN")

    assert code == 0
    steps = json.loads(output)["loans"][0]["subjects"][0]["steps"]
    assert [step["sentence"][:3] for step in steps if step["step"] == "d-3"] == ["已发送"]


def test_whom_a_reason_touched(book: Flask) -> None:
    code, output = _run(book, "why", "--reason", "on_schedule", "--since", "2026-03-01", "--lender", "acme")

    assert code == 0
    assert "B-7" in output
    assert output.splitlines()[-1] == "1 decision(s) of 1 borrower(s) touched by ON_SCHEDULE."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("why",), "Name a borrower"),
        (("why", "B-0"), "There is no borrower B-0."),
        (("why", "--reason", "NO_SUCH", "--since", "2026-03-01"), "There is no reason"),
        (("why", "--reason", "PAID"), "--reason needs --since"),
        (("why", "B-7", "--lender", "nobody"), "There is no lender"),
        (("reasons", "show", "PAYD"), "Did you mean PAID?"),
        (("template", "check", "--jurisdiction", "XX"), "There is no law pack"),
    ],
)
def test_what_cannot_be_answered_says_why(book: Flask, arguments: tuple[str, ...], says: str) -> None:
    code, output = _run(book, *arguments)

    assert code != 0
    assert says in output


def test_reasons_are_listed_and_shown(book: Flask) -> None:
    assert "PAID " in _run(book, "reasons", "list", "--owner", "debt")[1]
    assert "changed by  whoever records payments" in _run(book, "reasons", "show", "paid")[1]


def test_our_texts_pass_and_a_collectors_duties_are_named(book: Flask) -> None:
    code, output = _run(book, "template", "check")
    assert (code, output) == (0, "No problems in 372 texts, 6 law pack(s), first_party.\n")

    code, output = _run(book, "template", "check", "--jurisdiction", "US", "--role", "third_party_collector")
    assert code == 1
    assert "12 CFR 1006.18(e)" in output
