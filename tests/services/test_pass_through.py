"""Passing on in the book: once per entry, differences only, and what the ledger says is what funders have."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from app.domain.book import PaymentValues
from app.domain.errors import ConflictError, DomainError, ValidationError
from app.domain.funding import ShareValues
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.persistence.db import db, session
from app.persistence.models.funding import FunderRow, PassThroughEntryRow
from app.persistence.queries.lenders import get_lender
from app.persistence.unit_of_work import unit_of_work
from app.services.funding_shares import put_shares
from app.services.pass_through import pass_on_due
from app.services.payments import record_payment
from tests.builders.book import Built, pay
from tests.builders.funding import funded_loan, transfer
from tests.conftest import START

pytestmark = pytest.mark.both
TODAY = START.date()


def passed(built: Built) -> dict[str | None, Split]:
    columns = [
        func.sum(getattr(PassThroughEntryRow, f"{name}_minor")) for name in ("principal", "interest", "fees", "penalties")
    ]
    statement = (
        select(FunderRow.funder_no, *columns)
        .select_from(PassThroughEntryRow)
        .outerjoin(FunderRow, FunderRow.id == PassThroughEntryRow.funder_id)
        .where(PassThroughEntryRow.loan_id == built.loan_id)
        .group_by(FunderRow.funder_no)
    )
    return {row[0]: Split(*map(int, row[1:])) for row in session().execute(statement)}


def reverse(built: Built, reference: str, amount_minor: int) -> None:
    values = PaymentValues(
        f"R-{reference}", built.loan_no, amount_minor, "USD", TODAY, EntryKind.REVERSAL, reverses_reference=reference
    )
    with unit_of_work() as work:
        record_payment(work, built.lender_id, values, now=START, origin="ingest")


def test_a_payment_is_passed_on_once_by_shares(app: Flask) -> None:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START)

    pass_on_due(now=START)
    again = pass_on_due(now=START)

    assert again == 0
    assert passed(built) == {"A": Split(334), "B": Split(667)}


def test_parts_of_a_unit_are_carried_to_what_is_passed_on_later(app: Flask) -> None:
    built = funded_loan({name: 1_000 for name in "ABC"}, now=START)

    for _ in range(3):
        pay(built, 1, now=START)
        pass_on_due(now=START)

    assert passed(built) == {name: Split(1) for name in "ABC"}


def test_a_service_fee_is_of_all_that_was_passed_on_however_often_that_was(app: Flask) -> None:
    built = funded_loan({"A": 10_000}, now=START, fee={"fees": "0.1"})
    charge = PaymentValues("C", built.loan_no, 30, "USD", TODAY, EntryKind.CHARGE, split=Split(fees=30), due_on=TODAY)
    payments = [
        PaymentValues(f"P{number}", built.loan_no, 10, "USD", TODAY, EntryKind.REPAYMENT, split=Split(fees=10))
        for number in range(3)
    ]

    for values in (charge, *payments):
        with unit_of_work() as work:
            record_payment(work, built.lender_id, values, now=START, origin="ingest")
        pass_on_due(now=START)

    assert passed(built) == {"A": Split(fees=30)}
    assert session().scalar(select(func.sum(PassThroughEntryRow.service_fee_minor))) == 3


def test_a_reversed_payment_is_taken_back_by_counter_entries(app: Flask) -> None:
    built = funded_loan({"A": 3_333, "B": 6_667}, now=START)
    pay(built, 1_001, now=START, reference=f"P-{built.loan_no}")
    pass_on_due(now=START)

    reverse(built, f"P-{built.loan_no}", 1_001)
    booked = pass_on_due(now=START)

    assert booked == 2
    assert passed(built) == {"A": Split(), "B": Split()}


def test_what_the_lender_did_not_sell_is_its_own_and_is_counted_too(app: Flask) -> None:
    built = funded_loan({"A": 10_000}, now=START)
    with unit_of_work() as work:
        back = ShareValues(f"B-{built.loan_no}", built.loan_no, 2_500, "USD", TODAY - timedelta(days=60), None, "A")
        put_shares(work, get_lender(work.session, built.lender_id), [back], by="test", now=START)
    pay(built, 1_000, now=START)

    pass_on_due(now=START)

    assert passed(built) == {"A": Split(750), None: Split(250)}


def test_a_transfer_told_late_is_replayed_as_differences(app: Flask) -> None:
    built = funded_loan({"A": 10_000, "B": 10_000}, now=START)
    pay(built, 2_000, now=START)
    pass_on_due(now=START)

    transfer(built, "A", "B", 5_000, now=START, on=TODAY - timedelta(days=1))
    booked = pass_on_due(now=START)

    assert booked == 2
    assert passed(built) == {"A": Split(500), "B": Split(1_500)}


def test_a_waiver_of_interest_is_not_passed_on(app: Flask) -> None:
    built = funded_loan({"A": 10_000}, now=START)
    fee = PaymentValues(
        f"C-{built.loan_no}", built.loan_no, 300, "USD", TODAY, EntryKind.CHARGE, split=Split(fees=300), due_on=TODAY
    )
    waived = PaymentValues(f"W-{built.loan_no}", built.loan_no, 300, "USD", TODAY, EntryKind.WAIVER, split=Split(fees=300))
    with unit_of_work() as work:
        for values in (fee, waived):
            record_payment(work, built.lender_id, values, now=START, origin="ingest")

    assert pass_on_due(now=START) == 0


def test_the_same_share_twice_changes_nothing_and_another_under_its_reference_is_refused(app: Flask) -> None:
    built = funded_loan({"A": 10_000}, now=START)
    values = ShareValues(f"S-{built.loan_no}-A", built.loan_no, 10_000, "USD", TODAY - timedelta(days=60), "A")
    other = ShareValues(f"S-{built.loan_no}-A", built.loan_no, 9_000, "USD", TODAY - timedelta(days=60), "A")
    more = ShareValues(f"M-{built.loan_no}-A", built.loan_no, 1, "USD", TODAY - timedelta(days=60), "A")

    with unit_of_work() as work:
        same, differing, too_much = put_shares(
            work, get_lender(work.session, built.lender_id), [values, other, more], by="test", now=START
        )

    assert not isinstance(same, DomainError)
    assert not same.changed
    assert isinstance(differing, ConflictError)
    assert isinstance(too_much, ValidationError)


def statements(act: Callable[[], int]) -> tuple[int, int]:
    """Return what came back, and how many statements it took."""
    taken: list[str] = []

    def note(*call: object) -> None:
        taken.append(str(call[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        return act(), len(taken)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_passing_on_takes_no_more_statements_for_more_funders_payments_or_loans(app: Flask) -> None:
    def book(loans: int, funders: int, payments: int) -> int:
        for _ in range(loans):
            built = funded_loan({f"F{n}": 1_000 for n in range(funders)}, now=START)
            for _ in range(payments):
                pay(built, 100 * funders, now=START)
        return loans * funders * payments

    few = book(1, 2, 1)
    assert statements(lambda: pass_on_due(now=START))[0] == few
    few = book(1, 2, 1)
    rows, taken = statements(lambda: pass_on_due(now=START))
    assert rows == few
    many = book(4, 9, 3)

    assert statements(lambda: pass_on_due(now=START)) == (many, taken)


def test_each_loan_is_looked_at_once_however_many_wait(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.pass_through.LOANS_AT_ONCE", 2)
    loans = [funded_loan({"A": 1_000}, now=START) for _ in range(5)]
    for built in loans:
        pay(built, 100, now=START)

    assert pass_on_due(now=START) == 5
    assert all(passed(built) == {"A": Split(100)} for built in loans)


def test_rows_are_written_in_parts_and_none_is_lost(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.pass_through.ROWS_AT_ONCE", 4)
    built = funded_loan({name: 1_000 for name in "ABC"}, now=START)
    for _ in range(5):
        pay(built, 300, now=START)

    assert pass_on_due(now=START) == 15
    assert passed(built) == {name: Split(500) for name in "ABC"}
