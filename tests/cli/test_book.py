"""The book on the command line: files in, positions out, a reason and exit code 1 when refused."""

import json
from pathlib import Path

import pytest
from flask import Flask

from app.domain.tapes import TapeValues
from app.persistence.db import db, session
from app.persistence.models.access import ApiKeyRow
from app.persistence.models.loans import PositionSnapshotRow
from app.persistence.unit_of_work import unit_of_work
from app.persistence.vault import token_hash
from app.services.payments import record_payment
from app.services.tapes import put_tapes
from config import parse_keys
from tests.builders.book_values import payment_values
from tests.builders.stored_book import stored_lender, stored_loan
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
        }
    ]
    assert (wrong, "is not one of principal_balance" in said) == (1, True)
