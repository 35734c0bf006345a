"""What is hidden stays hidden from whoever has every number that was ever published, and solves for it."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest
from flask import Flask

from app.domain.bulletins import PEOPLE, cells_with
from app.persistence.ids import new_id
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.queries.bulletin_rows import each_row
from app.persistence.queries.bulletins import get_bulletin, load_figures
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.bulletin_figures import definitions
from app.services.bulletin_hiding import DOMINATED, TOGETHER
from app.services.bulletins import WantedBulletin, freeze_bulletin, known_of, make_bulletin, publish_bulletin
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.bulletins import make_events
from tests.builders.collateral import a_pledge, tell
from tests.conftest import START

AFTER = START + timedelta(days=200)
DAY = timedelta(days=1)

Cell = tuple[str, str, str, str]
"""(bulletin, key, cell, currency)."""


def _loans(count: int, lenders: Sequence[str] | None = None) -> list[Built]:
    of = lenders or [build_lender(now=START)]
    return [build_loan(now=START, due=[START.date()], lender_id=of[n % len(of)]) for n in range(count)]


def _frozen(first_on: date, last_on: date, lender_id: str | None, *, now: datetime = AFTER, **more: str) -> str:
    with unit_of_work() as work:
        row = make_bulletin(work, WantedBulletin(first_on, last_on, lender_id, **more), by="staff:Ann", now=now)
        freeze_bulletin(work, row.id, by="staff:Ann", now=now)
        return row.id


def _hidden(bulletin_id: str, key: str) -> str | None:
    with reading() as session:
        (figure,) = load_figures(session, bulletin_id, key)
    return figure.hidden


# -- vehicles: what came, less what is left, is what went --------------------------------------------------------------


def _vehicles(loans: Sequence[Built], on: date) -> list[tuple[Built, str]]:
    found = []
    for built in loans:
        found.append((built, a_pledge(built, now=START, reference=new_id())))
        tell(built, found[-1][1], "taken", on, now=START)
    return found


def test_a_few_vehicles_given_back_cannot_be_had_from_the_stocks_around_them(sqlite_book: Flask) -> None:
    loans = _loans(20)
    begin = START.date() - 50 * DAY
    held = _vehicles(loans[:12], begin)
    before = _frozen(begin, begin + 9 * DAY, loans[0].lender_id)
    _vehicles(loans[12:], begin + 12 * DAY)
    for built, thing in held[:2]:
        tell(built, thing, "released", begin + 15 * DAY, now=START)

    after = _frozen(begin + 10 * DAY, begin + 19 * DAY, loans[0].lender_id)

    assert _hidden(before, "vehicles_held") is None
    assert _hidden(after, "vehicles_released") == "small"
    flows = {key: _hidden(after, key) for key in ("vehicles_taken", "vehicles_held")}
    assert set(flows.values()) == {"complement", None}, flows  # 12 + 8 less 18 would be the two


def test_without_a_stock_before_nothing_follows_and_both_are_shown(sqlite_book: Flask) -> None:
    loans = _loans(20)
    begin = START.date() - 50 * DAY
    for built, thing in _vehicles(loans, begin)[:2]:
        tell(built, thing, "released", begin + 5 * DAY, now=START)

    only = _frozen(begin, begin + 9 * DAY, loans[0].lender_id)

    assert _hidden(only, "vehicles_released") == "small"
    assert _hidden(only, "vehicles_taken") is None
    assert _hidden(only, "vehicles_held") is None


# -- amounts: nearly all one person's ----------------------------------------------------------------------------------


def _pay(built: Built, amount: int, known: datetime = START) -> None:
    with unit_of_work() as work:
        work.session.add(
            LedgerEntryRow(
                id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, kind="repayment", amount_minor=amount,
                currency="USD", effective_on=START.date(), recorded_at=known, imported_at=known, reference=new_id(),
                origin="test",
            )
        )  # fmt: skip


def test_an_amount_that_is_nearly_all_one_persons_is_not_shown(sqlite_book: Flask) -> None:
    loans = _loans(8)
    for n, built in enumerate(loans):
        _pay(built, 1_000_000 if n == 0 else 100)

    bulletin_id = _frozen(START.date(), START.date(), loans[0].lender_id)

    assert _hidden(bulletin_id, "amount_collected") == DOMINATED
    with reading() as session:
        document = json.loads(get_bulletin(session, bulletin_id).document or "")
    (figure,) = (each for each in document["figures"] if each["key"] == "amount_collected")
    assert figure["totals"] == [{"currency": "USD", "value": None}]


def test_a_correction_to_which_one_person_adds_nearly_all_is_not_shown(sqlite_book: Flask) -> None:
    loans = _loans(12)
    for built in loans:
        _pay(built, 10_000)
    first = _frozen(START.date(), START.date(), loans[0].lender_id)
    with unit_of_work() as work:
        publish_bulletin(work, first, by="staff:Bo", now=AFTER)
    for n, built in enumerate(loans):
        _pay(built, 5_000 if n == 0 else 1, known=AFTER + DAY)

    again = _frozen(
        START.date(), START.date(), loans[0].lender_id, now=AFTER + 2 * DAY, corrects_id=first, note="Told late."
    )

    assert _hidden(first, "amount_collected") is None
    assert _hidden(again, "amount_collected") == DOMINATED


# -- all of it together ------------------------------------------------------------------------------------------------


def _periods(random: Random) -> Iterator[tuple[date, date]]:
    """Three that follow one another, one over two of them, one anywhere."""
    begin = START.date() - 30 * DAY
    for number in range(3):
        yield begin + number * 20 * DAY, begin + (number * 20 + 19) * DAY
    yield begin, begin + 39 * DAY
    shift = random.randint(1, 30)
    yield begin + shift * DAY, begin + (shift + random.randint(0, 25)) * DAY


@pytest.mark.parametrize("seed", range(4))
def test_an_attacker_with_all_published_equations_cannot_solve_for_a_small_number(sqlite_book: Flask, seed: int) -> None:
    random = Random(seed)
    lenders = [build_lender(now=START), build_lender(now=START, code="beta")]
    loans = _loans(14, lenders)
    make_events(loans, 220, around=START, random=random)
    wanted = [(first, last, random.choice((lenders[0], None))) for first, last in _periods(random)]
    random.shuffle(wanted)
    bulletins = [_frozen(first, last, lender_id) for first, last, lender_id in wanted]

    families = [*TOGETHER, *((key,) for key in definitions().figures if not any(key in keys for keys in TOGETHER))]
    looked_at = 0
    for keys in families:
        members, shown, small = _what_lies_where(bulletins, keys)
        rows = _reduced([_row(members, cell) for cell in shown])
        for cell in small:
            looked_at += 1
            assert not _follows(rows, _row(members, cell)), (seed, cell)
    assert looked_at > 40


def _what_lies_where(
    bulletins: Sequence[str], keys: Sequence[str]
) -> tuple[Mapping[Cell, set[tuple[str, str]]], list[Cell], list[Cell]]:
    """Return what is in each number, the numbers that are published, and those about too few people."""
    members: dict[Cell, set[tuple[str, str]]] = defaultdict(set)
    shown: list[Cell] = []
    small: list[Cell] = []
    with reading() as session:
        for bulletin_id in bulletins:
            row = get_bulletin(session, bulletin_id)
            for key in keys:
                definition = definitions().figures[key]
                rows = each_row(session.connection(), definition, known_of(row, AFTER), lender_id=row.lender_id)
                for thing, cell, currency, person in rows:
                    for wider in cells_with(cell):
                        what = person if definition.unit == PEOPLE else thing
                        members[bulletin_id, key, wider, currency].add((what, currency))
                for each in load_figures(session, bulletin_id, key):
                    place = (bulletin_id, key, each.cell, each.currency)
                    if each.hidden is None:
                        shown.append(place)
                    elif each.hidden == "small":
                        small.append(place)
    return members, shown, small


Row = dict[tuple[str, str], Fraction]


def _row(members: Mapping[Cell, set[tuple[str, str]]], cell: Cell) -> Row:
    return dict.fromkeys(members[cell], Fraction(1))


def _reduced(rows: Sequence[Row]) -> list[tuple[tuple[str, str], Row]]:
    """Return rows with a pivot each, by Gauss over fractions: a way of solving that the product does not use."""
    done: list[tuple[tuple[str, str], Row]] = []
    for row in rows:
        left = _less(row, done)
        if left:
            done.append((min(left), left))
    return done


def _less(row: Row, done: Sequence[tuple[tuple[str, str], Row]]) -> Row:
    left = dict(row)
    for pivot, other in done:
        factor = left.get(pivot, Fraction(0)) / other[pivot]
        if factor:
            for place, number in other.items():
                left[place] = left.get(place, Fraction(0)) - factor * number
            left = {place: number for place, number in left.items() if number}
    return left


def _follows(done: Sequence[tuple[tuple[str, str], Row]], wanted: Row) -> bool:
    return not _less(wanted, done)
