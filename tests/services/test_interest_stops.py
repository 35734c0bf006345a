"""A notice that was not given in time costs the interest of the days without it; a moratorium freezes it; both can end."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import BorrowerValues, LoanValues, PlanValues
from app.domain.errors import LawRefusedError, NotFoundError, ValidationError
from app.domain.hold_terms import HoldValues
from app.domain.plans import PlanRow
from app.domain.splits import Split
from app.persistence.db import db
from app.persistence.models.audit import AuditRow
from app.persistence.models.interest_stops import InterestStopRow
from app.persistence.models.loans import LoanRow
from app.persistence.models.notices import NoticeRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.unit_of_work import unit_of_work
from app.services import duties, interest_stops
from app.services.book import differences
from app.services.borrowers import put_borrower
from app.services.case_records import put_record
from app.services.holds import Teller, put_hold, release_hold
from app.services.law_gates import ask_law, require_lawful
from app.services.loans import put_loan, put_plan
from app.services.positions import position_of
from tests.builders.book import Built, build_lender
from tests.conftest import START

DUE = [date(2026, 1, 25), date(2026, 2, 25), date(2026, 3, 25), date(2026, 4, 25)]
LAST_ON = date(2026, 3, 11)
"""The arrears conditions hold since 2026-02-26: that is day 1 of 14."""
AFTER = datetime(2026, 3, 20, 9, tzinfo=UTC)


def a_british_loan() -> Built:
    lender = build_lender(now=START, zone="Europe/London", role="first_party", role_reason="own book")
    rows = tuple(PlanRow(n, on, Split(100_00, 28_00 if n == 3 else 31_00)) for n, on in enumerate(DUE, start=1))
    with unit_of_work() as work:
        borrower = put_borrower(work, BorrowerValues("B1"), now=START, origin="test").id
        values = LoanValues(
            "L1", "B1", "USD", 400_00, disbursed_on=date(2025, 12, 25), zone="Europe/London", product_kind="instalment"
        )
        put_loan(work, lender, values, now=START, origin="test")
        loan = put_plan(work, lender, PlanValues("L1", rows), now=START, origin="test")
    return Built(lender, borrower, "B1", loan.id, "L1")


def look(loan: Built, at: datetime) -> duties.Looked:
    with unit_of_work() as work:
        lock_agenda(work.session, [loan.borrower_id])
        return duties.look(work, [loan.borrower_id], now=at)


def stops(*, standing: bool = True) -> list[InterestStopRow]:
    db.session().rollback()
    rows = db.session().scalars(select(InterestStopRow).order_by(InterestStopRow.recorded_at, InterestStopRow.id))
    return [row for row in rows if not standing or row.replaced_at is None]


def interest_due(loan: Built, on: date) -> int:
    db.session().rollback()
    row = db.session().get(LoanRow, loan.loan_id)
    assert row is not None
    return position_of(db.session(), row, on).due_to_date.interest


def give_notice(loan: Built, at: datetime) -> None:
    facts = {"kind": "notice_of_sums_in_arrears", "sent_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    with unit_of_work() as work:
        put_record(work, loan.borrower_id, "notices", facts, by="staff:Ann", now=at)


def test_nothing_is_stopped_while_the_notice_is_still_in_time(app: Flask) -> None:
    loan = a_british_loan()

    assert look(loan, datetime(2026, 3, 11, 20, tzinfo=UTC)).stopped == 0
    assert stops() == []


def test_a_missed_notice_stops_the_interest_from_the_day_after_its_last_day_until_it_is_given(app: Flask) -> None:
    loan = a_british_loan()
    assert interest_due(loan, date(2026, 4, 25)) == 31_00 * 3 + 28_00

    assert look(loan, AFTER).stopped == 1

    (stop,) = stops()
    assert (stop.rule, stop.from_on, stop.until_on) == ("UK-NOSIA-FAIL", LAST_ON + timedelta(days=1), None)
    # Row 3 runs from 25 February: 15 of its 28 days are over before the stop; row 4 is stopped whole.
    assert interest_due(loan, date(2026, 4, 25)) == 31_00 * 2 + 15_00
    assert list(differences(db.session())) == []

    at = datetime(2026, 3, 27, 10, tzinfo=UTC)
    give_notice(loan, at)
    assert look(loan, at + timedelta(hours=1)).stopped == 1

    (stop,) = stops()
    assert stop.until_on == date(2026, 3, 28)
    # Of row 4's 31 days from 25 March three are stopped, the day of the notice among them.
    assert interest_due(loan, date(2026, 4, 25)) == 31_00 * 2 + 15_00 + 28_00
    assert list(differences(db.session())) == []


def test_looking_again_changes_nothing_and_the_borrower_is_told_once(app: Flask) -> None:
    loan = a_british_loan()
    look(loan, AFTER)

    assert [look(loan, AFTER + timedelta(days=days)).stopped for days in (1, 2)] == [0, 0]

    told = [row.template for row in db.session().scalars(select(NoticeRow)) if row.template.startswith("charges_")]
    assert told == ["charges_stopped"]
    began = [row.facts for row in db.session().scalars(select(AuditRow)) if row.action == "interest_stop.began"]
    assert [each["rule"] for each in began] == ["UK-NOSIA-FAIL"]


def test_what_was_owed_before_is_found_again_as_it_was_known(app: Flask) -> None:
    loan = a_british_loan()
    look(loan, AFTER)

    row = db.session().get(LoanRow, loan.loan_id)
    assert row is not None
    then = position_of(db.session(), row, date(2026, 3, 25), known_at=AFTER - timedelta(days=1))
    now = position_of(db.session(), row, date(2026, 3, 25))
    assert then.due_to_date.interest - now.due_to_date.interest == 13_00


def test_enforcement_is_blocked_until_the_day_after_the_notice(app: Flask) -> None:
    loan = a_british_loan()
    look(loan, AFTER)

    def ask(at: datetime) -> None:
        db.session().rollback()
        answer = ask_law(db.session(), act="enforce", now=at, loan_id=loan.loan_id)
        found = [(rule.id, result.verdict) for rule, result in answer.judgement.findings if rule.id == "UK-NOSIA-FAIL"]
        if ("UK-NOSIA-FAIL", "block") in found:
            require_lawful(answer)

    with pytest.raises(LawRefusedError):
        ask(AFTER)
    give_notice(loan, datetime(2026, 3, 27, 10, tzinfo=UTC))
    ask(datetime(2026, 3, 28, 10, tzinfo=UTC))


def test_a_notice_that_was_due_before_the_loan_was_known_stops_nothing(app: Flask) -> None:
    lender = build_lender(now=AFTER, zone="Europe/London", role="first_party", role_reason="own book")
    rows = tuple(PlanRow(n, on, Split(100_00, 30_00)) for n, on in enumerate(DUE, start=1))
    with unit_of_work() as work:
        borrower = put_borrower(work, BorrowerValues("B1"), now=AFTER, origin="test").id
        values = LoanValues("L1", "B1", "USD", 400_00, zone="Europe/London", product_kind="instalment")
        put_loan(work, lender, values, now=AFTER, origin="test")
        loan = put_plan(work, lender, PlanValues("L1", rows), now=AFTER, origin="test")

    assert look(Built(lender, borrower, "B1", loan.id, "L1"), AFTER + timedelta(hours=1)).stopped == 0


def test_a_breathing_space_freezes_interest_for_its_days_and_what_was_frozen_stays_so(app: Flask) -> None:
    loan = a_british_loan()
    with unit_of_work() as work:
        hold: Any = put_hold(work, loan.borrower_id, HoldValues("breathing_space"), teller=Teller("staff:Ann"), now=START)
    look(loan, START + timedelta(hours=1))

    (stop,) = stops()
    first = START.date()
    assert (stop.rule, stop.from_on, stop.until_on) == ("UK-BREATHING", first, first + timedelta(days=60))
    assert stop.scope == "interest_and_charges"

    ended = START + timedelta(days=5)
    with unit_of_work() as work:
        release_hold(work, loan.borrower_id, hold.id, teller=Teller("staff:Ann"), now=ended, reason="ended")
    look(loan, ended + timedelta(hours=1))
    (stop,) = stops()
    assert stop.until_on == ended.date() + timedelta(days=1)
    assert list(differences(db.session())) == []


def test_a_stop_by_hand_is_put_ended_and_withdrawn_and_then_all_is_owed_again(app: Flask) -> None:
    loan = a_british_loan()
    before = interest_due(loan, date(2026, 4, 25))
    at = datetime(2026, 3, 3, tzinfo=UTC)

    def row(work: Any) -> LoanRow:
        found = work.session.get(LoanRow, loan.loan_id)
        assert found is not None
        return found

    with unit_of_work() as work:
        key = interest_stops.put_stop(
            work, row(work), from_on=date(2026, 2, 25), until_on=None, scope="interest", rule="UK-BREATHING",
            reason="told by telephone", by="staff:Ann", now=at,
        )  # fmt: skip
    assert interest_due(loan, date(2026, 4, 25)) == 31_00 * 2
    with unit_of_work() as work:
        interest_stops.end_stop(work, row(work), key, until_on=date(2026, 3, 11), by="staff:Ann", now=at)
    assert interest_due(loan, date(2026, 4, 25)) == before - 14_00
    look(loan, at + timedelta(hours=1))  # a look leaves what a person put
    assert interest_due(loan, date(2026, 4, 25)) == before - 14_00
    with unit_of_work() as work:
        interest_stops.withdraw_stop(work, row(work), key, by="staff:Ann", now=at + timedelta(hours=2))
    assert interest_due(loan, date(2026, 4, 25)) == before
    assert len(stops(standing=False)) == 2
    assert list(differences(db.session())) == []
    with pytest.raises(NotFoundError), unit_of_work() as work:
        interest_stops.withdraw_stop(work, row(work), key, by="staff:Ann", now=at + timedelta(hours=3))
    with pytest.raises(ValidationError), unit_of_work() as work:
        interest_stops.put_stop(
            work, row(work), from_on=date(2026, 2, 25), until_on=date(2026, 2, 25), scope="interest", rule="X",
            reason="none", by="staff:Ann", now=at,
        )  # fmt: skip
