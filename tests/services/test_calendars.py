"""A lender's calendar: the country's days, its own on top, never stale, whoever changed them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.domain.calendars import Calendar, CalendarDay, DayKind
from app.domain.errors import DomainError, NotFoundError, RefusedError, ValidationError
from app.persistence.db import db, session
from app.persistence.models.calendars import CalendarDayRow
from app.persistence.queries.calendars import renew_calendar_version
from app.persistence.unit_of_work import unit_of_work
from app.services import calendars
from app.services.calendar_files import read_days
from app.services.calendars import calendar_for, put_days, remove_days, year_of
from app.services.country_calendars import country_calendar
from app.services.lenders import get_lender
from tests.builders.locks import wait_until_blocked
from tests.builders.stored_book import stored_lender
from tests.conftest import START

MAKE_UP_SATURDAY = date(2026, 2, 14)
SPRING_FESTIVAL = date(2026, 2, 17)
PLAIN_MONDAY = date(2026, 3, 2)
PLAIN_SATURDAY = date(2026, 3, 7)


def _put(*days: CalendarDay, code: str = "acme") -> dict[str, int]:
    with unit_of_work() as work:
        return dict(put_days(work, get_lender(work, code), days, now=START, by="test"))


def _calendar(code: str = "acme") -> Calendar:
    db.session.rollback()
    return calendar_for(session(), get_lender(session(), code))


def _off(day: date, name: str = "Founding day") -> CalendarDay:
    return CalendarDay(day, DayKind.OFF, name)


def _working(day: date, name: str = "Open") -> CalendarDay:
    return CalendarDay(day, DayKind.WORKING, name)


def test_a_lender_without_days_of_its_own_has_its_countrys(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")

    assert _calendar() is country_calendar("CN")


def test_own_days_win_over_the_country(app: Flask) -> None:
    stored_lender(jurisdiction="CN")

    done = _put(_off(PLAIN_MONDAY), _off(MAKE_UP_SATURDAY), _working(SPRING_FESTIVAL), _working(PLAIN_SATURDAY))

    assert done == {"added": 4}
    days = (PLAIN_MONDAY, MAKE_UP_SATURDAY, SPRING_FESTIVAL, PLAIN_SATURDAY, date(2026, 2, 28))
    assert [_calendar().is_business_day(day) for day in days] == [False, False, True, True, True]
    assert _calendar().is_known(PLAIN_MONDAY)
    row = session().scalars(select(CalendarDayRow).where(CalendarDayRow.day == PLAIN_MONDAY)).one()
    assert (row.kind, row.name, row.recorded_at, row.recorded_by) == ("off", "Founding day", START, "test")


def test_one_lenders_days_are_not_anothers(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")
    stored_lender("other", jurisdiction="CN")

    _put(_off(PLAIN_MONDAY), _off(PLAIN_SATURDAY))
    _put(_off(PLAIN_SATURDAY), _working(SPRING_FESTIVAL), code="other")

    assert _calendar("other").is_business_day(PLAIN_MONDAY)
    with unit_of_work() as work:
        remove_days(work, get_lender(work, "other"), [PLAIN_SATURDAY])
    assert PLAIN_SATURDAY in _calendar().days_off
    assert not _calendar().is_business_day(SPRING_FESTIVAL)


def test_what_is_said_again_replaces_what_was_said(app: Flask) -> None:
    stored_lender(jurisdiction="CN")
    _put(_off(PLAIN_MONDAY), _off(PLAIN_SATURDAY))
    assert not _calendar().is_business_day(PLAIN_MONDAY)

    done = _put(_off(PLAIN_SATURDAY), _working(PLAIN_MONDAY), _working(SPRING_FESTIVAL))

    assert done == {"unchanged": 1, "changed": 1, "added": 1}
    assert _calendar().is_business_day(PLAIN_MONDAY)


def test_a_day_said_again_keeps_who_said_it_first(sqlite_book: Flask) -> None:
    stored_lender()
    _put(_off(PLAIN_MONDAY))

    with unit_of_work() as work:
        put_days(work, get_lender(work, "acme"), [_off(PLAIN_MONDAY)], now=START + timedelta(days=9), by="another")

    row = session().scalars(select(CalendarDayRow)).one()
    assert (row.recorded_at, row.recorded_by) == (START, "test")


def test_a_day_taken_back_is_the_countrys_again(app: Flask) -> None:
    stored_lender(jurisdiction="CN")
    _put(_working(SPRING_FESTIVAL), _off(PLAIN_MONDAY))
    assert _calendar().is_business_day(SPRING_FESTIVAL)

    with unit_of_work() as work:
        remove_days(work, get_lender(work, "acme"), [SPRING_FESTIVAL])

    assert not _calendar().is_business_day(SPRING_FESTIVAL)
    assert not _calendar().is_business_day(PLAIN_MONDAY)


def test_only_own_days_can_be_taken_back(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")
    _put(_off(PLAIN_MONDAY))

    with (
        pytest.raises(NotFoundError, match=r"2026-02-17 is not among acme's own days.*add it as working"),
        unit_of_work() as work,
    ):
        remove_days(work, get_lender(work, "acme"), [SPRING_FESTIVAL, PLAIN_MONDAY])

    assert not _calendar().is_business_day(PLAIN_MONDAY)


def test_a_process_that_did_not_make_the_edit_sees_it_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    stored_lender(jurisdiction="CN")
    _put(_off(PLAIN_SATURDAY))
    here = calendars._held
    _calendar()

    monkeypatch.setattr(calendars, "_held", {})  # another process has its own
    _put(_off(PLAIN_MONDAY))
    assert not _calendar().is_business_day(PLAIN_MONDAY)
    monkeypatch.setattr(calendars, "_held", here)

    assert not _calendar().is_business_day(PLAIN_MONDAY)


def test_what_was_rolled_back_is_not_remembered(app: Flask) -> None:
    stored_lender(jurisdiction="CN")
    _put(_off(PLAIN_SATURDAY))

    with unit_of_work() as work:
        lender = get_lender(work, "acme")
        put_days(work, lender, [_off(PLAIN_MONDAY)], now=START, by="test")
        assert not calendar_for(work.session, lender).is_business_day(PLAIN_MONDAY)
        work.session.rollback()

    _put(_off(PLAIN_MONDAY + timedelta(days=1)))
    assert _calendar().is_business_day(PLAIN_MONDAY)


def test_two_who_say_something_of_one_day_at_once_take_turns(app: Flask) -> None:
    stored_lender()

    def another() -> dict[str, int]:
        with app.app_context():
            return _put(_working(PLAIN_MONDAY, "the later"))

    with ThreadPoolExecutor(1) as pool:
        with unit_of_work() as work:
            put_days(work, get_lender(work, "acme"), [_off(PLAIN_MONDAY, "the earlier")], now=START, by="test")
            answer = pool.submit(another)
            wait_until_blocked(answer)
        assert answer.result(timeout=30) == {"changed": 1}

    assert session().scalars(select(CalendarDayRow.name)).all() == ["the later"]


def test_a_lender_that_moves_country_keeps_its_own_days_over_the_new_one(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")
    _put(_off(PLAIN_MONDAY))
    assert _calendar().is_business_day(date(2026, 1, 26))

    stored_lender(jurisdiction="IN")

    assert not _calendar().is_business_day(date(2026, 1, 26))
    assert not _calendar().is_business_day(PLAIN_MONDAY)


def test_a_calendar_that_has_not_changed_costs_no_statement(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")
    _put(_off(PLAIN_MONDAY))
    lender = get_lender(session(), "acme")
    calendar_for(session(), lender)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    again = calendar_for(session(), lender)
    event.remove(db.engine, "before_cursor_execute", note)

    assert statements == []
    assert not again.is_business_day(PLAIN_MONDAY)


def test_an_edit_of_nothing_new_still_gives_a_version_never_used_before(sqlite_book: Flask) -> None:
    stored_lender()
    versions = set()
    for _ in range(3):
        with unit_of_work() as work:
            lender = get_lender(work, "acme")
            renew_calendar_version(work.session, lender)
            versions.add(lender.calendar_version)

    assert len(versions) == 3


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ([_off(PLAIN_MONDAY), _working(PLAIN_MONDAY)], "2026-03-02 is listed 2 times"),
        ([_off(date(206, 5, 1))], "0206-05-01 is not a day from 1970 to 2199"),
        ([_off(PLAIN_MONDAY, "  ")], "2026-03-02 needs a name: why it is off"),
        ([_off(PLAIN_MONDAY, "x" * 201)], "name is longer than 200"),
        ([_off(PLAIN_MONDAY, "a\x00b")], "control character"),
    ],
)
def test_days_that_cannot_be_meant_are_refused(sqlite_book: Flask, days: list[CalendarDay], why: str) -> None:
    stored_lender()

    with pytest.raises(ValidationError, match=why):
        _put(_off(PLAIN_SATURDAY), *days)

    assert session().scalars(select(CalendarDayRow.day)).all() == []


def test_a_year_shows_what_each_says_and_the_lender_where_both_speak(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="CN")
    _put(_working(SPRING_FESTIVAL), _off(PLAIN_MONDAY), _off(date(2027, 1, 4)))

    shown = year_of(session(), get_lender(session(), "acme"), 2026)

    assert (shown.business_days, shown.is_known) == (248, True)
    assert [(each.day, each.source) for each in shown.days if each.source == "own"] == [
        (SPRING_FESTIVAL, "own"),
        (PLAIN_MONDAY, "own"),
    ]
    assert (MAKE_UP_SATURDAY, DayKind.WORKING, "Working day (moved)", "CN") in shown.days
    assert {each.day.year for each in shown.days} == {2026}
    assert not year_of(session(), get_lender(session(), "acme"), 2027).is_known


def test_a_year_is_counted_from_its_first_day_to_its_last(sqlite_book: Flask) -> None:
    stored_lender(jurisdiction="MM")

    assert year_of(session(), get_lender(session(), "acme"), 2026).business_days == 261  # Thursday to Thursday


def _file(folder: Path, text: str | bytes) -> Path:
    path = folder / "days.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_file_of_days_is_read(tmp_path: Path) -> None:
    path = _file(
        tmp_path, '\ufeffday,kind,name\r\n2026-05-01,off,Labour day\r\n\r\n 2026-05-09 ,working,"Make-up, Saturday"\r\n'
    )

    assert read_days(path) == [
        CalendarDay(date(2026, 5, 1), DayKind.OFF, "Labour day"),
        CalendarDay(date(2026, 5, 9), DayKind.WORKING, "Make-up, Saturday"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "first line of days.csv must be day,kind,name"),
        ("date,kind,name\n", "first line of days.csv must be day,kind,name"),
        ("day,kind,name\n2026-02-30,off,x\n", "line 2: '2026-02-30' is not a day"),
        ("day,kind,name\n2026-02-03,off,x\n2026-02-04,shut,x\n", "line 3: 'shut' is neither off nor working"),
        ("day,kind,name\n2026-02-03,off\n2026-02-03,off,a,b\n", "line 2: needs the 3 cells day,kind,name; line 3: needs"),
        ("day,kind,name\n" + "x,off,x\n" * 12, "and 2 more"),
        ('day,kind,name\n2026-02-03,off,"x\n', "not separated text"),
        (b"day,kind,name\n2026-02-03,off,\xff\n", "days.csv is not UTF-8 text"),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_whole_and_says_where(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        read_days(_file(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DomainError, match="cannot be opened: No such file"):
        read_days(tmp_path / "none.csv")
