"""What becomes known after the freezing is no difference: counted as known then, every number is what was frozen."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.domain.deliveries import DeliveryReport, Told
from app.domain.disputes import DisputeValues
from app.domain.hold_terms import HoldValues
from app.persistence.ids import new_id
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.holds import HoldRow
from app.persistence.models.letters import LetterRow
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.queries.bulletins import get_bulletin, load_figures
from app.persistence.queries.fact_revisions import HOLD_UNTIL, add_revision
from app.persistence.queries.letters import mark_letter
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.bulletin_checks import Verification, verify_bulletin
from app.services.bulletins import WantedBulletin, freeze_bulletin, make_bulletin
from app.services.delivery_receipts import apply_reports
from app.services.dispute_answers import AnswerValues, answer
from app.services.disputes import escalate, open_dispute
from app.services.holds import Teller, change_until, put_hold
from tests.builders.book import Built, build_lender, build_loan, set_status
from tests.builders.calls import a_call_task, a_late_loan, dial
from tests.builders.calls import tell as tell_outcome
from tests.builders.collateral import a_pledge, tell
from tests.builders.sent import a_contact, a_sent
from tests.conftest import START
from tests.fakes.callbacks import NAME

DAY = timedelta(days=1)
LAST = START.date()
FROZEN = (START + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
"""The first instant after the period."""
LATER = FROZEN + 3 * DAY
Late = Callable[[], None]
"""What happens after the freezing."""


def _letter(built: Built, **told: datetime | None) -> str:
    message_id = a_sent(built.borrower_id, now=START, channel="letter", message_class="collection", template="letter")
    with unit_of_work() as work:
        row = LetterRow(
            id=new_id(), borrower_id=built.borrower_id, message_id=message_id, lender_id=built.lender_id, jurisdiction="CN",
            template="letter", locale="en", pages=1, sha256="0" * 64, pdf_sealed=b"", state="in_transit", created_at=START,
            changed_at=START, **told,
        )  # fmt: skip
        work.session.add(row)
        return row.id


def _mark(letter_id: str, state: str, at: datetime, now: datetime = LATER) -> None:
    with unit_of_work() as work:
        mark_letter(work.session, work.session.get_one(LetterRow, letter_id), state, now=now, at=at)


def a_letter_that_comes_back(built: Built) -> Late:
    letter_id = _letter(built, delivered_at=START)
    return lambda: _mark(letter_id, "returned", LATER - DAY)


def a_letter_delivered_in_time_and_told_of_late(built: Built) -> Late:
    letter_id = _letter(built)
    return lambda: _mark(letter_id, "delivered", START)


def a_letter_returned_in_time_and_told_of_late(built: Built) -> Late:
    letter_id = _letter(built)
    return lambda: _mark(letter_id, "returned", START)


def a_message_that_had_left_after_all(built: Built) -> Late:
    contact_id = a_contact(built.borrower_id, now=START)
    message_id = a_sent(
        built.borrower_id, now=START, reference="P-1", state="uncertain", contact_id=contact_id, lane="uncertain"
    )

    def told() -> None:
        with unit_of_work() as work:
            row = DeliveryReceiptRow(
                id=new_id(), provider=NAME, event_key="P-1/delivered", kind="report", received_at=LATER, told="delivered",
                provider_reference="P-1", is_signed=True, outcome="unmatched",
            )  # fmt: skip
            work.session.add(row)
            work.session.flush()
            report = DeliveryReport(row.event_key, Told.DELIVERED, reference="P-1", message_id=message_id, at=LATER)
            apply_reports(work, [(row, report)], now=LATER)

    return told


def a_case_answered_again(built: Built) -> Late:
    with unit_of_work() as work:
        values = DisputeValues("dispute", "other", "It is wrong.")
        case_id = open_dispute(work, built.borrower_id, built.loan_id, values, now=START)
    _answer(built, case_id, START + timedelta(hours=1))

    def again() -> None:
        with unit_of_work() as work:
            escalate(work, built.borrower_id, case_id, to="supervisor", reason="No.", now=LATER)
        _answer(built, case_id, LATER)

    return again


def _answer(built: Built, case_id: str, now: datetime) -> None:
    with unit_of_work() as work:
        values = AnswerValues("rejected", "It is right.")
        answer(work, built.lender_id, case_id, values, staff="staff:Ann", role="supervisor", now=now)


def a_hold_that_is_to_end_sooner(built: Built) -> Late:
    teller = Teller("staff:Ann", built.lender_id, "supervisor")
    with unit_of_work() as work:
        values = HoldValues("hardship", until_at=START + 30 * DAY)
        hold_id = put_hold(work, built.borrower_id, values, teller=teller, now=START - DAY).id

    def sooner() -> None:
        with unit_of_work() as work:  # as a core may say it that was late itself
            add_revision(work.session, HOLD_UNTIL, hold_id, START + 30 * DAY, now=LATER)
            work.session.execute(text("UPDATE holds SET until_at = :at"), {"at": _micros(START)})

    return sooner


def a_hold_that_is_to_end_sooner_and_then_later_again(built: Built) -> Late:
    sooner = a_hold_that_is_to_end_sooner(built)

    def moved_twice() -> None:
        sooner()
        with unit_of_work() as work:
            hold_id = work.session.scalars(select(HoldRow.id)).one()
            add_revision(work.session, HOLD_UNTIL, hold_id, START, now=LATER + timedelta(hours=1))
            work.session.execute(text("UPDATE holds SET until_at = :at"), {"at": _micros(START + 40 * DAY)})

    return moved_twice


def a_hold_whose_end_is_moved_by_its_door(built: Built) -> Late:
    teller = Teller("staff:Ann", built.lender_id, "supervisor")
    with unit_of_work() as work:
        values = HoldValues("hardship", until_at=FROZEN - timedelta(hours=1))
        hold_id = put_hold(work, built.borrower_id, values, teller=teller, now=START - DAY).id

    def moved() -> None:
        with unit_of_work() as work:
            change_until(work, built.borrower_id, hold_id, LATER + DAY, teller=teller, now=LATER)

    return moved


def put_hold_until(built: Built, until_at: datetime) -> str:
    teller = Teller("staff:Ann", built.lender_id, "supervisor")
    with unit_of_work() as work:
        return put_hold(
            work, built.borrower_id, HoldValues("hardship", until_at=until_at), teller=teller, now=START - DAY
        ).id


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def a_loan_that_was_written_off_and_goes_on(built: Built) -> Late:
    set_status(built, "written_off", now=START)
    return lambda: set_status(built, "active", now=LATER)


def a_payment_that_is_reversed_with_its_own_date(built: Built) -> Late:
    first = _entry(built, "repayment", START)
    return lambda: _entry(built, "reversal", LATER, first) and None


def _entry(built: Built, kind: str, known: datetime, reverses_id: str | None = None) -> str:
    with unit_of_work() as work:
        row = LedgerEntryRow(
            id=new_id(), borrower_id=built.borrower_id, loan_id=built.loan_id, kind=kind, amount_minor=100, currency="USD",
            effective_on=START.date(), recorded_at=known, imported_at=known, reference=new_id(), origin="test",
            reverses_id=reverses_id,
        )  # fmt: skip
        work.session.add(row)
        return row.id


def a_vehicle_taken_by_mistake(built: Built) -> Late:
    thing = a_pledge(built, now=START)
    tell(built, thing, "taken", START.date(), now=START, reference="wrong")
    return lambda: tell(built, thing, "reversal", LATER.date(), now=LATER, reverses="wrong") and None


CHANGES: dict[Callable[[Built], Late], set[str]] = {
    a_letter_that_comes_back: {"letters_delivered"},
    a_letter_delivered_in_time_and_told_of_late: {"letters_delivered"},
    a_letter_returned_in_time_and_told_of_late: {"letters_returned"},
    a_message_that_had_left_after_all: {"people_contacted", "reminders_sent"},
    a_case_answered_again: {"cases_answered"},
    a_hold_that_is_to_end_sooner: {"holds_in_force"},
    a_hold_that_is_to_end_sooner_and_then_later_again: set(),
    a_hold_whose_end_is_moved_by_its_door: {"holds_in_force"},
    a_loan_that_was_written_off_and_goes_on: {"amount_due"},
    a_payment_that_is_reversed_with_its_own_date: {"amount_collected"},
    a_vehicle_taken_by_mistake: {"vehicles_taken", "vehicles_held"},
}
"""What happens late -> the figures of which something else is known then."""


def _frozen(lender_id: str, now: datetime = FROZEN) -> str:
    with unit_of_work() as work:
        row = make_bulletin(work, WantedBulletin(LAST - 9 * DAY, LAST, lender_id), by="staff:Ann", now=now)
        freeze_bulletin(work, row.id, by="staff:Ann", now=now)
        return row.id


def _verified(bulletin_id: str) -> Verification:
    with reading() as session:
        return verify_bulletin(session, get_bulletin(session, bulletin_id), now=LATER + DAY)


@pytest.mark.both
@pytest.mark.parametrize("happens", CHANGES, ids=lambda each: each.__name__)
def test_what_is_known_late_is_told_apart_and_is_no_difference(app: Flask, happens: Callable[[Built], Late]) -> None:
    built = build_loan(now=START - DAY, due=[START.date()], lender_id=build_lender(now=START - DAY))
    late = happens(built)
    bulletin_id = _frozen(built.lender_id)
    assert _verified(bulletin_id).later == ()

    late()

    found = _verified(bulletin_id)
    assert found.is_equal, found.differences
    assert {each.key for each in found.later} == CHANGES[happens]
    correction = _frozen(built.lender_id, LATER + DAY)
    assert _verified(correction).is_equal
    assert _verified(correction).later == ()


def test_a_call_that_was_dialled_before_and_told_after_the_freezing(sqlite_book: Flask) -> None:
    noon = START.replace(hour=10)
    built = a_late_loan(build_lender(now=START, jurisdiction="CN", zone="UTC"), now=noon)
    dial(a_call_task(built, now=noon), built.lender_id, now=noon)
    bulletin_id = _frozen(built.lender_id)

    tell_outcome(built, "answered", now=LATER)

    found = _verified(bulletin_id)
    assert found.is_equal, found.differences
    assert {(each.key, each.cell) for each in found.later} == {("calls_made", "dialled"), ("calls_made", "answered")}


@pytest.mark.parametrize("before", [START, START + 20 * DAY])
def test_what_is_told_at_the_very_instant_of_the_freezing_is_known_by_it(sqlite_book: Flask, before: datetime) -> None:
    built = build_loan(now=START - DAY, due=[START.date()], lender_id=build_lender(now=START - DAY))
    hold_id = put_hold_until(built, before)
    with unit_of_work() as work:
        add_revision(work.session, HOLD_UNTIL, hold_id, before, now=FROZEN)
        work.session.execute(text("UPDATE holds SET until_at = :at"), {"at": _micros(START + 30 * DAY)})

    bulletin_id = _frozen(built.lender_id)

    with reading() as session:
        held = {each.cell: each.value for each in load_figures(session, bulletin_id, "holds_in_force")}
    assert held["*"] == 1


def test_what_somebody_changes_by_hand_is_a_difference(sqlite_book: Flask) -> None:
    built = build_loan(now=START - DAY, due=[START.date()], lender_id=build_lender(now=START - DAY))
    _letter(built, delivered_at=START)
    bulletin_id = _frozen(built.lender_id)

    with unit_of_work() as work:
        work.session.execute(text("UPDATE letters SET delivered_at = NULL"))

    found = _verified(bulletin_id)
    assert not found.is_equal
    assert {each.key for each in found.differences} == {"letters_delivered"}
