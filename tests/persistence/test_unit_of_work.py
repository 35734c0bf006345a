"""One commit point, for both databases."""

import contextlib

import pytest
from flask import Flask
from sqlalchemy import select

from app.persistence.db import db
from app.persistence.models.running import LeaseRow
from app.persistence.unit_of_work import unit_of_work
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


def test_units_of_work_do_not_nest(app: Flask) -> None:
    with unit_of_work(), pytest.raises(RuntimeError, match="already open"), unit_of_work():
        pass


def test_instants_come_back_to_the_microsecond(app: Flask) -> None:
    at = START.replace(microsecond=123456)
    with unit_of_work() as work:
        work.session.add(LeaseRow(name="n", owner="o", fence=1, expires_at=at))

    assert db.session().scalar(select(LeaseRow.expires_at)) == at
