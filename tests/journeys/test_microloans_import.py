"""Digital micro-loans: one row a loan, known to the second, in another zone than the machine's."""

import csv
import gzip
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.persistence.db import session
from app.persistence.models.loans import LedgerEntryRow, LoanRow, PlanVersionRow
from app.persistence.queries.borrowers import count_without_contacts
from app.services.book import differences, positions_on
from app.services.imports.runs import import_file
from tests.conftest import START

pytestmark = pytest.mark.shared

LAGOS = ZoneInfo("Africa/Lagos")


def test_microloans_are_known_when_approved_and_paid_when_repaid(app: Flask, shared: Path) -> None:
    path = shared / "data/microloans/loans.csv.gz"

    report = import_file(path, "microloans", now=START)

    assert (report.accepted, report.rejected) == (4009, 0)
    assert count_without_contacts(session()) == 960
    with gzip.open(path, "rt", newline="") as file:
        row = next(csv.DictReader(file))
    loan = session().scalars(select(LoanRow).where(LoanRow.loan_no == row["systemloanid"])).one()
    approved_at = datetime.fromisoformat(row["approveddate"]).replace(tzinfo=LAGOS)
    repaid_at = datetime.fromisoformat(row["firstrepaiddate"]).replace(tzinfo=LAGOS)
    entry = session().scalars(select(LedgerEntryRow).where(LedgerEntryRow.loan_id == loan.id)).one()
    version = session().scalars(select(PlanVersionRow).where(PlanVersionRow.loan_id == loan.id)).one()
    assert (loan.recorded_at, version.recorded_at, entry.recorded_at) == (approved_at, approved_at, repaid_at)
    assert entry.effective_on == repaid_at.date()
    assert version.watched_from_at == START
    assert loan.status == "closed"

    marked = session().scalar(select(func.count()).where(LoanRow.marks == ["first_instalment_only"])) or 0
    assert marked == 218
    shown = next(positions_on(session(), date(2017, 6, 18), loan_nos=[row["systemloanid"]]))
    assert shown.position.outstanding_minor == 2000000
    assert shown.position.next_due_minor == 2450000

    again = import_file(path, "microloans", now=START)
    assert {name for name, count in again.done.items() if count} == {
        "loans_unchanged",
        "plans_unchanged",
        "payments_unchanged",
    }
    assert next(differences(session()), None) is None
