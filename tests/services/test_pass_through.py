"""Passing on in the book: once per entry, differences only, and what the ledger says is what funders have."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.book import PaymentValues
from app.domain.errors import ConflictError, DomainError, ValidationError
from app.domain.funding import ShareValues
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.persistence.db import session
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
