"""The sample book is made once and whole: who ends the first start while it is made gets a whole one by the next."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine

from app import clock, logs
from app.domain.errors import RefusedError
from app.factory import create_app
from app.persistence.db import db, session
from app.persistence.models.lenders import LenderRow
from app.persistence.unit_of_work import close_session, unit_of_work
from app.sandbox import book_making
from app.sandbox.book_making import UNFINISHED, prepare_book
from app.sandbox.sample_lenders import LENDERS
from app.services.lenders import put_lender
from tests.conftest import START, make_settings


class Making:
    """Stands in for the making of the book: one commit for each lender, and whatever happens after the first."""

    def __init__(self) -> None:
        self.times, self.breaks_off = 0, False

    def fill(self, **_given: object) -> dict[str, int]:
        self.times += 1
        for sample in LENDERS[:2]:
            with unit_of_work() as work:
                put_lender(work, sample.values, now=START)
            if self.breaks_off:
                raise KeyboardInterrupt
        return {"lenders": 2}


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    made = Making()
    monkeypatch.setattr(book_making.sample_book, "fill", made.fill)
    monkeypatch.setattr(book_making, "open_wechat", lambda **_given: None)
    return made


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(make_settings(f"sqlite:///{tmp_path / 'sandbox.db'}", tmp_path, mode="sandbox"))
    with app.app_context():
        yield app
        close_session()
        db.engine.dispose()
    clock.use(clock.system_now)


def lenders() -> int:
    close_session()
    return session().query(LenderRow).count()


def test_half_a_book_is_thrown_away_by_the_next_start(sandbox: Flask, making: Making, tmp_path: Path) -> None:
    said: list[str] = []
    making.breaks_off = True
    with pytest.raises(KeyboardInterrupt):
        prepare_book(db.engine, tmp_path, said.append)
    assert lenders() == 1

    making.breaks_off = False
    prepare_book(db.engine, tmp_path, said.append)

    assert lenders() == 2
    assert "The sample book was not made to its end last time; it is made anew." in said
    assert not (tmp_path / UNFINISHED).exists()


def test_a_whole_book_is_kept_whatever_is_said_of_another_database(sandbox: Flask, making: Making, tmp_path: Path) -> None:
    prepare_book(db.engine, tmp_path, lambda _text: None)
    prepare_book(db.engine, tmp_path, lambda _text: None)
    (tmp_path / UNFINISHED).write_text("sqlite:////elsewhere.db")

    prepare_book(db.engine, tmp_path, lambda _text: None)

    assert (making.times, lenders()) == (1, 2)


def test_a_database_that_is_no_file_is_left_to_its_owner(tmp_path: Path) -> None:
    engine = create_engine("postgresql+psycopg://me:hush@nowhere.example/book")
    (tmp_path / UNFINISHED).write_text("postgresql+psycopg://me:***@nowhere.example/book")

    with pytest.raises(RefusedError, match=r"me:\*\*\*@nowhere\.example/book was not made to its end\. Drop"):
        prepare_book(engine, tmp_path, lambda _text: None)


def test_what_the_made_up_book_would_alarm_about_is_not_printed_to_whoever_starts_it(
    sandbox: Flask, making: Making, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = StringIO()
    fill = making.fill

    def fill_loudly(**given: object) -> dict[str, int]:
        logs.logger().error("duty of law missed")
        return fill(**given)

    monkeypatch.setattr(book_making.sample_book, "fill", fill_loudly)
    logs.configure("INFO", written)
    try:
        prepare_book(db.engine, tmp_path, lambda _said: None)
        assert written.getvalue() == ""
        logs.logger().error("a real alarm")
    finally:
        logs.configure("INFO")

    assert "a real alarm" in written.getvalue()
