"""flask experiment on the command line."""

import csv
import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from app import clock
from app.persistence.db import db
from app.services.policies import ensure_default_policy
from app.services.reminders import sweep
from tests.builders.book import build_lender, build_loan, pay
from tests.conftest import START
from tests.services.test_experiments import document, in_force


def _run(app: Flask, *arguments: str) -> tuple[int, str]:
    db.session.remove()
    result = app.test_cli_runner().invoke(args=["experiment", *arguments])
    return result.exit_code, result.output


@pytest.fixture
def book(sqlite_book: Flask) -> Flask:
    ensure_default_policy(now=START)
    in_force(document(), now=START)
    lender_id = build_lender(now=START)
    built = [
        build_loan(now=START, due=[START.date() + timedelta(days=3)], borrower_no=f"E-{n}", lender_id=lender_id)
        for n in range(12)
    ]
    sweep(now=START + timedelta(hours=2))
    pay(built[0], 10_000, now=START + timedelta(days=1))
    clock.use(lambda: START + timedelta(days=30))
    return sqlite_book


def test_experiments_are_listed(book: Flask) -> None:
    code, output = _run(book, "list")

    assert code == 0
    assert output.startswith("tone\texperiment\tlive\tcontrol 50 % ")
    assert output.endswith("\t2026-03-02 to 2026-03-02\tacme v1\n")
    assert json.loads(_run(book, "list", "--json")[1])["key"] == "tone"


def test_a_report_is_printed_with_its_doubts_first(book: Flask) -> None:
    pytest.importorskip("statsmodels")

    code, output = _run(book, "report", "tone", "--within", "5d", "--from", "2026-03-01", "--to", "2026-04-01")

    assert code == 0
    assert "outcome within 5 day(s); control: control" in output
    assert output.index("WARNING peeking") < output.index("Outcome: instalment paid in full")
    assert "Not compared: not mature 0, outside span 0, in several arms 0" in output


def test_the_same_as_json_and_csv(book: Flask, tmp_path: Path) -> None:
    pytest.importorskip("statsmodels")
    file = tmp_path / "figures.csv"

    code, output = _run(book, "report", "tone", "--csv", str(file))
    assert code == 0
    found = json.loads(_run(book, "report", "tone", "--json")[1])

    rows = list(csv.DictReader(file.open(encoding="utf-8")))
    assert f"Written to {file}." in output
    assert {(row["measure"], row["arm"]) for row in rows if row["kind"] == "outcome"} == {
        (name, arm) for name in ("paid_in_full", "paid_anything") for arm in ("control", "plain")
    }
    assert sum(int(row["count"]) for row in rows if row["measure"] == "paid_in_full") == 1
    assert found["outcomes"][0]["name"] == "paid_in_full"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("other",), "No policy that is or was in force"), (("tone", "--within", "soon"), "not a number of days like 3d")],
)
def test_what_is_none_is_refused_on_one_line(book: Flask, arguments: tuple[str, ...], says: str) -> None:
    code, output = _run(book, "report", *arguments)

    assert code != 0
    assert says in output
    assert "Traceback" not in output


def test_without_the_extra_one_line_says_how_to_install_it(book: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)

    code, output = _run(book, "report", "tone")

    assert code == 1
    assert output == (
        "Error: Reports of experiments need scipy and statsmodels: "
        "pip install --require-hashes -r requirements-experiments.txt\n"
    )
