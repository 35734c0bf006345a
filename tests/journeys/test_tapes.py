"""Real tapes of three lenders, and a bank's loans, standing orders and statement: every row is accounted for."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.persistence.db import session
from app.persistence.models.loans import LedgerEntryRow, LoanRow, LoanTapeRow
from app.persistence.queries.ledger import page_unmatched
from app.services.book import differences
from app.services.imports.reports import ImportReport
from app.services.imports.runs import import_file
from tests.conftest import START

pytestmark = pytest.mark.shared

FILES = {
    "lendingclub-2018": ("lendingclub_2018/loan_tape.csv.gz", 8000),
    "lendingclub-2008-2011": ("lendingclub_2008_2011/loan_tape.csv.gz", 4000),
    "ibrd": ("ibrd/statement_of_loans_2023-05-31.csv.gz", 7512),
}


def _import(shared: Path, name: str, file: str) -> ImportReport:
    return import_file(shared / "data" / file, name, now=START)


def _loan(loan_no: str) -> LoanRow:
    session().rollback()
    return session().scalars(select(LoanRow).where(LoanRow.loan_no == loan_no)).one()


def _facts(loan: LoanRow) -> dict[str, object]:
    return session().scalars(select(LoanTapeRow.facts).where(LoanTapeRow.loan_id == loan.id)).one()


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_row_of_a_tape_is_a_loan_with_its_facts(sqlite_book: Flask, shared: Path, name: str) -> None:
    file, rows = FILES[name]

    report = _import(shared, name, file)
    again = _import(shared, name, file)

    assert (report.read, report.accepted, report.duplicates, report.rejected) == (rows, rows, 0, 0)
    assert (report.done["loans_created"], report.done["tape_rows_added"]) == (rows, rows)
    assert {key for key, count in again.done.items() if count} == {"loans_unchanged"}


def test_a_live_tape_has_terms_bands_of_days_and_balances(sqlite_book: Flask, shared: Path) -> None:
    _import(shared, "lendingclub-2018", FILES["lendingclub-2018"][0])

    loan = _loan("LC00001")
    assert {key: loan.contract[key] for key in ("method", "annual_rate", "instalments", "first_due_on")} == {
        "method": "equal_instalment",
        "annual_rate": "0.1407",
        "instalments": 60,
        "first_due_on": "2018-04-01",
    }
    assert (loan.principal_minor, loan.contract["instalment_minor"], loan.contract["instalment_rounding"]) == (
        2800000,
        65253,
        "up",
    )
    facts = _facts(loan)
    assert (facts["core_status"], facts["principal_balance"], facts["days_past_due_to"]) == ("Current", 2701586, 0)
    statuses = {row[0]: row[1] for row in session().execute(select(LoanRow.status, func.count()).group_by(LoanRow.status))}
    assert statuses == {"active": 7628, "closed": 367, "written_off": 5}


def test_ended_loans_keep_recoveries_and_settlements(sqlite_book: Flask, shared: Path) -> None:
    _import(shared, "lendingclub-2008-2011", FILES["lendingclub-2008-2011"][0])

    assert _loan("LCH2008-00008").contract["annual_rate"] == "0.1221"
    assert _facts(_loan("LCH2008-00008"))["paid_total"] == 2105845
    marks = [mark for found in session().scalars(select(LoanRow.marks)) for mark in found]
    assert (marks.count("settled_for_less"), marks.count("outside_credit_policy")) == (92, 229)


def test_states_borrow_under_their_code_and_negative_cents_are_kept(sqlite_book: Flask, shared: Path) -> None:
    report = _import(shared, "ibrd", FILES["ibrd"][0])

    assert report.as_of == "2023-05-31"
    assert report.done["borrowers_without_contacts"] == 146
    loan = _loan("IBRD00111")
    assert loan.contract["x_agency"] == "Ministério da Fazenda"
    assert (loan.status, loan.contract["annual_rate"], loan.contract["first_due_on"]) == ("closed", "0.045", "1953-07-01")
    negative = [f for f in session().scalars(select(LoanTapeRow.facts)) if f["principal_balance"] < 0]
    assert len(negative) == 153


def test_a_banks_statement_finds_its_loans_by_account_also_before_they_come(app: Flask, shared: Path) -> None:
    early = _import(shared, "berka", "berka/trans.asc.gz")
    waiting = page_unmatched(session(), limit=1000)
    orders = _import(shared, "berka", "berka/order.asc.gz")
    loans = _import(shared, "berka", "berka/loan.asc.gz")
    again = _import(shared, "berka", "berka/trans.asc.gz")

    skipped = {"interest_of_accounts": 1131, "penalty_interest_of_accounts": 14, "lines_for_no_loan": 4687}
    assert (early.map, early.read, early.accepted, dict(early.passed_over)) == ("berka/statement", 5925, 93, skipped)
    assert len(waiting) == 93
    assert (orders.map, orders.read, orders.accepted, orders.rejected) == ("berka/orders", 1125, 500, 0)
    assert (loans.map, loans.read, loans.accepted, loans.rejected) == ("berka/loans", 500, 500, 0)
    assert again.done["payments_duplicate"] == 93
    assert page_unmatched(session()) == []
    assert session().scalar(select(func.count()).select_from(LedgerEntryRow)) == 93
    loan = _loan("5316")
    assert (loan.contract["first_due_on"], loan.contract["instalment_minor"]) == ("1993-07-12", 461000)
    assert next(differences(session()), None) is None
