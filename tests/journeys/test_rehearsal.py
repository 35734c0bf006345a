"""A rehearsal is what then happens: the same decisions, by digest, as the engines' replay of the same days."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from flask import Flask

from app.factory import create_app
from app.persistence.db import db
from app.persistence.queries.clocks import freeze
from app.persistence.unit_of_work import close_session, unit_of_work
from app.sandbox import sample_book
from app.services.imports.runs import import_file
from tests.builders.cases import default_document
from tests.conftest import START, make_settings
from tests.journeys.replays import ROOT, Replay

FIRST_DAY = START.date() + timedelta(days=1)
MakeBook = Callable[[Callable[[Flask], None]], Replay]


def ladder() -> dict[str, object]:
    """Push, then a text to who has not seen it after four hours; promises and plans not agreed yet stop."""
    document = {**default_document(), "policy": "ladder", "stop_on": ["promise_to_pay", "plan_pending", "autopay_expected"]}
    document["caps"] = [
        {"per": "borrower", "window": "P1D", "max": 1},
        {"per": "borrower", "channel": "sms", "window": "P7D", "max": 2},
    ]
    document["defaults"]["ladder"] = [
        {"channel": "in_app"}, {"channel": "push"}, {"channel": "sms", "after": "PT4H", "unless": "seen"},
    ]  # fmt: skip
    return document


@pytest.fixture
def make_book(tmp_path: Path) -> MakeBook:
    """A function that fills a new SQLite book in sandbox mode and returns a replay of it that was not started."""

    def make(fill: Callable[[Flask], None]) -> Replay:
        url = f"sqlite:///{tmp_path / 'book.db'}"
        app = create_app(make_settings(url, tmp_path, mode="sandbox"), serves=False)
        with app.app_context():
            with unit_of_work() as work:
                freeze(work.session, START)
            fill(app)
            close_session()
            db.engine.dispose()
        return Replay(url, tmp_path, f"sqlite:///{tmp_path / 'scratch.db'}", "", "", options=())

    return make


def rehearse(replay: Replay, *options: str, days: int) -> dict[str, str]:
    """Run `flask rehearse` over the replay's book from its first day on; return the digest and the text."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "rehearse", "--from", replay.first_day, "--days", str(days)]
    command += ["--payments", "history", "--workers", "2", *options]
    done = subprocess.run(command, cwd=ROOT, env=replay.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    match = re.search(r"digest: (\w+)", done.stdout)
    assert match is not None
    return {"digest": match[1], "text": done.stdout}


def stretch(first: date, days: int) -> tuple[str, str]:
    return f"{first}", f"{first + timedelta(days=days - 1)}"


def sandbox_book(_app: Flask) -> None:
    sample_book.fill(now=START)


@pytest.mark.parametrize("days", [4, pytest.param(60, marks=pytest.mark.nightly)], ids=["a few days", "60 days"])
@pytest.mark.parametrize("with_ladder", [False, True], ids=["in force", "ladder"])
def test_the_sandbox_book(make_book: MakeBook, tmp_path: Path, days: int, with_ladder: bool) -> None:
    replay = make_book(sandbox_book)
    replay.first_day, replay.last_day = stretch(FIRST_DAY, days)
    policy: str = "active"
    if with_ladder:
        file = tmp_path / "ladder.yaml"
        file.write_text(yaml.safe_dump(ladder()))
        policy, replay.options = str(file), ("--policy", str(file))

    foreseen = rehearse(replay, "--policy", policy, days=days)
    digest = replay.run()

    assert foreseen["digest"] == digest
    assert "CONSOLIDATED_INTO" in foreseen["text"]
    if with_ladder:
        assert "HOLD_PROMISE_TO_PAY" in foreseen["text"]
        assert re.search(r"^sms +\w+ +[1-9]", foreseen["text"], re.MULTILINE)


@pytest.mark.shared
@pytest.mark.parametrize("days", [3, pytest.param(92, marks=pytest.mark.nightly)], ids=["a few days", "three months"])
def test_real_microloans_with_what_was_really_paid(make_book: MakeBook, shared: Path, days: int) -> None:
    def fill(_app: Flask) -> None:
        import_file(shared / "data/microloans/loans.csv.gz", "microloans", now=START)

    replay = make_book(fill)
    replay.first_day, replay.last_day = stretch(date(2017, 5, 1), days)
    replay.options = ("--synthetic-devices", "80", "--seed", "7")

    foreseen = rehearse(replay, "--policy", "active", *replay.options, days=days)

    assert foreseen["digest"] == replay.run()


def test_ctrl_c_ends_it_cleanly(make_book: MakeBook) -> None:
    replay = make_book(sandbox_book)
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "rehearse", "--policy", "active", "--from", f"{FIRST_DAY}"]
    command += ["--days", "60", "--workers", "2"]
    scratch = {**replay.environment, "TMPDIR": str(replay.var_dir)}

    def kept() -> list[Path]:
        return list(replay.var_dir.glob("duecourse-rehearsal-*"))

    process = subprocess.Popen(command, cwd=ROOT, env=scratch, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not kept() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=120)

    assert process.returncode == 1
    assert "Stopped; nothing was kept." in complaint
    assert "Traceback" not in complaint
    assert kept() == []
