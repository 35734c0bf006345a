"""A replay over a stretch of time, on both databases: one digest, whatever happens to the engines on the way."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.replayed_book import build_book, write_policy
from tests.journeys.replays import Received, Replay

FIRST_DAY, LAST_DAY = "2026-03-05", "2026-03-19"
NewDatabase = Callable[[str], str]


@dataclass
class Book:
    """A book to replay: where it is, and how a replay of it is made."""

    url: str
    var_dir: Path
    policy: Path
    new_database: NewDatabase

    def replay(self, name: str, **changes: Any) -> Replay:
        given = {"first_day": FIRST_DAY, "last_day": LAST_DAY, "policy": self.policy}
        return Replay(self.url, self.var_dir, self.new_database(name), **{**given, **changes})

    def run(self, name: str, *, kills: int = 0, stops: int = 0, **changes: Any) -> "Told":
        replay = self.replay(name, **changes)
        before = set((self.var_dir / "replays").glob("*"))
        replay.run(kills=kills, stops=stops)
        return Told(replay, replay.received(before))


@dataclass
class Told:
    """A replay that has come to its end, and what its providers received."""

    replay: Replay
    received: Received

    def is_as(self, undisturbed: "Told") -> None:
        """Assert that nothing can be told from an undisturbed run but further copies of a push."""
        assert self.replay.digest == undisturbed.replay.digest
        assert self.replay.value(r"messages lost: (\d+)") == "0"
        assert self.received.by_target("push") == undisturbed.received.by_target("push")
        assert self.received.twice("sms") == []
        assert self.received.by_target("sms") <= undisturbed.received.by_target("sms")
        assert self.replay.check() == {}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> NewDatabase:
    """A function that makes an empty database of each kind and returns its URL."""
    if request.param == "postgresql":
        make: NewDatabase = request.getfixturevalue("new_postgresql_database")
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        return lambda name: make(f"replay_{worker}_{name}")
    folder = tmp_path_factory.mktemp("replay")
    return lambda name: f"sqlite:///{folder / name}.db"


@pytest.fixture(scope="module")
def book(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Book:
    url, var_dir = new_database("book"), tmp_path_factory.mktemp("var")
    build_book(url, var_dir)
    return Book(url, var_dir, write_policy(var_dir), new_database)


@pytest.fixture(scope="module")
def undisturbed(book: Book) -> Told:
    return book.run("undisturbed")


def test_an_undisturbed_replay_sends_and_breaks_no_invariant(undisturbed: Told) -> None:
    text = "\n".join(undisturbed.replay.lines)

    assert undisturbed.received.pairs("push")
    assert undisturbed.received.pairs("sms")
    assert undisturbed.received.twice("push") == undisturbed.received.twice("sms") == []
    for word in ("CONSOLIDATED", "HOLD_HARDSHIP", "HOLD_BREATHING_SPACE", "HELD_OUT", "TASK_CREATED", "EXPIRED"):
        assert word in text, text
    assert undisturbed.replay.check() == {}


def test_two_engines_killed_five_times_and_one_stopped_come_to_the_same(book: Book, undisturbed: Told) -> None:
    told = book.run("killed", engines=2, kills=5, stops=1)

    assert (len(told.replay.killed), len(told.replay.stopped)) == (5, 1)
    told.is_as(undisturbed)


@pytest.mark.nightly
@pytest.mark.parametrize(("engines", "kills"), [(1, 20), (2, 20), (8, 20), (3, 40)])
def test_engines_killed_again_and_again_come_to_the_same(book: Book, undisturbed: Told, engines: int, kills: int) -> None:
    """On both databases: 200 kills a night."""
    told = book.run(f"killed_{engines}", engines=engines, kills=kills, stops=3, seed=engines)

    assert (len(told.replay.killed), len(told.replay.stopped)) == (kills, 3)
    told.is_as(undisturbed)


def test_a_replay_that_was_itself_killed_is_continued(book: Book, undisturbed: Told) -> None:
    replay = book.replay("continued")
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
    assert digest == undisturbed.replay.digest
    assert replay.value(r"messages lost: (\d+)") == "0"


def test_a_scratch_that_is_the_book_itself_is_refused(book: Book) -> None:
    replay = book.replay("itself")
    replay.scratch = book.url
    process = replay.start(stderr=subprocess.PIPE)

    _, complaint = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "name another database" in complaint
