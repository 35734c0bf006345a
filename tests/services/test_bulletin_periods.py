"""A bulletin is of whole days where the lender is: no instant is lost between two, and a period that is none is refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.domain.bulletins import Period
from app.domain.disputes import DisputeValues
from app.domain.errors import ValidationError
from app.persistence.ids import new_id
from app.persistence.models.calls import CallRow
from app.persistence.queries.bulletins import get_bulletin
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.bulletins import WantedBulletin, figures_of, freeze_bulletin, make_bulletin, publish_bulletin
from app.services.disputes import open_dispute
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.desk import a_seat
from tests.conftest import START

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
TODAY = NOW.date()
MICROSECOND = timedelta(microseconds=1)


def _lender(zone: str = "UTC", code: str = "acme") -> Built:
    lender_id = build_lender(now=START, code=code, zone=zone)
    return build_loan(now=START, due=[START.date()], lender_id=lender_id)


def _called(built: Built, *instants: datetime) -> None:
    with unit_of_work() as work:
        work.session.add_all(
            CallRow(
                id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, origin="staff", outcome="answered",
                called_at=at, recorded_at=at, by="staff:x", note_key=new_id(),
            )
            for at in instants
        )  # fmt: skip


def _made(first_on: date, last_on: date, lender_id: str | None, **more: Any) -> str:
    with unit_of_work() as work:
        return make_bulletin(work, WantedBulletin(first_on, last_on, lender_id, **more), by="staff:Ann", now=NOW).id


def _calls(built: Built, first_on: date, last_on: date) -> int:
    return _number(built, "calls_made", first_on, last_on)


def _number(built: Built, key: str, first_on: date, last_on: date) -> int:
    with reading() as session:
        row = get_bulletin(session, _made(first_on, last_on, built.lender_id))
        cells = figures_of(session, row, now=NOW)
    return next((each.value for each in cells if (each.key, each.cell) == (key, "*")), 0)


@pytest.mark.both
@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("Europe/London", date(2026, 3, 29), datetime(2026, 3, 29, 0, tzinfo=UTC), 23),  # clocks go forward
        ("Europe/London", date(2026, 10, 25), datetime(2026, 10, 24, 23, tzinfo=UTC), 25),  # and back
        ("Asia/Shanghai", date(2026, 5, 5), datetime(2026, 5, 4, 16, tzinfo=UTC), 24),
        ("America/Santiago", date(2026, 9, 6), datetime(2026, 9, 6, 4, tzinfo=UTC), 23),  # a day without its midnight
    ],
)
def test_one_day_is_from_its_first_to_its_last_instant_where_the_lender_is(
    app: Flask, zone: str, day: date, begins: datetime, hours: int
) -> None:
    built = _lender(zone)
    ends = begins + timedelta(hours=hours)
    _called(built, begins - MICROSECOND, begins, ends - MICROSECOND, ends)

    assert _calls(built, day, day) == 2
    assert _calls(built, day - timedelta(days=1), day - timedelta(days=1)) == 1
    assert _calls(built, day + timedelta(days=1), day + timedelta(days=1)) == 1


def test_the_first_instant_of_the_next_day_is_the_next_days_of_cases_too(sqlite_book: Flask) -> None:
    built, day = _lender(), date(2026, 5, 5)
    begins, ends = datetime(2026, 5, 5, tzinfo=UTC), datetime(2026, 5, 6, tzinfo=UTC)
    for at in (begins - MICROSECOND, begins, ends - MICROSECOND, ends):
        with unit_of_work() as work:
            case = DisputeValues("dispute", "other", f"It is wrong at {at}.")
            open_dispute(work, built.borrower_id, built.loan_id, case, now=at)

    assert _number(built, "cases_received", day, day) == 2
    assert _number(built, "cases_received", day - timedelta(days=1), day - timedelta(days=1)) == 1
    assert _number(built, "cases_received", day + timedelta(days=1), day + timedelta(days=1)) == 1


def test_days_that_follow_one_another_leave_no_instant_out() -> None:
    for zone in ("UTC", "America/New_York", "Pacific/Kiritimati"):
        first = Period(date(2026, 3, 1), date(2026, 3, 31), zone)
        assert first.end_at == Period(date(2026, 4, 1), date(2026, 4, 30), zone).start_at


def test_a_period_across_a_year_is_the_days_of_both(sqlite_book: Flask) -> None:
    built = _lender()
    _called(built, datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC))

    assert _calls(built, date(2025, 12, 20), date(2026, 1, 10)) == 2
    assert _calls(built, date(2025, 12, 20), date(2025, 12, 31)) == 1


def test_a_period_in_which_nothing_happened_or_before_the_book_is_all_nothing_and_can_be_read(sqlite_book: Flask) -> None:
    built = _lender()

    for first_on, last_on in ((date(2026, 6, 1), date(2026, 6, 30)), (date(1970, 1, 1), date(1970, 12, 31))):
        bulletin_id = _made(first_on, last_on, built.lender_id)
        assert sqlite_book.test_client().get(f"/bulletins/{bulletin_id}").status_code == 404
        with unit_of_work() as work:
            freeze_bulletin(work, bulletin_id, by="staff:Ann", now=NOW)
        client = sqlite_book.test_client()
        assert client.get(f"/v1/bulletins/{bulletin_id}").status_code == 404
        with unit_of_work() as work:
            publish_bulletin(work, bulletin_id, by="staff:Bo", now=NOW)
        figures = client.get(f"/v1/bulletins/{bulletin_id}").json["document"]["figures"]
        assert {each["value"] for figure in figures for each in figure["totals"]} == {0}
        assert all(figure["cells"] == [] for figure in figures)
        for locale, word in (("en", "Operations bulletin"), ("zh-CN", "运营公报")):
            asked = {"Accept-Language": locale}
            assert word in client.get(f"/bulletins/{bulletin_id}", headers=asked).text
            assert client.get(f"/v1/bulletins/{bulletin_id}/pdf", headers=asked).data.startswith(b"%PDF")


REFUSED = [
    ({"first_on": date(2026, 5, 2), "last_on": date(2026, 5, 1)}, "/last_on", "The last day must be the first"),
    ({"first_on": date(2025, 5, 1), "last_on": date(2026, 5, 2)}, "/last_on", "365 days after it"),
    ({"first_on": TODAY + timedelta(days=1), "last_on": TODAY + timedelta(days=9)}, "/first_on", "2026-12-01"),
    ({"first_on": date(9999, 12, 31), "last_on": date(9999, 12, 31)}, "/first_on", "or earlier"),
    ({"first_on": date(1, 1, 1), "last_on": date(1, 1, 1)}, "/first_on", "1970-01-01 or later"),
]


@pytest.mark.parametrize(("wanted", "pointer", "said"), REFUSED)
def test_a_period_that_is_none_is_refused_and_says_what_to_do(
    sqlite_book: Flask, wanted: dict[str, date], pointer: str, said: str
) -> None:
    built = _lender("Asia/Shanghai")

    with pytest.raises(ValidationError) as refused:
        _made(lender_id=built.lender_id, **wanted)

    assert [each.pointer for each in refused.value.errors] == [pointer]
    assert said in str(refused.value)


def test_of_lenders_in_two_zones_somebody_says_in_which_the_days_begin(sqlite_book: Flask) -> None:
    _lender("Asia/Shanghai")
    _lender("Europe/London", code="beta")

    for more, said in (({}, "several zones"), ({"zone": "Moon/Base"}, "Moon/Base")):
        with pytest.raises(ValidationError, match=said):
            _made(date(2026, 5, 1), date(2026, 5, 2), None, **more)
    with reading() as session:
        row = get_bulletin(session, _made(date(2026, 5, 1), date(2026, 5, 2), None, zone="Asia/Shanghai"))
    assert row.zone == "Asia/Shanghai"


@pytest.mark.parametrize(
    ("first_on", "last_on", "locale", "said"),
    [
        ("", "2026-01-02", "en", ""),
        ("2026-02-30", "2026-03-01", "en", "Not a date"),
        ("2026-01-05", "2026-01-02", "en", "The last day must be the first"),
        ("2026-01-05", "2026-01-02", "zh-CN", "末日须为首日或其后365日之内。"),
        ("2150-01-01", "2150-01-02", "zh-CN", "首日不能晚于今天"),
    ],
)
def test_the_form_keeps_what_was_typed_and_says_what_is_wrong(
    sqlite_book: Flask, first_on: str, last_on: str, locale: str, said: str
) -> None:
    built = _lender()
    seat = a_seat(sqlite_book, built.lender_id, role="compliance", locale=locale)

    answer = seat.send("/bulletins", first_on=first_on, last_on=last_on)

    assert answer.status_code == 422
    assert said in answer.text
    assert last_on in answer.text
