"""Rehearsals in the background: one at a time, again when their engine died, failed when their process fails."""

import sys
import time
from datetime import timedelta

import pytest
from flask import Flask

from app.clock import system_now
from app.engine.rehearsals import LEASE, RehearsalRunner
from app.persistence.ids import new_id
from app.persistence.models.rehearsals import RehearsalRow
from app.persistence.models.running import LeaseRow
from app.persistence.unit_of_work import reading, unit_of_work
from tests.conftest import START

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")
FAILS = (sys.executable, "-c", "import sys; sys.exit(3)")


def ask(state: str = "waiting") -> str:
    rehearsal_id = new_id()
    with unit_of_work() as work:
        work.session.add(
            RehearsalRow(
                id=rehearsal_id, settings={}, state=state, by="test", borrowers_done=0, borrowers_total=0, created_at=START
            )
        )
    return rehearsal_id


def row_of(rehearsal_id: str) -> RehearsalRow:
    with reading() as session:
        row = session.get(RehearsalRow, rehearsal_id)
        assert row is not None
        session.expunge(row)
        return row


def test_one_engine_of_two_runs_it(app: Flask) -> None:
    rehearsal_id = ask()
    first, second = RehearsalRunner("one", _command=SLEEPS), RehearsalRunner("two", _command=SLEEPS)

    first.tick()
    second.tick()
    first.tick()

    assert (first._process is not None, second._process) == (True, None)
    assert row_of(rehearsal_id).state == "running"
    first.stop()


def test_nothing_that_waits_starts_nothing(app: Flask) -> None:
    runner = RehearsalRunner("one", _command=SLEEPS)

    runner.tick()

    assert runner._process is None


def test_what_a_dead_engine_left_is_begun_again(app: Flask) -> None:
    rehearsal_id = ask("running")
    with unit_of_work() as work:
        expired = system_now() - timedelta(seconds=1)
        work.session.add(LeaseRow(name=LEASE, owner="dead", fence=1, expires_at=expired))
    runner = RehearsalRunner("one", _command=SLEEPS)

    runner.tick()

    assert runner._process is not None
    assert runner._rehearsal_id == rehearsal_id
    runner.stop()


def test_a_process_that_fails_ends_the_rehearsal(app: Flask) -> None:
    rehearsal_id = ask()
    runner = RehearsalRunner("one", _command=FAILS)
    runner.tick()
    _until_over(runner)

    runner.tick()

    row = row_of(rehearsal_id)
    assert (row.state, "ended with 3" in (row.failure or "")) == ("failed", True)
    runner.tick()
    assert runner._process is None


def test_who_lost_the_lease_lets_go(app: Flask) -> None:
    ask()
    runner = RehearsalRunner("one", _command=SLEEPS)
    runner.tick()
    with unit_of_work() as work:
        lease = work.session.get(LeaseRow, LEASE)
        assert lease is not None
        lease.owner, lease.expires_at = "two", system_now() + timedelta(minutes=1)

    runner.tick()

    assert runner._process is None


def _until_over(runner: RehearsalRunner) -> None:
    assert runner._process is not None
    for _ in range(1200):
        if runner._process.poll() is not None:
            return
        time.sleep(0.05)
    pytest.fail("the process did not end")
