"""Bulletins at the desk: two people, rows of one's own lender alone, a file only with a fresh code."""

from datetime import timedelta
from random import Random

from flask import Flask
from sqlalchemy import select, update

from app import clock
from app.persistence.models.audit import AuditRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.staff import StaffSessionRow
from app.persistence.queries.letters import mark_letter
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.bulletins import WantedBulletin, figures_of, freeze_bulletin, get_own, make_bulletin, publish_bulletin
from tests.builders.book import build_lender, build_loan
from tests.builders.bulletins import make_events
from tests.builders.desk import a_seat
from tests.conftest import START

FIRST, LAST = START - timedelta(days=100), START - timedelta(days=20)


def _lender(code: str = "acme") -> str:
    lender_id = build_lender(now=START, code=code)
    loans = [build_loan(now=START, due=[START.date()], lender_id=lender_id) for _ in range(10)]
    make_events(loans, 150, around=START - timedelta(days=60), random=Random(5))
    return lender_id


def test_two_people_publish_a_bulletin_and_its_rows_are_found(sqlite_book: Flask) -> None:
    lender_id = _lender()
    ann, bo = (a_seat(sqlite_book, lender_id, role="compliance") for _ in range(2))

    path = ann.send("/bulletins", first_on=f"{FIRST:%Y-%m-%d}", last_on=f"{LAST:%Y-%m-%d}").headers["Location"]
    one = path.removeprefix("/desk")
    assert ann.send(one, act="freeze").status_code == 303
    assert ann.send(one, act="publish").status_code in (403, 422)
    assert bo.send(one, act="publish").status_code == 303

    assert sqlite_book.test_client().get(one).status_code == 200
    page = bo.browser.get(f"{path}/figures/reminders_sent").text
    assert page.count('<code class="said">') > 5
    assert "Equal" in bo.browser.get(f"{path}/check").text
    with reading() as session:
        acts = session.scalars(select(AuditRow.action).where(AuditRow.action.like("bulletin.%"))).all()
    assert set(acts) == {"bulletin.make", "bulletin.freeze", "bulletin.publish", "bulletin.drilled"}


def test_rows_of_another_lender_are_nowhere(sqlite_book: Flask) -> None:
    lender_id, other_id = _lender(), _lender("beta")
    ann, eve = a_seat(sqlite_book, lender_id, role="admin"), a_seat(sqlite_book, other_id, role="admin")
    path = ann.send("/bulletins", first_on=f"{FIRST:%Y-%m-%d}", last_on=f"{LAST:%Y-%m-%d}").headers["Location"]

    for address in (path, f"{path}/check", f"{path}/figures/calls_made", f"{path}/figures/calls_made/csv"):
        assert ann.browser.get(address).status_code == 200, address
        assert eve.browser.get(address).status_code == 404, address
    agent = a_seat(sqlite_book, lender_id)
    assert agent.browser.get(path).status_code == 403


def test_taking_the_rows_out_is_written_down_with_how_many_they_were(sqlite_book: Flask) -> None:
    ann = a_seat(sqlite_book, _lender(), role="admin")
    path = ann.send("/bulletins", first_on=f"{FIRST:%Y-%m-%d}", last_on=f"{LAST:%Y-%m-%d}").headers["Location"]

    taken = ann.browser.get(f"{path}/figures/reminders_sent/csv").text

    with reading() as session:
        (said,) = session.scalars(select(AuditRow).where(AuditRow.action == "bulletin.exported"))
    assert said.facts == {
        "bulletin": path.rsplit("/", 1)[-1], "figure": "reminders_sent", "cell": "*|*", "rows": taken.count("\n") - 1,
    }  # fmt: skip
    assert said.facts["rows"] > 5
    assert said.actor.startswith("staff:")


def test_of_the_whole_installation_a_lender_sees_what_the_public_sees(sqlite_book: Flask) -> None:
    lender_id = _lender()
    _lender("beta")
    ann = a_seat(sqlite_book, lender_id, role="admin")
    with unit_of_work() as work:
        wanted = WantedBulletin(FIRST.date(), LAST.date())
        whole = make_bulletin(work, wanted, by="operator:Ann", now=START).id
        freeze_bulletin(work, whole, by="operator:Ann", now=START)
    path = f"/desk/bulletins/{whole}"

    assert ann.browser.get(path).status_code == 404  # before it is published it tells of other lenders
    assert whole not in ann.browser.get("/desk/bulletins").text
    with unit_of_work() as work:
        publish_bulletin(work, whole, by="operator:Bo", now=START)
    page = ann.browser.get(path)
    with reading() as session:
        numbers = figures_of(session, get_own(session, whole, None), now=START)
    hidden = [each for each in numbers if each.hidden]
    assert page.status_code == 200
    assert hidden
    for each in hidden[:20]:
        assert f"{each.key}?cell={each.cell}&".replace("|", "%7C").replace("*", "%2A") not in page.text
        drilled = ann.browser.get(f"{path}/figures/{each.key}", query_string={"cell": each.cell, "currency": each.currency})
        assert "<dt>People</dt>" not in drilled.text
        assert "<dt>Number</dt><dd>–</dd>" in drilled.text
    assert "too few" not in page.text


def test_publishing_asks_for_a_fresh_code(sqlite_book: Flask) -> None:
    lender_id = _lender()
    ann, bo = (a_seat(sqlite_book, lender_id, role="compliance") for _ in range(2))
    path = ann.send("/bulletins", first_on=f"{FIRST:%Y-%m-%d}", last_on=f"{LAST:%Y-%m-%d}").headers["Location"]
    one = path.removeprefix("/desk")
    ann.send(one, act="freeze")
    with unit_of_work() as work:
        work.session.execute(update(StaffSessionRow).values(proved_at=START - timedelta(minutes=11)))

    bo.send(one, act="publish")

    assert sqlite_book.test_client().get(one).status_code == 404


def test_an_address_with_control_characters_is_refused_and_breaks_nothing(sqlite_book: Flask) -> None:
    lender_id = _lender()
    ann = a_seat(sqlite_book, lender_id, role="compliance")
    path = ann.send("/bulletins", first_on=f"{FIRST:%Y-%m-%d}", last_on=f"{LAST:%Y-%m-%d}").headers["Location"]

    for query in ("cell=%00%7C%2A", "currency=%00"):
        answer = ann.browser.get(f"{path}/figures/reminders_sent?{query}")
        assert answer.status_code == 200
        assert "\x00" not in answer.text


def test_what_became_known_later_is_told_apart_from_a_difference(sqlite_book: Flask) -> None:
    lender_id = _lender()
    ann = a_seat(sqlite_book, lender_id, role="compliance")
    path = ann.send("/bulletins", first_on=f"{FIRST:%Y-%m-%d}", last_on=f"{LAST:%Y-%m-%d}").headers["Location"]
    ann.send(path.removeprefix("/desk"), act="freeze")
    with unit_of_work() as work:
        letter = work.session.scalars(
            select(LetterRow).where(LetterRow.delivered_at > FIRST + timedelta(days=1), LetterRow.delivered_at < LAST)
        ).first()
        assert letter is not None
        mark_letter(work.session, letter, "returned", now=START + timedelta(minutes=1))
    clock.use(lambda: START + timedelta(minutes=2))

    page = ann.browser.get(f"{path}/check").text

    assert "Equal" in page
    assert "Became known since" in page
    assert "Letters delivered" in page
    assert "Something that had been recorded was changed" not in page
