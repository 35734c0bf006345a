"""Bulletins are frozen once, chained, published by a second person, and put right by a named correction alone."""

import json
from datetime import timedelta
from random import Random

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.domain.errors import ConflictError, ForbiddenError, ValidationError
from app.persistence.models.bulletins import BulletinRow
from app.persistence.queries import bulletins as queries
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.bulletin_checks import verify_bulletin
from app.services.bulletin_signatures import is_signed, public_key
from app.services.bulletins import (
    WantedBulletin,
    discard_bulletin,
    figures_of,
    freeze_bulletin,
    make_bulletin,
    publish_bulletin,
    smallest_cell,
)
from tests.builders.book import Built, build_lender, build_loan
from tests.builders.bulletins import make_events
from tests.conftest import START

FIRST, LAST = (START - timedelta(days=40)).date(), (START + timedelta(days=20)).date()
AFTER = START + timedelta(days=90)
SEED = bytes(range(32))


def _book(events: int = 200, loans: int = 12) -> list[Built]:
    lenders = [build_lender(now=START), build_lender(now=START, code="beta")]
    built = [build_loan(now=START, due=[START.date()], lender_id=lenders[n % 2]) for n in range(loans)]
    make_events(built, events, around=START, random=Random(3))
    return built


def _make(**wanted: object) -> str:
    with unit_of_work() as work:
        given = WantedBulletin(**{"first_on": FIRST, "last_on": LAST, **wanted})  # type: ignore[arg-type]
        return make_bulletin(work, given, by="staff:Ann", now=AFTER).id


def _freeze(bulletin_id: str, *, late: int = 0) -> None:
    with unit_of_work() as work:
        freeze_bulletin(work, bulletin_id, by="staff:Ann", now=AFTER + timedelta(days=late), seed=SEED)


def _publish(bulletin_id: str, by: str = "staff:Bo") -> None:
    with unit_of_work() as work:
        publish_bulletin(work, bulletin_id, by=by, now=AFTER)


def _row(bulletin_id: str) -> BulletinRow:
    with reading() as session:
        row = queries.get_bulletin(session, bulletin_id)
        session.expunge(row)
        return row


@pytest.mark.both
def test_a_frozen_bulletin_is_whole_signed_chained_and_counts_to_the_same(app: Flask) -> None:
    _book()
    first, second = _make(), _make(first_on=FIRST, last_on=FIRST + timedelta(days=9))
    _freeze(first)
    _freeze(second)

    row, next_row = _row(first), _row(second)
    document = json.loads(row.document or "")
    assert (row.chain_no, next_row.chain_no) == (1, 2)
    assert json.loads(next_row.document or "")["previous_sha256"] == row.sha256
    assert document["previous_sha256"] is None
    assert is_signed(public_key(SEED), row.sha256 or "", row.signature or "")
    assert not is_signed(public_key(SEED), next_row.sha256 or "", row.signature or "")
    with reading() as session:
        for each in (first, second):
            found = verify_bulletin(
                session, queries.get_bulletin(session, each), now=AFTER + timedelta(days=9), public=public_key(SEED)
            )
            assert found.is_equal, found
            assert found.is_signed
            assert found.numbers > 20


@pytest.mark.both
def test_what_is_frozen_never_changes_in_the_database(app: Flask) -> None:
    _book(60)
    bulletin_id = _make()
    _freeze(bulletin_id)
    changes = (
        "UPDATE bulletins SET document = '{}'", "UPDATE bulletins SET sha256 = 'x'",
        "UPDATE bulletins SET last_on = first_on",
        "UPDATE bulletin_figures SET value = value + 1", "UPDATE bulletin_figures SET hidden = NULL",
    )  # fmt: skip

    for change in changes:
        with pytest.raises(DBAPIError, match="never changed"), unit_of_work() as work:
            work.session.execute(text(change))
    _publish(bulletin_id)
    with pytest.raises(DBAPIError, match="never changed"), unit_of_work() as work:
        work.session.execute(text("UPDATE bulletins SET state = 'discarded'"))


def test_a_second_person_publishes(sqlite_book: Flask) -> None:
    _book(60)
    bulletin_id = _make()
    with pytest.raises(ConflictError):
        _publish(bulletin_id)
    _freeze(bulletin_id)
    with pytest.raises(ForbiddenError):
        _publish(bulletin_id, by="staff:Ann")

    _publish(bulletin_id)

    with pytest.raises(ConflictError), unit_of_work() as work:
        discard_bulletin(work, bulletin_id, by="staff:Bo", now=AFTER)


def test_a_period_that_goes_on_is_not_frozen(sqlite_book: Flask) -> None:
    _book(10)
    bulletin_id = _make(last_on=AFTER.date())
    with pytest.raises(ConflictError, match="goes on"):
        _freeze(bulletin_id)


def test_late_arrivals_are_in_a_named_correction_and_never_in_what_was_frozen(sqlite_book: Flask) -> None:
    loans = _book(0)
    for built in loans:
        _pay(built, known_late=False)
    bulletin_id = _make()
    _freeze(bulletin_id)
    _publish(bulletin_id)
    for built in loans:
        _pay(built, known_late=True)

    with reading() as session:
        found = verify_bulletin(session, queries.get_bulletin(session, bulletin_id), now=AFTER + timedelta(days=5))
    assert found.is_equal
    with pytest.raises(ValidationError):
        _make(corrects_id=bulletin_id)
    correction = _make(corrects_id=bulletin_id, note="Payments told late.")
    _freeze(correction, late=5)
    with reading() as session:
        before = {c.cell: c for c in queries.load_figures(session, bulletin_id, "amount_collected")}
        after = {c.cell: c for c in queries.load_figures(session, correction, "amount_collected")}
        document = json.loads(queries.get_bulletin(session, correction).document or "")
    assert after[""].value == 2 * before[""].value
    assert after[""].hidden is None
    assert document["corrects"]["note"] == "Payments told late."


def test_a_correction_by_few_people_does_not_tell_of_them(sqlite_book: Flask) -> None:
    loans = _book(0)
    for built in loans:
        _pay(built, known_late=False)
    bulletin_id = _make()
    _freeze(bulletin_id)
    _publish(bulletin_id)
    _pay(loans[0], known_late=True)
    correction = _make(corrects_id=bulletin_id, note="A payment told late.")
    _freeze(correction, late=5)

    with reading() as session:
        (figure,) = queries.load_figures(session, correction, "amount_collected")
    assert figure.hidden == "complement"  # 13 payments less the 12 published before are one person's


def test_a_lender_alone_and_the_whole_installation_do_not_give_away_the_other_lender(sqlite_book: Flask) -> None:
    lenders = [build_lender(now=START), build_lender(now=START, code="beta")]
    many = [build_loan(now=START, due=[START.date()], lender_id=lenders[0]) for _ in range(8)]
    few = [build_loan(now=START, due=[START.date()], lender_id=lenders[1]) for _ in range(2)]
    for built in (*many, *few):
        _pay(built, known_late=False)
    whole, alone = _make(), _make(lender_id=lenders[0])
    _freeze(whole)
    _freeze(alone)

    with reading() as session:
        (of_all,) = queries.load_figures(session, whole, "amount_collected")
        (of_one,) = queries.load_figures(session, alone, "amount_collected")
    assert of_all.hidden is None
    assert of_one.hidden == "complement"  # else two people of the other lender were the difference


def test_small_numbers_are_neither_shown_nor_said_to_be_there(sqlite_book: Flask) -> None:
    loans = _book(0)
    for built in loans[:3]:
        _pay(built, known_late=False)
    bulletin_id = _make()
    _freeze(bulletin_id)

    document = json.loads(_row(bulletin_id).document or "")
    figures = {each["key"]: each for each in document["figures"]}
    assert figures["amount_collected"]["totals"] == [{"currency": "USD", "value": None}]
    assert figures["holds_put"]["totals"] == [{"currency": None, "value": 0}]
    assert document["smallest_cell"] == 5
    with reading() as session:
        cells = figures_of(session, queries.get_bulletin(session, bulletin_id), now=AFTER)
    assert [each.hidden for each in cells if each.key == "amount_collected"] == ["small"]


def test_the_law_of_the_lender_is_asked_how_small_a_cell_may_be(sqlite_book: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.services import bulletin_figures, bulletins

    _book(0, loans=1)
    bulletin_id = _make()
    lax = bulletin_figures.read_definitions({"smallest_cell": 2, "sections": {}, "figures": []})
    monkeypatch.setattr(bulletins, "definitions", lambda: lax)
    with unit_of_work() as work:
        row = queries.get_bulletin(work.session, bulletin_id)
        work.session.execute(text("UPDATE lenders SET jurisdiction = 'CN'"))
        assert smallest_cell(work.session, row, now=AFTER) == 5
        assert smallest_cell(work.session, row, now=AFTER.replace(year=2020)) == 2  # the rule is of 2021-11-01


def _pay(built: Built, *, known_late: bool) -> None:
    from app.persistence.ids import new_id
    from app.persistence.models.loans import LedgerEntryRow

    known = AFTER + timedelta(days=2) if known_late else START
    with unit_of_work() as work:
        work.session.add(
            LedgerEntryRow(
                id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, kind="repayment", amount_minor=100,
                currency="USD", effective_on=START.date(), recorded_at=known, imported_at=known, reference=new_id(),
                origin="test",
            )
        )  # fmt: skip
