"""A replay over a stretch of time, on both databases: one digest, whatever happens to the engines on the way."""

import base64
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.factory import create_app
from app.persistence import schema
from app.persistence.db import db
from tests.builders.book import build_lender, build_loan, pay
from tests.conftest import KEYS, make_settings

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 3, 1, tzinfo=UTC)
FIRST_DAY, LAST_DAY = "2026-03-05", "2026-03-24"
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Europe/London", None)


@dataclass
class Replay:
    """A running replay: its lines, and the engines it has said."""

    source: str
    var_dir: Path
    scratch: str
    engines: int = 1
    lines: list[str] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)
    killed: list[int] = field(default_factory=list)
    days: tuple[str, str] = (FIRST_DAY, LAST_DAY)
    options: tuple[str, ...] = ("--synthetic-devices", "80", "--seed", "7")

    def start(self, stderr: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        command = [
            sys.executable,
            "-m",
            "flask",
            "--app",
            "wsgi",
            "engine",
            "replay",
            "--from",
            self.days[0],
            "--to",
            self.days[1],
        ]
        command += ["--engines", str(self.engines), "--scratch", self.scratch, *self.options]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=stderr, text=True)

    def run(self, *, kills: int = 0) -> str:
        """Run to the end; from the first day on kill an engine a day at its work, `kills` in all. Return the digest."""
        process = self.start()
        assert process.stdout is not None
        with process.stdout as out:
            for line in out:
                self.read(line)
                if re.fullmatch(r"\d{4}-\d\d-\d\d\n", line) and len(self.killed) < kills:
                    self._kill_one()
        assert process.wait(timeout=60) == 0, "\n".join(self.lines)
        return self.value("digest: (.+)")

    def read(self, line: str) -> None:
        self.lines.append(line.rstrip())
        match = re.fullmatch(r"engine (\d+) pid (\d+)\n", line)
        if match:
            self.pids[match[1]] = int(match[2])

    def value(self, pattern: str) -> str:
        return next(match[1] for match in (re.search(pattern, line) for line in self.lines) if match)

    def _kill_one(self) -> None:
        """Kill one wherever it is in its work, unless all that are known are dead: their successors speak a little later."""
        chance = random.Random(len(self.killed))
        alive = sorted(set(self.pids.values()) - set(self.killed))
        if not alive:
            return
        pid = chance.choice(alive)
        time.sleep(chance.uniform(0, 0.1))
        os.kill(pid, signal.SIGKILL)
        self.killed.append(pid)

    @property
    def environment(self) -> dict[str, str]:
        ring = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in KEYS.items())
        return {
            **os.environ, "DATABASE_URL": self.source, "DUECOURSE_KEYS": ring, "DUECOURSE_VAR_DIR": str(self.var_dir),
            "DUECOURSE_MODE": "sandbox",
        }  # fmt: skip

    def check(self) -> dict[str, int]:
        """Return the invariants of the scratch copy, as the command prints them."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "engine", "check", "--scratch", self.scratch]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        counts = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
        assert done.returncode == (1 if any(count != "0" for count in counts.values()) else 0), done.stderr
        return {name: int(count) for name, count in counts.items()}


def _build_book(url: str, var_dir: Path) -> None:
    """Twenty borrowers in six zones with two loans each; half of them pay, some late."""
    app = create_app(make_settings(url, var_dir))
    with app.app_context():
        schema.upgrade(db.engine)
        lender_id = build_lender(now=START)
        for number in range(20):
            due = date(2026, 3, 6) + timedelta(days=number % 9)
            given = {"borrower_no": f"B{number}", "lender_id": lender_id, "recorded_at": START, "zone": ZONES[number % 6]}
            for shift in (0, 2):
                built = build_loan(now=START, due=[due + timedelta(days=shift)], **given, loan_no=f"L{number}-{shift}")
                if number % 2:
                    pay(
                        built,
                        10_000,
                        now=datetime.combine(due, datetime.min.time(), UTC) + timedelta(days=number % 5, hours=7),
                    )
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """A function that makes an empty database of each kind and returns its URL."""
    if request.param == "postgresql":
        make: Callable[[str], str] = request.getfixturevalue("new_postgresql_database")
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        return lambda name: make(f"replay_{worker}_{name}")
    folder = tmp_path_factory.mktemp("replay")
    return lambda name: f"sqlite:///{folder / name}.db"


@pytest.fixture(scope="module")
def book(new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    url, var_dir = new_database("book"), tmp_path_factory.mktemp("var")
    _build_book(url, var_dir)
    return url, var_dir


@pytest.fixture(scope="module")
def undisturbed(book: tuple[str, Path], new_database: Callable[[str], str]) -> Replay:
    replay = Replay(*book, scratch=new_database("undisturbed"))
    replay.run()
    return replay


def test_an_undisturbed_replay_sends_and_breaks_no_invariant(undisturbed: Replay) -> None:
    assert int(undisturbed.value(r"pushes received by the stand-in: (\d+)")) > 0
    assert any("CONSOLIDATED" in line for line in undisturbed.lines)
    assert {name: count for name, count in undisturbed.check().items() if count} == {}


def test_two_engines_killed_five_times_come_to_the_same(
    book: tuple[str, Path], new_database: Callable[[str], str], undisturbed: Replay
) -> None:
    replay = Replay(*book, scratch=new_database("killed"), engines=2)

    digest = replay.run(kills=5)

    assert len(replay.killed) == 5
    assert digest == undisturbed.value("digest: (.+)")
    assert replay.value(r"messages lost: (\d+)") == "0"
    assert replay.value(r"stand-in: (\d+)") == undisturbed.value(r"stand-in: (\d+)")
    assert {name: count for name, count in replay.check().items() if count} == {}


def test_a_replay_that_was_itself_killed_is_continued(
    book: tuple[str, Path], new_database: Callable[[str], str], undisturbed: Replay
) -> None:
    replay = Replay(*book, scratch=new_database("continued"))
    process = replay.start()
    assert process.stdout is not None
    with process.stdout as out:
        for line in out:
            replay.read(line)
            if line.startswith("2026-03-10"):
                process.kill()
    process.wait()

    digest = replay.run()

    assert any("continuing the scratch copy" in line for line in replay.lines)
    assert digest == undisturbed.value("digest: (.+)")
    assert replay.value(r"messages lost: (\d+)") == "0"


def test_a_scratch_that_is_the_book_itself_is_refused(book: tuple[str, Path]) -> None:
    replay = Replay(*book, scratch=book[0])
    process = replay.start(stderr=subprocess.PIPE)

    _, complaint = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "name another database" in complaint
