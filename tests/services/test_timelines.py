"""One order of everything that happened: whole, without repeats or gaps, of this lender alone, and never read unseen."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from app.domain.book import BorrowerValues
from app.domain.calls import OUTCOMES
from app.domain.contact_requests import ContactRequestValues
from app.domain.disputes import DisputeValues
from app.domain.errors import ForbiddenError, NotFoundError, ValidationError
from app.domain.hardship import HardshipValues
from app.domain.hold_terms import HoldValues
from app.domain.money import Money
from app.persistence.db import db, session
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.visits import VisitRow
from app.persistence.queries.timelines import STREAMS
from app.persistence.unit_of_work import unit_of_work
from app.services import interest_stops
from app.services.borrower_pages import Opening, open_borrower
from app.services.borrowers import put_borrower
from app.services.calls import ToldCall, log_call
from app.services.contact_requests import record
from app.services.conversations import Word, add_word
from app.services.disputes import open_dispute
from app.services.hardship import open_request
from app.services.holds import Teller, put_hold, release_hold
from app.services.notes import Writer, add_note, correct_note
from app.services.promises import Giver, cancel_promise, make_promises
from app.services.sessions import open_session
from app.services.timeline_entries import KINDS, TimelineEntry
from app.services.timelines import page_timeline
from tests.builders.book import Built, build_lender, build_loan, pay
from tests.builders.journey import Journey
from tests.builders.payments import an_intent
from tests.conftest import START

DUE = [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
PERSON: dict[str, Any] = {"name": "Li Wei", "phone": "+8613800001234", "zone": "Asia/Shanghai"}


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L1", **PERSON)


def reader(lender_id: str, role: str = "agent") -> Writer:
    return Writer("staff:Ann", role, lender_id)


def entries(lender_id: str, *, role: str = "agent", **more: Any) -> list[TimelineEntry]:
    given = {"limit": 100, "now": START + timedelta(days=1), "locale": "en", **more}
    return page_timeline("B1", reader=reader(lender_id, role), **given).entries


def test_a_stop_of_interest_is_told_when_it_begins_ends_and_is_taken_back(loan: Built) -> None:
    def row(work: Any) -> LoanRow:
        return work.session.get_one(LoanRow, loan.loan_id)

    by = {"by": "staff:Eve"}
    with unit_of_work() as work:
        key = interest_stops.put_stop(
            work, row(work), from_on=date(2026, 3, 1), until_on=None, scope="interest", rule="UK-BREATHING",
            reason="told by telephone", now=START, **by,
        )  # fmt: skip
    with unit_of_work() as work:
        later = START + timedelta(hours=1)
        interest_stops.end_stop(work, row(work), key, until_on=date(2026, 3, 20), now=later, **by)
    with unit_of_work() as work:
        interest_stops.withdraw_stop(work, row(work), key, now=START + timedelta(hours=2), **by)

    told = entries(loan.lender_id, kinds=["interest_stop"])
    assert [(each.code, each.on, each.by, each.loan_no, each.reason) for each in told] == [
        ("withdrawn", date(2026, 3, 1), "staff:Eve", "L1", "UK-BREATHING"),
        ("ended", date(2026, 3, 20), "staff:Eve", "L1", "UK-BREATHING"),
        ("began", date(2026, 3, 1), "staff:Eve", "L1", "UK-BREATHING"),
    ]
    assert not [each for each in entries(loan.lender_id) if each.code.startswith("interest_stop.")]
    other = build_lender(now=START, code="other")
    build_loan(now=START, due=DUE, borrower_no="B1", loan_no="L9", lender_id=other)
    assert entries(other, kinds=["interest_stop"]) == []


def at(minutes: int) -> Any:
    return START + timedelta(minutes=minutes)


def much_happens(loan: Built) -> None:
    """One of nearly everything, a minute apart."""
    pay(loan, 4_000, now=at(1))
    with unit_of_work() as work:
        work.session.add(an_intent(loan, new_id(), now=at(2)))
        add_word(work, loan.borrower_id, Word("t:1", "sms", "I did pay", at=at(3)), now=at(3))
        open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "already_paid", "No."), now=at(4))
        open_request(work, loan.borrower_id, HardshipValues("other"), now=at(5))
        record(work, loan.borrower_id, ContactRequestValues("avoid_place", place="workplace"), now=at(6))
        open_session(work, loan.borrower_id, "phone", "Pixel", now=at(7))
        giver = Giver("staff:Ann", "voice", loan.lender_id)
        (promise,) = make_promises(
            work, loan.borrower_id, loan.loan_id, [(Money(500, "USD"), START.date())], giver=giver, now=at(8)
        )
        cancel_promise(work, loan.borrower_id, promise.id, giver=giver, now=at(9))
        teller = Teller("staff:Ann", loan.lender_id, "supervisor")
        hold = put_hold(work, loan.borrower_id, HoldValues("litigation", loan_no="L1"), teller=teller, now=at(10))
        release_hold(work, loan.borrower_id, hold.id, teller=teller, now=at(11), reason="settled")
        note = add_note(work, "B1", "Calls after six", writer=reader(loan.lender_id), now=at(12))
        correct_note(work, "B1", note.id, "Calls after seven", writer=reader(loan.lender_id), now=at(13))
        told = ToldCall(OUTCOMES[0], at(14), seconds=60, loan_no="L1", note="Will pay on Friday")
        log_call(work, loan.borrower_id, told, by="staff:Ann", lender_id=loan.lender_id, now=at(15))
        work.session.add(
            VisitRow(
                id=new_id(), lender_id=loan.lender_id, borrower_id=loan.borrower_id, loan_ids=[loan.loan_id], place="home",
                from_at=at(100), until_at=at(160), people_sealed=b"", state="planned", evidence=[], planned_at=at(16),
                planned_by="staff:Ann",
            )
        )  # fmt: skip
    with unit_of_work() as work:
        put_borrower(work, BorrowerValues("B1", **PERSON, consents={"email": False}), now=at(17), origin="test")


def test_everything_stands_in_one_order_newest_first(loan: Built) -> None:
    much_happens(loan)

    found = entries(loan.lender_id)

    assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
    followed = ("act", "notice", "message", "hold", "wish")  # what the others brought with them
    told = [
        (each.kind, each.code)
        for each in reversed(found)
        if each.kind not in followed and (each.kind != "word" or each.text == "I did pay")
    ]
    assert told == [
        ("payment", "repayment"), ("intent", "opened"), ("word", "inbound"), ("dispute", "received"),
        ("hardship", "opened"), ("contact_request", "asked"), ("session", "signed_in"), ("promise", "made"),
        ("promise", "cancelled"), ("note", "written"), ("note", "corrected"), ("call", "answered"), ("visit", "planned"),
        ("consent", "refused"),
    ]  # fmt: skip
    holds = {(each.code, each.facts["kind"]) for each in found if each.kind == "hold"}
    assert holds >= {("put", "litigation"), ("released", "litigation"), ("put", "dispute")}
    texts = {(each.kind, each.text) for each in found}
    assert texts >= {("word", "I did pay"), ("note", "Calls after seven"), ("call", "Will pay on Friday")}
    (payment,) = [each for each in found if each.kind == "payment"]
    assert payment.splits[0].split.principal == 4_000


def test_pages_neither_repeat_nor_skip_an_entry_also_at_one_instant(loan: Built) -> None:
    much_happens(loan)
    with unit_of_work() as work:
        for number in range(5):
            add_note(work, "B1", f"Note {number}", writer=reader(loan.lender_id), now=START)
            add_word(work, loan.borrower_id, Word(f"s:{number}", "sms", f"Word {number}", at=START), now=START)

    whole = entries(loan.lender_id)
    paged: list[TimelineEntry] = []
    place = None
    while True:
        page = page_timeline(
            "B1", reader=reader(loan.lender_id), before=place, limit=3, now=START + timedelta(days=1), locale="en"
        )
        paged += page.entries
        place = page.resume
        if place is None:
            break

    assert paged == whole
    assert len({(each.kind, each.id, each.code) for each in paged}) == len(paged)


def test_kinds_can_be_chosen(loan: Built) -> None:
    much_happens(loan)

    assert {each.kind for each in entries(loan.lender_id, kinds=["note", "payment"])} == {"note", "payment"}
    with pytest.raises(ValidationError):
        entries(loan.lender_id, kinds=["gossip"])


def test_every_kind_has_a_stream_and_every_stream_a_kind() -> None:
    assert {stream.kind for stream in STREAMS.values()} == {*KINDS, "reading"}


def test_reading_texts_is_written_down_once_for_each_answer(loan: Built) -> None:
    pay(loan, 4_000, now=at(1))
    entries(loan.lender_id)
    assert _read() == []
    much_happens(loan)

    entries(loan.lender_id)

    assert [facts["from"] for facts in _read()] == ["timeline"]
    assert _read()[0]["texts"] >= 4


def test_who_read_what_is_told_to_those_who_may_read_the_audit_trail(loan: Built) -> None:
    from app.persistence.queries.audit import acting_for

    told = acting_for.set(loan.lender_id)
    try:
        open_borrower(Opening("staff:Ann", loan.lender_id, "B1", "caller"), now=START, locale="en")
    finally:
        acting_for.reset(told)

    assert "reading" not in {each.kind for each in entries(loan.lender_id)}
    with pytest.raises(ForbiddenError):
        entries(loan.lender_id, kinds=["reading"])
    (reading,) = entries(loan.lender_id, kinds=["reading"], role="compliance")
    assert (reading.code, reading.by, reading.facts) == ("borrower.opened", "staff:Ann", {"reason": "caller"})


def test_nothing_of_another_lender_is_in_it(loan: Built) -> None:
    other = build_lender(now=START, code="other")
    theirs = build_loan(now=START, due=DUE, borrower_no="B1", loan_no="SECRET", lender_id=other, **PERSON)
    before = {(each.kind, each.id) for each in entries(loan.lender_id)}
    pay(theirs, 100, now=at(1))
    with unit_of_work() as work:
        work.session.add(an_intent(theirs, new_id(), now=at(2)))
        open_dispute(work, theirs.borrower_id, theirs.loan_id, DisputeValues("dispute", "not_mine", "No."), now=at(3))
        add_note(work, "B1", "Theirs", writer=Writer("staff:Eve", "agent", other), now=at(4))
        told = ToldCall(OUTCOMES[0], at(5), seconds=60, loan_no="SECRET", note="Theirs")
        log_call(work, theirs.borrower_id, told, by="staff:Eve", lender_id=other, now=at(6))
        giver = Giver("staff:Eve", "voice", other)
        make_promises(work, theirs.borrower_id, theirs.loan_id, [(Money(500, "USD"), START.date())], giver=giver, now=at(7))

    assert {(each.kind, each.id) for each in entries(loan.lender_id)} - before == set()
    assert {each.loan_no for each in entries(other)} == {None, "SECRET"}
    with pytest.raises(NotFoundError):
        entries(build_lender(now=START, code="third"))


def test_decisions_and_messages_of_the_engine_are_told_with_their_reason(app: Flask) -> None:
    journey = Journey(app)
    journey.put_borrower(zone="UTC")
    journey.put_loan("L1", [journey.now.date() + timedelta(days=3), journey.now.date() + timedelta(days=33)])
    journey.until(journey.now + timedelta(days=4))

    found = entries(journey.lender_id, now=journey.now)

    decided = [each for each in found if each.kind == "decision"]
    assert decided
    assert all(each.sentence and each.reason and each.loan_no == "L1" for each in decided)
    messages = [each for each in found if each.kind == "message"]
    assert messages
    assert any(each.text for each in messages)
    assert {each.link for each in found if each.kind == "delivery"} <= {each.id for each in messages}


def test_a_page_takes_the_same_statements_however_much_there_is(loan: Built) -> None:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    def statements() -> int:
        seen.clear()
        entries(loan.lender_id)
        return len(seen)

    pay(loan, 10, now=START)
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        few = statements()
        event.remove(db.engine, "before_cursor_execute", note)
        much_happens(loan)
        event.listen(db.engine, "before_cursor_execute", note)
        many = statements()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)

    assert few == 3
    assert many == few + 1, "the audit row of what was read"


def _read() -> list[dict[str, Any]]:
    found = session().scalars(select(AuditRow.facts).where(AuditRow.action == "borrower.read").order_by(AuditRow.id)).all()
    session().rollback()
    return list(found)
