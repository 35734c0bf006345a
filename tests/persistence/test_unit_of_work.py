"""One commit point, for both databases."""

import contextlib
import threading
import time

import pytest
from flask import Flask
from sqlalchemy import insert, select

from app.persistence.db import db
from app.persistence.models.running import LeaseRow
from app.persistence.unit_of_work import reading_one_state, unit_of_work
from tests.conftest import START


def _lease(name: str) -> LeaseRow:
    return LeaseRow(name=name, owner="me", fence=1, expires_at=START)


def test_what_a_unit_of_work_wrote_is_there_after_it(app: Flask) -> None:
    with unit_of_work() as work:
        work.session.add(_lease("kept"))

    assert db.session().scalars(select(LeaseRow.name)).all() == ["kept"]


def test_an_error_takes_back_everything(app: Flask) -> None:
    with contextlib.suppress(ZeroDivisionError), unit_of_work() as work:
        work.session.add(_lease("lost"))
        work.session.flush()
        _ = 1 / 0

    assert db.session().scalars(select(LeaseRow.name)).all() == []


def test_what_is_read_as_one_state_holds_nothing_that_was_committed_meanwhile(app: Flask) -> None:
    names = select(LeaseRow.name)
    with reading_one_state() as session:
        before = session.scalars(names).all()
        with db.engine.connect().execution_options(duecourse_writes=True) as other, other.begin():
            other.execute(insert(LeaseRow).values(name="new", owner="me", fence=1, expires_at=START))
        after = session.scalars(names).all()

    assert (before, after) == ([], [])
    assert db.session().scalars(names).all() == ["new"]


def test_units_of_work_do_not_nest(app: Flask) -> None:
    with unit_of_work(), pytest.raises(RuntimeError, match="already open"), unit_of_work():
        pass


def test_instants_come_back_to_the_microsecond(app: Flask) -> None:
    at = START.replace(microsecond=123456)
    with unit_of_work() as work:
        work.session.add(LeaseRow(name="n", owner="o", fence=1, expires_at=at))

    assert db.session().scalar(select(LeaseRow.expires_at)) == at


def test_whoever_waits_for_the_lock_of_sqlite_gets_it_between_two_busy_writers_turns(sqlite_book: Flask) -> None:
    """Its own waiting grows to a tenth of a second between two looks: a sweep would keep a one-time code out for seconds."""
    turns = {"busy": 0, "waiting": 0}

    def write() -> None:
        with sqlite_book.app_context():
            while turns["waiting"] < 5 and turns["busy"] < 60:
                with unit_of_work():
                    turns["waiting"] += 1
            db.session.remove()

    waiting = threading.Thread(target=write)
    while turns["busy"] < 60 and turns["waiting"] < 5:
        with unit_of_work():
            if not turns["busy"]:
                waiting.start()
            time.sleep(0.05)
        turns["busy"] += 1
        time.sleep(0.001)
    waiting.join()

    assert turns["waiting"] == 5, "sixty turns of the busy one were not enough"
