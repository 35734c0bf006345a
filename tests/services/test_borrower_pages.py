"""A borrower's page has everything this lender knows, says what goes on, and leaves its trace."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import BorrowerValues, PaymentValues
from app.domain.contact_requests import ContactRequestValues
from app.domain.disputes import DisputeValues
from app.domain.errors import NotFoundError, ValidationError
from app.domain.hardship import HardshipValues
from app.domain.ledger import EntryKind
from app.domain.mandates import MandateState, MandateValues
from app.domain.money import Money
from app.persistence.db import session
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditRow
from app.persistence.models.reminders import DecisionEventRow, DecisionRow
from app.persistence.unit_of_work import unit_of_work
from app.services.borrower_page_parts import MOST_LISTED, BorrowerPage
from app.services.borrower_pages import Opening, open_borrower
from app.services.borrowers import put_borrower
from app.services.contact_requests import record
from app.services.conversations import Word, add_word
from app.services.desk_loans import open_loan
from app.services.disputes import open_dispute
from app.services.hardship import open_request
from app.services.mandates import put_mandate
from app.services.notes import Writer, add_note
from app.services.payments import record_payment
from app.services.promises import Giver, make_promises
from app.services.sessions import open_session
from app.services.tasks import NewTask, add_task
from tests.builders.book import Built, build_lender, build_loan, give_phone, pay
from tests.builders.payments import an_intent
from tests.conftest import START

DUE = [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]


def opened(loan: Built, **more: object) -> BorrowerPage:
    opening = Opening("staff:Ann", loan.lender_id, loan.borrower_no, "caller", **more)  # type: ignore[arg-type]
    return open_borrower(opening, now=START, locale="en")


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE, borrower_no="B1", name="Li Wei", zone="Asia/Shanghai", phone="+8613800001234")


def test_everything_known_of_a_borrower_is_on_it(loan: Built) -> None:
    give_phone(loan, now=START, zone="Europe/Berlin")
    pay(loan, 4_000, now=START)
    with unit_of_work() as work:
        work.session.add(an_intent(loan, new_id(), now=START))
        add_word(work, loan.borrower_id, Word("t:1", "sms", "Hello", at=START), now=START)
        open_dispute(work, loan.borrower_id, loan.loan_id, DisputeValues("dispute", "not_mine", "No."), now=START)
        open_request(work, loan.borrower_id, HardshipValues("other"), now=START)
        record(work, loan.borrower_id, ContactRequestValues("avoid_place", place="workplace"), now=START)
        open_session(work, loan.borrower_id, "phone", "Pixel", now=START)
        giver = Giver("staff:Ann", "voice", loan.lender_id)
        make_promises(work, loan.borrower_id, loan.loan_id, [(Money(500, "USD"), START.date())], giver=giver, now=START)
        values = MandateValues(MandateState.ACTIVE, "M1")
        put_mandate(work, loan.lender_id, loan.loan_no, values, by="test", now=START)
        writer = Writer("staff:Ann", "agent", loan.lender_id)
        add_note(work, "B1", "Calls after six", writer=writer, now=START)
        add_note(work, "B1", "Has a brother who translates", writer=writer, now=START, pinned=True)
        add_task(work, NewTask("t/1", loan.borrower_id, "call", "early", due_at=START), now=START)

    page = opened(loan)

    assert [place.zone for place in page.places] == ["Asia/Shanghai", "Europe/Berlin"]
    assert [place.local_time.hour for place in page.places] == [17, 10]
    assert page.loans[0].disputed == Money(26_000, "USD")
    assert {hold.kind for hold in page.holds if hold.stands} >= {"dispute", "hardship", "promise_to_pay"}
    assert page.payments[0].splits[0].split.principal == 4_000
    assert [note.text for note in page.notes] == ["Has a brother who translates", "Calls after six"]
    assert {task.kind for task in page.tasks} >= {"call", "answer_conversation"}
    counts = {
        name: len(getattr(page, name))
        for name in ("intents", "disputes", "hardship", "contact_requests", "sessions", "promises",
                     "mandates", "devices", "wishes")
    }  # fmt: skip
    assert counts == dict.fromkeys(counts, 1)
    assert page.conversations
    assert page.more == []


def test_lists_hold_the_newest_and_say_that_they_go_on(loan: Built) -> None:
    for number in range(MOST_LISTED + 1):
        pay(loan, 10 + number, now=START + timedelta(minutes=number))

    page = opened(loan)

    assert ([len(page.payments), page.payments[0].amount.minor], page.more) == ([MOST_LISTED, 30], ["payments"])


def test_a_payment_taken_back_is_marked_and_spread_no_more(loan: Built) -> None:
    pay(loan, 4_000, now=START, reference="P-1")
    values = PaymentValues("R-1", loan.loan_no, 4_000, "USD", START.date(), EntryKind.REVERSAL, reverses_reference="P-1")
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=START, origin="test")

    page = opened(loan)

    (entry,) = [each for each in page.payments if each.reference == "P-1"]
    assert (entry.is_reversed, entry.splits) == (True, [])


def test_the_newest_decisions_say_why(loan: Built) -> None:
    decision_id = new_id()
    at = datetime(2026, 3, 1, 2, tzinfo=UTC)
    with unit_of_work() as work:
        work.session.add(
            DecisionRow(
                id=decision_id, borrower_id=loan.borrower_id, loan_id=loan.loan_id, subject_kind="instalment",
                subject_id=f"{loan.loan_id}/2", row_no=2, anchor_no=1, step_key="d+0", policy_id=new_id(), occurs_at=at,
                local_date=at.date(), outcome="SUPPRESSED", reason="CAP_PERSON", decided_at=at,
            )
        )  # fmt: skip
        work.session.flush()
        work.session.add(
            DecisionEventRow(
                decision_id=decision_id, seq=1, borrower_id=loan.borrower_id, at=at, outcome="SUPPRESSED",
                reason="CAP_PERSON",
            )
        )  # fmt: skip

    (decision,) = opened(loan).decisions

    assert (decision.step, decision.local_date, decision.reason) == ("d+0", date(2026, 3, 1), "CAP_PERSON")
    assert decision.sentence.startswith("Not sent: ")


def test_opening_needs_a_reason_and_writes_one_row(loan: Built) -> None:
    task_id = new_id()
    opened(loan, task_id=task_id)

    with pytest.raises(ValidationError):
        open_borrower(Opening("staff:Ann", loan.lender_id, "B1", None), now=START, locale="en")
    rows = session().scalars(select(AuditRow).where(AuditRow.action.startswith("borrower."))).all()
    assert [(row.actor, row.action, row.borrower_id, row.facts) for row in rows] == [
        ("staff:Ann", "borrower.opened", loan.borrower_id, {"reason": "caller", "task_id": task_id})
    ]


def test_a_borrower_of_other_lenders_alone_is_not_there_and_nothing_is_written(loan: Built) -> None:
    other = build_lender(now=START, code="other")

    with pytest.raises(NotFoundError):
        open_borrower(Opening("staff:Eve", other, "B1", "caller"), now=START, locale="en")
    assert session().scalars(select(AuditRow).where(AuditRow.action == "borrower.opened")).all() == []


def test_the_newest_word_of_each_channel_counts(app: Flask) -> None:
    first = build_loan(now=START, due=DUE, borrower_no="B1", consents={"sms": True, "email": True})
    with unit_of_work() as work:
        values = BorrowerValues("B1", consents={"sms": False, "email": True})
        put_borrower(work, values, now=START + timedelta(minutes=1), origin="test")

    page = open_borrower(Opening("staff:Ann", first.lender_id, "B1", "caller"), now=START + timedelta(hours=1), locale="en")

    assert {each.channel: each.given for each in page.consents} == {"email": True, "sms": False}


def test_a_day_without_an_end_is_known_as_of_its_end_where_the_loan_is(loan: Built) -> None:
    reader = Writer("staff:Ann", "agent", loan.lender_id)
    pay(loan, 10_000, now=START + timedelta(days=1))
    later = START + timedelta(days=5)

    same_day = open_loan("B1", loan.loan_no, reader=reader, as_of=START.date(), known_at=None, now=later).past
    at_instant = open_loan("B1", loan.loan_no, reader=reader, as_of=START.date(), known_at=START, now=later).past

    assert same_day is not None
    assert at_instant is not None
    assert same_day.known_at == datetime(2026, 3, 2, 23, 59, 59, 999999, tzinfo=UTC)
    assert (same_day.differences, same_day.learnt) == ([], [])
    assert at_instant.known_at == START
