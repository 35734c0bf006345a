"""Payments are booked once, replayed when late, undone when reversed, and kept when nobody knows their loan."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentResult, PaymentValues
from app.domain.errors import ConflictError, CurrencyMismatchError, ValidationError
from app.domain.ledger import EntryKind
from app.persistence.db import session
from app.persistence.models.loans import AllocationRow, LoanRow, PositionSnapshotRow
from app.persistence.models.reminders import AgendaRow
from app.persistence.queries.ledger import page_unmatched
from app.persistence.unit_of_work import unit_of_work
from app.services.loans import put_loan, put_plan
from app.services.payments import record_payment
from app.services.positions import find_differences, position_of
from tests.builders.book_values import loan_values, payment_values, plan_rows, plan_values
from tests.builders.stored_book import position, stored_lender, stored_loan
from tests.conftest import START


def _record(lender_id: str, values: PaymentValues, now: datetime = START) -> PaymentResult:
    with unit_of_work() as work:
        return record_payment(work, lender_id, values, now=now, origin="test")


def _versions() -> tuple[int | None, int | None]:
    return session().scalar(select(AgendaRow.case_version)), session().scalar(select(PositionSnapshotRow.version))


def _status() -> str | None:
    session().rollback()
    return session().scalar(select(LoanRow.status))


def test_a_payment_serves_the_oldest_row_and_is_told_back(app: Flask) -> None:
    lender_id = stored_loan()

    result = _record(lender_id, payment_values(amount_minor=10500))

    assert result.status == "recorded"
    assert [(a.row_no, a.split.principal, a.split.interest) for a in result.allocations] == [(1, 10000, 500)]
    assert position().principal_outstanding_minor == 20000
    assert position().days_past_due == 1


def test_the_same_payment_again_changes_nothing(app: Flask) -> None:
    lender_id = stored_loan()
    _record(lender_id, payment_values())
    before = _versions()

    again = _record(lender_id, payment_values(note="sent twice"))

    assert again.status == "duplicate"
    assert _versions() == before


def test_a_reference_stands_for_one_payment_only(app: Flask) -> None:
    lender_id = stored_loan()
    _record(lender_id, payment_values())

    with pytest.raises(ConflictError, match="P1"):
        _record(lender_id, payment_values(amount_minor=1))


def test_money_in_another_currency_is_refused(app: Flask) -> None:
    lender_id = stored_loan()

    with pytest.raises(CurrencyMismatchError):
        _record(lender_id, payment_values(currency="EUR"))


def test_tomorrow_in_the_zone_of_the_loan_is_the_future(app: Flask) -> None:
    lender_id = stored_loan(zone="Pacific/Auckland")  # START is 22:00 on 2 March there

    _record(lender_id, payment_values(effective_on=date(2026, 3, 2)))
    with pytest.raises(ValidationError, match="future"):
        _record(lender_id, payment_values("P2", effective_on=date(2026, 3, 3)))


def test_a_payment_without_a_loan_is_kept_until_the_loan_comes(app: Flask) -> None:
    lender_id = stored_lender()
    assert _record(lender_id, payment_values()).status == "unmatched"
    assert _record(lender_id, payment_values()).status == "unmatched"
    assert [row.loan_no for row in page_unmatched(session())] == ["L1"]

    with unit_of_work() as work:
        put_loan(work, lender_id, loan_values(), now=START, origin="test")
        put_plan(work, lender_id, plan_values(), now=START, origin="test")

    assert page_unmatched(session()) == []
    assert position().principal_outstanding_minor == 20000
    assert _record(lender_id, payment_values()).status == "duplicate"


def test_a_reversal_that_comes_before_its_payment_waits_for_it(app: Flask) -> None:
    lender_id = stored_loan()
    reversal = payment_values("R1", kind=EntryKind.REVERSAL, reverses_reference="P1", effective_on=date(2026, 2, 3))
    assert _record(lender_id, reversal).status == "unmatched"

    _record(lender_id, payment_values())

    assert page_unmatched(session()) == []
    assert position().principal_outstanding_minor == 30000


def test_paying_all_closes_the_loan_and_a_reversal_opens_it_again(app: Flask) -> None:
    lender_id = stored_loan()
    _record(lender_id, payment_values(amount_minor=31500))
    assert _status() == "closed"

    _record(lender_id, payment_values("R1", 31500, kind=EntryKind.REVERSAL, reverses_reference="P1"))

    assert _status() == "active"
    assert position().overdue_minor == 21000


@pytest.mark.parametrize("amount", [1, 10499])
def test_a_reversal_takes_back_the_whole_payment(app: Flask, amount: int) -> None:
    lender_id = stored_loan()
    _record(lender_id, payment_values())

    with pytest.raises(ValidationError, match="whole"):
        _record(lender_id, payment_values("R1", amount, kind=EntryKind.REVERSAL, reverses_reference="P1"))


def test_a_payment_is_reversed_once(app: Flask) -> None:
    lender_id = stored_loan()
    _record(lender_id, payment_values())
    _record(lender_id, payment_values("R1", kind=EntryKind.REVERSAL, reverses_reference="P1"))

    with pytest.raises(ConflictError, match="already"):
        _record(lender_id, payment_values("R2", kind=EntryKind.REVERSAL, reverses_reference="P1"))


def test_a_late_payment_replays_the_allocation_and_what_was_shown_stays(app: Flask) -> None:
    lender_id = stored_loan()
    _record(lender_id, payment_values("P2", 10500, effective_on=date(2026, 2, 20)), now=START)
    later = START + timedelta(days=2)
    _record(lender_id, payment_values("P1", 10500, effective_on=date(2026, 2, 1)), now=later)

    shown = [
        (row.row_no, row.replaced_at)
        for row in session().scalars(select(AllocationRow).order_by(AllocationRow.recorded_at, AllocationRow.row_no))
    ]
    loan = session().scalars(select(LoanRow)).one()

    assert shown == [(1, later), (1, None), (2, None)]
    assert position_of(session(), loan, date(2026, 3, 2), known_at=START).overdue_minor == 10500
    assert position_of(session(), loan, date(2026, 3, 2)).overdue_minor == 0
    assert find_differences(session(), [loan.id]) == []


def test_another_plan_is_a_new_version_watched_from_now(app: Flask) -> None:
    lender_id = stored_loan()
    later = datetime(2026, 3, 5, tzinfo=UTC)
    with unit_of_work() as work:
        same = put_plan(work, lender_id, plan_values(recorded_at=later), now=later, origin="test")
        other = put_plan(work, lender_id, plan_values(rows=plan_rows(months=6, principal=5000)), now=later, origin="test")

    assert not same.changed
    assert other.changed
    assert session().scalar(select(PositionSnapshotRow.anchor_no)) == 2
    assert position().overdue_minor == 5500 * 2
    assert position(as_of=date(2026, 3, 5)).days_past_due == 32
