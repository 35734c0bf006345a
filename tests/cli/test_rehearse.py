"""flask rehearse: what it prints, writes and keeps."""

from pathlib import Path

from flask import Flask

from app.persistence.models.rehearsals import RehearsalCountRow, RehearsalRow
from app.persistence.models.reminders import PolicyRow
from app.persistence.unit_of_work import reading
from tests.builders.book import build_loan, give_phone
from tests.conftest import START
from tests.engine.test_reminder_loop import DUE


def test_it_prints_writes_tables_and_a_page_and_keeps_the_result(sqlite_book: Flask, tmp_path: Path) -> None:
    give_phone(build_loan(now=START, due=[DUE]), now=START)
    runner = sqlite_book.test_cli_runner()
    options = ["--policy", "active", "--from", "2026-03-03", "--days", "10", "--workers", "1", "--against", "active"]

    done = runner.invoke(
        args=["rehearse", *options, "--csv", str(tmp_path / "csv"), "--html", str(tmp_path / "page.html"), "--store"]
    )

    assert done.exit_code == 0, done.output
    assert "days of UTC" in done.output
    assert "contacts against active: 0 added, 0 removed, 0 moved, 0 changed" in done.output
    digest = next(line.removeprefix("digest: ") for line in done.output.splitlines() if line.startswith("digest: "))
    assert digest in (tmp_path / "page.html").read_text()
    tables = {path.name for path in (tmp_path / "csv").iterdir()}
    assert tables == {"decisions.csv", "outcomes.csv", "load.csv", "cost.csv", "delta.csv", "samples.csv"}
    with reading() as session:
        row = session.query(RehearsalRow).one()
        assert (row.state, row.digest, row.lender_id) == ("done", digest, None)
        assert session.query(RehearsalCountRow).filter_by(table_name="outcomes").count() > 0


def test_a_lenders_days_are_its_zones(sqlite_book: Flask) -> None:
    build_loan(now=START, due=[DUE])
    runner = sqlite_book.test_cli_runner()
    options = ["--from", "2026-03-03", "--days", "2", "--workers", "1", "--lender", "acme"]

    assert "(days of UTC)" in runner.invoke(args=["rehearse", "--policy", "active", *options]).output
    tokyo = runner.invoke(args=["rehearse", "--policy", "active", "--zone", "Asia/Tokyo", *options]).output
    assert "rehearsed 2026-03-02 15:00Z until 2026-03-04 15:00Z (days of Asia/Tokyo)" in tokyo


def test_a_policy_that_is_none_is_refused_with_its_reason(sqlite_book: Flask, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("policy: x\n")
    runner = sqlite_book.test_cli_runner()

    done = runner.invoke(args=["rehearse", "--policy", str(file), "--from", "2026-03-03", "--days", "2"])

    assert done.exit_code == 1
    assert "The policy is refused" in done.output


def test_an_empty_book_is_nobody_to_rehearse_for(sqlite_book: Flask) -> None:
    options = ["--policy", "active", "--from", "2026-03-03", "--days", "3"]
    answer = sqlite_book.test_cli_runner().invoke(args=["rehearse", *options])

    assert (answer.exit_code, "import a book first" in answer.output) == (1, True)


def test_it_activates_no_policy(sqlite_book: Flask) -> None:
    build_loan(now=START, due=[DUE])
    options = ["--policy", "active", "--from", "2026-03-03", "--days", "3", "--workers", "1"]

    answer = sqlite_book.test_cli_runner().invoke(args=["rehearse", *options])

    assert answer.exit_code == 0, answer.output
    with reading() as session:
        assert session.query(PolicyRow).count() == 0
