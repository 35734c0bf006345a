"""Forty mortgages over 105 months: our positions against the balances and the status of the servicer itself."""

import csv
import gzip
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from app.domain.money import minor_from_decimal
from app.domain.positions import Position, position_at, replay
from app.persistence.db import session
from app.persistence.queries.loans import page_loans
from app.persistence.queries.positions import load_ledgers
from app.services.book import differences, positions_on
from app.services.imports.reports import ImportReport
from app.services.imports.runs import import_file
from tests.conftest import START

pytestmark = pytest.mark.shared

BANDS = {"0": range(1), "A": range(1), "B": range(1, 30), "1": range(30, 60), "2": range(60, 90), "3": range(90, 10**5)}
"""Days past due of each servicer status; 4 and 5 are matured balloons, which say nothing about days."""


def _import(shared: Path) -> ImportReport:
    return import_file(shared / "data/cmbs/instalments.csv.gz", "cmbs", now=START.replace(year=2026, month=11))


def _rows(shared: Path) -> list[dict[str, str]]:
    with gzip.open(shared / "data/cmbs/instalments.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def _positions(rows: list[dict[str, str]]) -> list[Position]:
    loans = {loan.loan_no: loan for loan in page_loans(session(), limit=100)}
    ledgers = load_ledgers(session(), [loan.id for loan in loans.values()])
    found = []
    for row in rows:
        loan = loans[row["loan_ref"]]
        as_of = date.fromisoformat(row["report_date"])
        found.append(position_at(replay(loan.principal_minor, *ledgers[loan.id], as_of), as_of))
    return found


def test_every_month_agrees_with_the_servicer_and_the_file_again_changes_nothing(app: Flask, shared: Path) -> None:
    report = _import(shared)
    rows = _rows(shared)
    positions = _positions(rows)

    assert (report.read, report.rejected, report.duplicates) == (3999, 0, 0)
    wrong_balances = [
        (row["loan_ref"], row["report_date"])
        for row, at in zip(rows, positions, strict=True)
        if at.principal_outstanding_minor - at.overdue_principal_minor
        != minor_from_decimal(Decimal(row["balance_after"]), "USD")
    ]
    assert wrong_balances == []

    outside = [
        (row["servicer_status"], at.days_past_due)
        for row, at in zip(rows, positions, strict=True)
        if at.days_past_due not in BANDS.get(row["servicer_status"], range(10**5))
    ]
    causes = Counter(f"status {status}, {'nothing overdue' if days == 0 else 'overdue'}" for status, days in outside)
    assert len(rows) - len(outside) >= 3976, causes

    assert {"loan", "reference", "effective_on", "amount_minor"} == set(report.adjustments[0])
    assert report.done["source_adjustments"] >= len(report.adjustments) > 0

    again = _import(shared)
    assert not [name for name, count in again.done.items() if count and not name.endswith("_unchanged")]
    assert list(differences(session())) == []

    numbers = ["0001706060-14", "0001706060-10"]
    found = list(positions_on(session(), date(2020, 12, 11), lender_code="cmbs", loan_nos=numbers))
    assert [each.loan_no for each in found] == numbers
    assert found[0].position.days_past_due == 101
