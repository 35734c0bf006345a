import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from app.wording.letter_texts import use_letterheads
from tests.builders.letters import waiting_letter, write_letterhead
from tests.conftest import START


@pytest.fixture(autouse=True)
def letterheads(tmp_path: Path) -> Iterator[Path]:
    write_letterhead(tmp_path)
    use_letterheads(tmp_path)
    yield tmp_path
    use_letterheads(None)


def run(app: Flask, *arguments: Any) -> Result:
    return app.test_cli_runner().invoke(args=["letter", *map(str, arguments)])


def test_a_batch_is_made_shown_and_handed_out(sqlite_book: Flask, tmp_path: Path) -> None:
    ids = [waiting_letter(now=START)[0] for _ in range(3)]
    waiting_letter(now=START, address_lines=())

    made = run(sqlite_book, "batch", "--name", "March", "--by", "Ann")

    assert made.exit_code == 0, made.output
    batch_id = made.output.split()[1]
    assert "ready: 3 made, 1 refused, of 4" in made.output
    status = run(sqlite_book, "status", batch_id).output
    assert "March\tready\t3 made\t1 refused\tof 4" in status
    assert "made\t3" in status
    assert batch_id in run(sqlite_book, "status").output
    exported = run(sqlite_book, "export", batch_id, "--to", tmp_path / "out")
    assert "3 letters" in exported.output
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert {line["message_id"] for line in lines} == set(ids)
    assert all((tmp_path / "out" / line["file"]).read_bytes().startswith(b"%PDF") for line in lines)
    shown = run(sqlite_book, "show", ids[0], "--out", tmp_path / "one.pdf").output
    assert lines[0]["sha256"] in run(sqlite_book, "show", lines[0]["letter_id"]).output
    assert "state\tmade" in shown
    assert (tmp_path / "one.pdf").read_bytes().startswith(b"%PDF")


def test_a_batch_goes_on_and_is_stopped(sqlite_book: Flask) -> None:
    waiting_letter(now=START)
    batch_id = run(sqlite_book, "batch", "--name", "March", "--by", "Ann").output.split()[1]

    assert "ready: 1 made" in run(sqlite_book, "batch", "--continue", batch_id, "--by", "Bob").output
    assert "stopped" in run(sqlite_book, "batch", "--stop", batch_id, "--by", "Ann").output
    again = run(sqlite_book, "batch", "--continue", batch_id, "--by", "Bob")
    assert (again.exit_code, "was stopped" in again.output) == (1, True)


def test_a_preview_keeps_nothing(sqlite_book: Flask, tmp_path: Path) -> None:
    message_id, _ = waiting_letter(now=START)

    made = run(sqlite_book, "preview", "--message", message_id, "--out", tmp_path / "preview.pdf")

    assert made.exit_code == 0, made.output
    assert (tmp_path / "preview.pdf").read_bytes().startswith(b"%PDF")
    assert run(sqlite_book, "show", message_id).exit_code == 1


@pytest.mark.parametrize("arguments", [("batch", "--by", "Ann"), ("preview", "--out", "x.pdf")])
def test_a_command_that_does_not_say_what_is_refused(sqlite_book: Flask, arguments: tuple[str, ...]) -> None:
    assert run(sqlite_book, *arguments).exit_code == 2


def test_what_is_not_there_is_said_in_a_line(sqlite_book: Flask) -> None:
    nothing = "0191e0c0-0000-7000-8000-000000000000"

    for arguments in (("show", nothing), ("status", nothing), ("approve", nothing, "--by", "Ann")):
        result = run(sqlite_book, *arguments)
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
