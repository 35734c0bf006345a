"""Follow-ups: what waits for a day is looked at on it, once, and one that fails holds up no other."""

from datetime import date, timedelta

from flask import Flask

from app.engine.follow_ups import follow_up_due
from app.persistence.models.follow_ups import FollowUpRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.moments import find_moments
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services.follow_ups import follow_up_at, forget_follow_up
from tests.builders.book import Built, build_loan
from tests.builders.journey import Journey
from tests.conftest import START

DAY = timedelta(days=1)


def set_one(built: Built, subject_id: str, *, at: timedelta = DAY) -> None:
    with unit_of_work() as work:
        lock_agenda(work.session, [built.borrower_id])
        follow_up_at(work, "test", subject_id, built.borrower_id, at=START + at)


def test_it_is_looked_at_on_its_day_and_once(app: Flask) -> None:
    built = build_loan(now=START, due=[date(2026, 5, 1)])
    set_one(built, built.loan_id)
    seen: list[str] = []

    def look(_work: Work, subject_id: str, **_now: object) -> None:
        seen.append(subject_id)

    early = follow_up_due(now=START + DAY - timedelta(seconds=1), handlers={"test": look})
    looks = [follow_up_due(now=START + DAY, handlers={"test": look}) for _ in range(2)]

    assert (early, looks, seen) == (0, [1, 0], [built.loan_id])


def test_a_look_may_set_the_next_one(app: Flask) -> None:
    built = build_loan(now=START, due=[date(2026, 5, 1)])
    set_one(built, built.loan_id)

    def look(work: Work, subject_id: str, **_now: object) -> None:
        follow_up_at(work, "test", subject_id, built.borrower_id, at=START + 2 * DAY)

    follow_up_due(now=START + DAY, handlers={"test": look})

    with reading() as session:
        assert find_moments(session).follow_up_at == START + 2 * DAY


def test_one_that_fails_is_tried_later_and_holds_up_no_other(app: Flask) -> None:
    built, other = (build_loan(now=START, due=[date(2026, 5, 1)], lender_id=None) for _ in range(2))
    set_one(built, built.loan_id)
    set_one(other, other.loan_id)
    seen: list[str] = []

    def look(_work: Work, subject_id: str, **_now: object) -> None:
        if subject_id == built.loan_id:
            raise RuntimeError("not now")
        seen.append(subject_id)

    follow_up_due(now=START + DAY, handlers={"test": look})

    with reading() as session:
        (row,) = session.query(FollowUpRow).all()
        assert (row.subject_id, row.tries, row.next_try_at) == (built.loan_id, 1, START + DAY + timedelta(minutes=1))
    assert seen == [other.loan_id]


def test_one_that_is_forgotten_is_not_looked_at(app: Flask) -> None:
    built = build_loan(now=START, due=[date(2026, 5, 1)])
    set_one(built, built.loan_id)
    with unit_of_work() as work:
        lock_agenda(work.session, [built.borrower_id])
        forget_follow_up(work, "test", built.loan_id)

    assert follow_up_due(now=START + DAY, handlers={}) == 0


def test_a_journey_goes_through_the_doors_on_one_clock(app: Flask) -> None:
    journey = Journey(app)
    journey.put_borrower()
    loan_id = journey.put_loan("L1", [date(2026, 3, 10), date(2026, 4, 10)])
    journey.until(START + timedelta(days=9))
    journey.pay("L1", 2_500)

    balance = journey.me("GET", f"/loans/{loan_id}/balance")

    assert (balance["overdue"]["total"]["amount_minor"], balance["days_past_due"]) == (7_500, 1)
    assert journey.inbox()
