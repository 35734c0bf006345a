"""The calendar on the command line."""

import json
from pathlib import Path

import pytest
from flask import Flask

from app.persistence.db import db
from tests.builders.stored_book import stored_lender


def _run(app: Flask, command: str, *arguments: str) -> tuple[int, str]:
    db.session.remove()
    result = app.test_cli_runner().invoke(args=["calendar", command, "--lender", "acme", *arguments])
    return result.exit_code, result.output


def test_a_year_is_shown_with_what_it_rests_on(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")

    code, output = _run(sqlite_book, "show", "--year", "2026")

    lines = output.splitlines()
    assert code == 0
    assert lines[0] == "acme (CN), 2026: stated in full; weekend Sat Sun; 248 business days"
    assert lines[1] == "2026-01-01\tThu\toff\tNew Year's Day\tCN"
    assert "2026-02-14\tSat\tworking\tWorking day (moved)\tCN" in lines


def test_a_year_to_be_announced_says_so(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")

    _, output = _run(sqlite_book, "show", "--year", "2027")

    assert output.startswith("acme (CN), 2027: NOT stated in full: weekends, and the days listed here; weekend Sat Sun;")


def test_days_are_added_shown_and_removed(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="MM")

    added = _run(
        sqlite_book, "add", "--off", "2026-05-01", "--off", "2026-05-04", "--working", "2026-05-09", "--name", "May"
    )
    shown = [json.loads(line) for line in _run(sqlite_book, "show", "--year", "2026", "--json")[1].splitlines()]
    removed = _run(sqlite_book, "remove", "2026-05-01", "2026-05-09")
    left = _run(sqlite_book, "show", "--year", "2026", "--json")[1].splitlines()

    assert added == (0, "3 added, 0 changed, 0 unchanged\n")
    assert shown[2] == {"day": "2026-05-09", "weekday": "Sat", "kind": "working", "name": "May", "source": "own"}
    assert [each["day"] for each in shown] == ["2026-05-01", "2026-05-04", "2026-05-09"]
    assert removed == (0, "2 removed\n")
    assert [json.loads(line)["day"] for line in left] == ["2026-05-04"]


def test_a_file_of_days_is_taken_twice_and_changes_nothing_the_second_time(sqlite_book: Flask, tmp_path: Path) -> None:
    stored_lender()
    path = tmp_path / "days.csv"
    path.write_text("day,kind,name\n2026-05-01,off,May day\n2026-05-09,working,Open\n")

    assert _run(sqlite_book, "import", str(path)) == (0, "2 added, 0 changed, 0 unchanged\n")
    assert _run(sqlite_book, "import", str(path)) == (0, "0 added, 0 changed, 2 unchanged\n")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("add", "--name", "x"), 2, "Name a day: --off or --working."),
        (("add", "--off", "2026-02-30", "--name", "x"), 2, "does not match the format"),
        (("add", "--off", "2026-02-03", "--working", "2026-02-03", "--name", "x"), 1, "2026-02-03 is listed 2 times"),
        (("remove", "2026-02-03", "2026-02-04"), 1, "2026-02-03, 2026-02-04 are not among acme's own days"),
        (("show", "--year", "20266"), 1, "20266 is not a year from 1970 to 2199"),
        (("import", "none.csv"), 1, "none.csv cannot be opened"),
    ],
)
def test_what_is_refused_says_why(sqlite_book: Flask, arguments: tuple[str, ...], code: int, why: str) -> None:
    stored_lender()

    ended, output = _run(sqlite_book, *arguments)

    assert ended == code
    assert why in output


def test_an_unknown_lender_is_named_with_those_there_are(sqlite_book: Flask) -> None:
    stored_lender("other")

    assert _run(sqlite_book, "show", "--year", "2026") == (1, "Error: There is no lender 'acme'; known: other.\n")
