"""One loan on the command line: its statement as a table, as JSON and as a PDF."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from pypdf import PdfReader

from app.persistence.db import db
from app.persistence.unit_of_work import unit_of_work
from app.services.payments import record_payment
from tests.builders.book_values import payment_values
from tests.builders.stored_book import stored_loan
from tests.conftest import START

FEBRUARY = ("loan", "statement", "L1", "--lender", "acme", "--from", "2026-02-01", "--to", "2026-02-28")


def _run(app: Flask, *arguments: str) -> tuple[int, str]:
    db.session.remove()
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def book(sqlite_book: Flask) -> Flask:
    """A loan whose first instalment was paid on its day."""
    lender_id = stored_loan()
    with unit_of_work() as work:
        record_payment(work, lender_id, payment_values(), now=START, origin="test")
    return sqlite_book


def test_a_statement_is_printed_from_opening_to_closing(book: Flask) -> None:
    code, output = _run(book, *FEBRUARY)

    rows = [line.split("\t") for line in output.splitlines()]
    assert code == 0
    assert rows[0][:5] == ["on", "kind", "amount_minor", "principal_minor", "interest_minor"]
    assert [row[:5] for row in rows[1:]] == [
        ["2026-01-31", "opening", "-", "30000", "0"],
        ["2026-02-01", "instalment_due", "10500", "0", "500"],
        ["2026-02-01", "repayment", "10500", "-10000", "-500"],
        ["-", "total instalment_due", "10500", "0", "500"],
        ["-", "total repayment", "10500", "-10000", "-500"],
        ["2026-02-28", "closing", "-", "20000", "0"],
    ]
    assert rows[3][-1] == "P1"


def test_a_statement_as_json_says_of_what_it_is(book: Flask) -> None:
    code, output = _run(book, *FEBRUARY, "--known-at", "2026-01-15T00:00:00Z", "--json")

    told = json.loads(output)
    assert code == 0
    assert (told["loan"], told["from"], told["to"], told["currency"]) == ("L1", "2026-02-01", "2026-02-28", "USD")
    assert [line["kind"] for line in told["lines"]] == ["opening", "instalment_due", "total instalment_due", "closing"]


def test_a_statement_is_written_as_pdf_with_its_hash(book: Flask, tmp_path: Path) -> None:
    path = tmp_path / "statement.pdf"

    code, output = _run(book, *FEBRUARY, "--pdf", str(path), "--locale", "zh-CN")

    assert code == 0
    assert hashlib.sha256(path.read_bytes()).hexdigest() in output
    assert "期末余额" in PdfReader(BytesIO(path.read_bytes())).pages[0].extract_text()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (("loan", "statement", "L9", "--lender", "acme"), "There is no such loan."),
        (("loan", "statement", "L1", "--lender", "nobody"), "There is no lender 'nobody'"),
        ((*FEBRUARY[:-1], "2026-03-03"), "to is after today"),
        ((*FEBRUARY, "--known-at", "soon"), "is not an instant"),
        ((*FEBRUARY, "--pdf", "/nowhere/at/all.pdf"), "cannot be written"),
    ],
)
def test_a_refusal_says_why(book: Flask, changes: tuple[str, ...], reason: str) -> None:
    code, output = _run(book, *changes)

    assert code == 1
    assert reason in output
