"""The book on the command line: files in, positions out, a reason and exit code 1 when refused."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.tapes import TapeValues
from app.persistence.db import db, session
from app.persistence.models.access import ApiKeyRow
from app.persistence.models.loans import LoanRow, PositionSnapshotRow
from app.persistence.unit_of_work import unit_of_work
from app.persistence.vault import token_hash
from app.services.book import differences
from app.services.contracts import mark_estimated
from app.services.lenders import get_lender
from app.services.loans import put_loan
from app.services.payments import record_payment
from app.services.tapes import put_tapes
from config import parse_keys
from tests.builders.book_values import loan_values, payment_values
from tests.builders.stored_book import position, stored_lender, stored_loan
from tests.conftest import START


def _run(app: Flask, *arguments: str) -> tuple[int, str]:
    db.session.remove()
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.output


def _lines(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_positions_are_one_object_a_line_with_exactly_these_fields(sqlite_book: Flask, tmp_path: Path) -> None:
    stored_loan()
    chosen = tmp_path / "loans.txt"
    chosen.write_text("L1\n")

    code, output = _run(sqlite_book, "book", "positions", "--as-of", "2026-03-02", "--loans", str(chosen), "--json")

    assert code == 0
    assert _lines(output) == [
        {
            "loan": "L1",
            "as_of": "2026-03-02",
            "currency": "USD",
            "outstanding_minor": 31000,
            "principal_outstanding_minor": 30000,
            "overdue_minor": 21000,
            "overdue_principal_minor": 20000,
            "days_past_due": 29,
            "bucket": "1-29",
            "next_due_on": "2026-04-01",
            "next_due_minor": 10500,
        }
    ]


def test_rows_tell_when_each_was_paid(sqlite_book: Flask) -> None:
    lender_id = stored_loan()
    with unit_of_work() as work:
        record_payment(work, lender_id, payment_values(), now=START, origin="test")

    _, output = _run(sqlite_book, "book", "rows", "--lender", "acme", "--json")

    assert _lines(output)[0] == {
        "loan": "L1",
        "row_no": 1,
        "due_on": "2026-02-01",
        "principal_minor": 10000,
        "interest_minor": 500,
        "paid_on": "2026-02-01",
    }
    assert [line["paid_on"] for line in _lines(output)] == ["2026-02-01", None, None]


def test_verify_finds_a_snapshot_that_was_tampered_with(sqlite_book: Flask) -> None:
    stored_loan()
    assert _run(sqlite_book, "book", "verify") == (0, "0 differences\n")
    with unit_of_work() as work:
        work.session.query(PositionSnapshotRow).update({"principal_balance_minor": 1})

    code, output = _run(sqlite_book, "book", "verify")

    assert (code, output) == (1, "L1\tsnapshot differs\n1 differences\n")


def test_a_refused_file_ends_with_its_reason(sqlite_book: Flask, tmp_path: Path) -> None:
    code, output = _run(sqlite_book, "book", "import", str(tmp_path / "none.csv"), "--map", "nonesuch")

    assert code == 1
    assert "There is no map 'nonesuch'" in output


def test_an_import_says_what_became_of_every_row(sqlite_book: Flask, tmp_path: Path) -> None:
    stored_loan()
    path = tmp_path / "payments.csv"
    path.write_text("payment_ref,loan_no,value_on,amount,kind\nP1,L1,2026-02-01,1.00,repayment\nP2,L9,2026-02-01,x,gift\n")

    code, output = _run(sqlite_book, "book", "import", str(path), "--map", "payments", "--lender", "acme")

    assert code == 0
    assert "2 data rows: 1 accepted, 0 duplicates ignored, 1 rejected" in output
    assert "rejected line 3, kind = 'gift'" in output


@pytest.mark.parametrize("command", ["unmatched", "adjustments", "without-contacts"])
def test_what_needs_a_person_is_listed(sqlite_book: Flask, command: str) -> None:
    lender_id = stored_loan()
    with unit_of_work() as work:
        record_payment(work, lender_id, payment_values(loan_no="L9"), now=START, origin="test")

    code, output = _run(sqlite_book, "book", command, "--json")

    assert code == 0
    shown = {"unmatched": "unknown-loan", "adjustments": "", "without-contacts": "B1"}
    assert shown[command] in output


def test_a_key_is_shown_once_and_stored_hashed(sqlite_book: Flask) -> None:
    stored_lender()

    code, output = _run(sqlite_book, "keys", "create", "--lender", "acme", "--scope", "ingest")
    secret = output.splitlines()[-1]
    key = session().query(ApiKeyRow).one()
    _, listed = _run(sqlite_book, "keys", "list")
    _run(sqlite_book, "keys", "revoke", key.id)

    assert code == 0
    assert key.key_hash == token_hash(secret)
    assert secret not in listed
    assert session().get_one(ApiKeyRow, key.id).revoked_at == START


def test_a_key_needs_a_lender_and_a_known_scope(sqlite_book: Flask) -> None:
    assert "no lender 'acme'" in _run(sqlite_book, "keys", "create", "--lender", "acme", "--scope", "ingest")[1]
    stored_lender()
    assert "scopes out of: ingest" in _run(sqlite_book, "keys", "create", "--lender", "acme", "--scope", "all")[1]


def test_a_key_ring_is_strong_enough_for_production(sqlite_book: Flask) -> None:
    assert len(parse_keys(_run(sqlite_book, "keys", "ring")[1].strip())) == 1


def test_mismatches_are_one_figure_a_line(sqlite_book: Flask) -> None:
    lender_id = stored_loan()
    with unit_of_work() as work:
        put_tapes(work, lender_id, START.date(), [TapeValues("L1", {"principal_balance": 29999})], now=START)

    code, output = _run(sqlite_book, "book", "mismatches", "--lender", "acme", "--json")
    _, none = _run(sqlite_book, "book", "mismatches", "--tolerance-minor", "1", "--json")
    wrong, said = _run(sqlite_book, "book", "mismatches", "--kind", "balance")

    assert (code, none) == (0, "")
    assert _lines(output) == [
        {
            "loan": "L1",
            "as_of": "2026-03-02",
            "kind": "principal_balance",
            "core": 29999,
            "ours": 30000,
            "difference": -1,
            "currency": "USD",
            "waits_for_core": False,
        }
    ]
    assert (wrong, "is not one of principal_balance" in said) == (1, True)


def test_plans_are_estimated_of_terms_that_came_without_rows(sqlite_book: Flask) -> None:
    lender_id = stored_lender()
    terms = {"method": "equal_instalment", "annual_rate": "0.12", "instalments": 3}
    pays_nothing = {"method": "fixed_instalment", "annual_rate": "0.9", "instalment_minor": 100}
    given: dict[str, Any] = {"disbursed_on": date(2026, 1, 5)}
    with unit_of_work() as work:
        for values in (
            loan_values("L1", contract=terms, marks=("reduced",), **given),
            loan_values("L2", contract=pays_nothing, **given),
            loan_values("L3", contract=terms),
            loan_values("L4", contract=terms, status="closed", **given),
        ):
            put_loan(work, lender_id, values, now=START, origin="test")

    first = _run(sqlite_book, "book", "estimate", "--lender", "acme")
    again = _run(sqlite_book, "book", "estimate", "--lender", "acme")

    refused = "L2\tThe instalment does not pay the interest of its period; it must be higher.\n"
    assert first == (0, f"{refused}1 plans estimated; of 1 loans too little is known to make one\n")
    assert again == (0, f"{refused}0 plans estimated; of 1 loans too little is known to make one\n")
    made = session().scalars(select(LoanRow).where(LoanRow.anchor_no == 1)).one()
    assert (made.loan_no, made.marks) == ("L1", ["estimated_plan", "reduced"])
    assert position("L1", date(2026, 2, 5)).next_due_minor == 10201
    assert list(differences(session())) == []
    assert "no lender 'none'" in _run(sqlite_book, "book", "estimate", "--lender", "none")[1]


def test_estimating_goes_on_page_by_page_past_loans_that_get_no_plan(sqlite_book: Flask) -> None:
    lender_id = stored_lender()
    terms = {"method": "equal_instalment", "annual_rate": "0.12", "instalments": 3}
    with unit_of_work() as work:
        for number in range(5):
            known = {"disbursed_on": date(2026, 1, 5)} if number % 2 else {}
            values = loan_values(f"L{number}", contract=terms, **known)
            put_loan(work, lender_id, values, now=START, origin="test")

    after: str | None = ""
    pages = []
    while after is not None:
        with unit_of_work() as work:
            page = mark_estimated(work, get_lender(work, "acme"), now=START, after=after, limit=2)
        pages.append((page.made, page.too_little_known))
        after = page.last_id

    assert pages == [(1, 1), (1, 1), (0, 1)]
