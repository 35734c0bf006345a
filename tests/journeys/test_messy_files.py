"""The same forty-eight instalments in ten bad formats all come to the same rows."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask

from app.domain.money import minor_from_decimal
from app.persistence.db import session
from app.services.book import differences, rows_of
from app.services.imports.maps import shipped_maps
from app.services.imports.reports import ImportReport
from app.services.imports.runs import import_file
from tests.conftest import START

pytestmark = pytest.mark.shared

STEMS = sorted(name for name in shipped_maps() if name[:2].isdigit())
NOW = START.replace(year=2026)


def _import(shared: Path, stem: str) -> ImportReport:
    (path,) = (shared / "data/messy").glob(f"{stem}.*")
    return import_file(path, stem, now=NOW)


def _truth(shared: Path, *, paid: bool) -> set[tuple[object, ...]]:
    with (shared / "data/messy/truth.csv").open(newline="") as file:
        return {
            (
                row["loan_ref"],
                int(row["period_no"]),
                date.fromisoformat(row["due_date"]),
                minor_from_decimal(Decimal(row["due_principal"]), "USD"),
                minor_from_decimal(Decimal(row["due_interest"]), "USD"),
                date.fromisoformat(row["paid_date"]) if paid and row["paid_date"] else None,
            )
            for row in csv.DictReader(file)
        }


def test_there_is_a_map_for_each_of_the_ten_files() -> None:
    assert len(STEMS) == 10


def test_every_format_comes_to_the_true_rows(app: Flask, shared: Path) -> None:
    for stem in STEMS:
        report = _import(shared, stem)

        stored = {tuple(row) for row in rows_of(session(), f"messy{stem[:2]}")}

        assert stored == _truth(shared, paid=not stem.startswith("08")), stem
        assert (report.duplicates, report.rejected) == ((1, 4) if stem.startswith("07") else (0, 0)), stem
    assert list(differences(session())) == []


def test_bad_rows_are_named_by_line_column_and_reason(sqlite_book: Flask, shared: Path) -> None:
    report = _import(shared, "07_duplicates_conflicts_bad_rows")

    named = sorted((each.row, each.column, each.value) for each in report.rejections)
    assert named == [
        (51, "due_principal", "0.01"),
        (52, "due_date", "2017-02-30"),
        (53, "due_interest", "abc"),
        (54, None, None),
    ]


def test_what_a_report_prints_around_its_rows_is_counted_as_skipped(sqlite_book: Flask, shared: Path) -> None:
    report = _import(shared, "04_report_style_export")

    assert report.skipped == {"title": 3, "blank": 3, "repeated_header": 3, "total": 1, "footer": 1}


def test_the_same_messy_file_again_changes_nothing(sqlite_book: Flask, shared: Path) -> None:
    _import(shared, "01_ppdai_shape_gbk")

    again = _import(shared, "01_ppdai_shape_gbk")

    assert {name for name, count in again.done.items() if count} == {
        "loans_unchanged",
        "plans_unchanged",
        "payments_unchanged",
    }
