"""Figures are what their rows come to: counted a second time in plain Python, as known at any instant."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.event import listen, remove

from app.domain.bulletins import ALL, PEOPLE, AsKnown, Period, cell_name
from app.persistence.db import db
from app.persistence.queries.bulletin_rows import ROWS, page_rows
from app.persistence.unit_of_work import reading
from app.services.bulletin_figures import count_figures, definitions
from app.services.register_removals import look_at_reports
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.bulletins import Event, make_events
from tests.builders.collateral import a_pledge, tell
from tests.builders.registers import ask, reportable, second
from tests.conftest import START

ZONE = "UTC"
PERIOD = Period((START - timedelta(days=20)).date(), (START + timedelta(days=19)).date(), ZONE)
FIGURES = (
    "reminders_sent", "people_contacted", "calls_made", "letters_sent", "letters_delivered", "letters_returned",
    "cases_received", "cases_answered", "holds_put", "amount_collected", "amount_given_up", "vehicles_taken",
    "vehicles_released", "vehicles_redeemed", "vehicles_sold", "credit_reports_begun", "people_reported",
    "contacts_blocked_by_law", "contacts_deferred_by_law",
)  # fmt: skip


def _loans(count: int) -> list[Built]:
    lenders = [build_lender(now=START), build_lender(now=START, code="beta")]
    return [build_loan(now=START, due=[START.date()], lender_id=lenders[n % 2]) for n in range(count)]


def _recount(events: Iterable[Event], known: AsKnown, lender_id: str | None) -> dict[tuple[str, str, str], int]:
    """Count as a reader of the definitions would."""
    found: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
    for event in events:
        day = event.at.date()
        if known.first_on <= day <= known.last_on and event.known_at <= known.known_at:
            if lender_id in (None, event.built.lender_id):
                for values in product(*((value, ALL) for value in event.cell)):
                    found[event.figure, cell_name(values), event.currency].append(event)
    figures = definitions().figures
    return {
        place: len({event.built.borrower_id for event in each})
        if figures[place[0]].unit == PEOPLE
        else sum(event.amount for event in each)
        for place, each in found.items()
    }


def test_every_definition_has_one_query_and_every_query_a_definition() -> None:
    assert set(definitions().figures) == set(ROWS)


@pytest.mark.both
@pytest.mark.parametrize("seed", range(3))
def test_figures_are_what_a_second_count_finds(app: Flask, seed: int) -> None:
    random = Random(seed)
    loans = _loans(12)
    events = make_events(loans, 250, around=START, random=random)

    for lender_id, late in ((None, 0), (loans[0].lender_id, 0), (None, 60), (loans[1].lender_id, 200)):
        known = AsKnown(PERIOD, PERIOD.end_at + timedelta(days=late))
        with reading() as session:
            cells = count_figures(session.connection(), known, lender_id=lender_id, smallest=5, only=FIGURES)
        assert {(each.key, each.cell, each.currency): each.value for each in cells if each.value} == {
            place: value for place, value in _recount(events, known, lender_id).items() if value
        }


@pytest.mark.both
def test_a_number_is_the_count_or_the_sum_of_the_rows_that_one_drills_down_to(app: Flask) -> None:
    loans = _loans(8)
    make_events(loans, 1000, around=START, random=Random(11))
    known = AsKnown(PERIOD, PERIOD.end_at + timedelta(days=200))

    with reading() as session:
        reads = session.connection()
        cells = count_figures(reads, known, lender_id=None, smallest=3)
        assert {each.key for each in cells} >= set(FIGURES)
        for each in cells:
            definition, rows, after = definitions().figures[each.key], [], None
            while page := page_rows(
                reads, definition, known, cell=each.cell, currency=each.currency, lender_id=None, after=after, limit=7
            ):
                rows += page
                after = page[-1].borrower_id if definition.unit == PEOPLE else page[-1].row_id
            value = sum(row.amount for row in rows) if definition.is_amount else len(rows)
            assert value == each.value, each


def _number(key: str, known: AsKnown) -> int:
    with reading() as session:
        cells = count_figures(session.connection(), known, lender_id=None, smallest=1, only=[key])
    return next((each.value for each in cells if each.cell == definitions().figures[key].cells_of_total), 0)


def test_a_vehicle_taken_back_as_a_mistake_and_told_again_of_an_earlier_day_is_held(app: Flask) -> None:
    (loan,) = _loans(1)
    thing = a_pledge(loan, now=START)
    days = [START.date() - timedelta(days=each) for each in (10, 5, 2)]
    tell(loan, thing, "taken", days[0], now=START, reference="wrong")
    tell(loan, thing, "reversal", days[2], now=START, reverses="wrong")
    tell(loan, thing, "taken", days[1], now=START)

    assert _number("vehicles_held", AsKnown(PERIOD, PERIOD.end_at)) == 1
    assert _number("vehicles_taken", AsKnown(PERIOD, PERIOD.end_at)) == 1


def test_whoever_was_taken_off_before_the_register_heard_of_them_was_not_reported(app: Flask) -> None:
    loan = reportable(START)
    ask([loan], now=START, approved_by=second(loan))
    before = _number("people_reported", AsKnown(PERIOD, START))
    pay(loan, 10_000, now=START + timedelta(hours=1))
    look_at_reports(now=START + timedelta(hours=1))

    assert before == 1
    assert _number("people_reported", AsKnown(PERIOD, START)) == 1  # as it was known then
    assert _number("people_reported", AsKnown(PERIOD, PERIOD.end_at)) == 0
    assert _number("register_entries", AsKnown(PERIOD, PERIOD.end_at)) == 0


def test_counting_takes_as_many_statements_whatever_the_book(sqlite_book: Flask) -> None:
    loans = _loans(10)
    known = AsKnown(PERIOD, PERIOD.end_at + timedelta(days=200))
    asked: list[str] = []

    def count() -> int:
        asked.clear()
        with reading() as session:
            count_figures(session.connection(), known, lender_id=None, smallest=5)
        return len(asked)

    def note(*given: Any) -> None:
        asked.append(given[2])

    listen(db.engine, "before_cursor_execute", note)
    try:
        make_events(loans, 60, around=START, random=Random(1))
        few = count()
        make_events(loans, 600, around=START, random=Random(2))
        many = count()
    finally:
        remove(db.engine, "before_cursor_execute", note)
    assert few == many <= len(ROWS) + 1
