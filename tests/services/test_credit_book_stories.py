"""Lives of loans told by the book itself: bookings, pledged things, the core's word, read in a Metro 2 file."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from app.domain.book import PaymentValues
from app.domain.ledger import EntryKind
from app.domain.splits import Split
from app.persistence.unit_of_work import unit_of_work
from app.services.case_records import put_record
from app.services.payments import record_payment
from tests.builders.book import Built, build_lender, build_loan, set_status
from tests.builders.collateral import a_pledge, tell
from tests.builders.credit import delivered, enable
from tests.builders.metro2_reader import Read, read_metro2
from tests.conftest import START
from tests.services.test_credit_files import BUREAU, approved, filed
from tests.services.test_credit_snapshots import enrol, rows_of

DAY = timedelta(days=1)
DUE = [date(2025, 12, 1), date(2026, 1, 1), date(2026, 6, 1)]
TOLD_AT = datetime(2026, 2, 20, 12, tzinfo=START.tzinfo)


@pytest.fixture
def lender(app: Flask) -> str:
    lender = build_lender(now=START, jurisdiction="US", role="first_party", role_reason="own", licence_kind="bank")
    enable(lender, now=START, bureau=BUREAU, format="metro2")
    return lender


def a_loan(lender: str, kind: str = "negative") -> Built:
    """Three instalments of 100 dollars; two are overdue, and the borrower was told in time."""
    loan = build_loan(
        now=START - 200 * DAY, due=DUE, lender_id=lender, product_kind="secured_vehicle", name="Ann Lee",
        national_id="219099999", country="US", address_lines=("1 Main St", "Austin, TX 78701"),
        contract={"signed_on": "2025-10-01"},
    )  # fmt: skip
    if kind == "negative":
        delivered(loan, START - 20 * DAY)
    enrol(loan, kind=kind)
    return loan


def book(loan: Built, amount_minor: int, on: date, kind: EntryKind = EntryKind.REPAYMENT, **more: Any) -> None:
    values = PaymentValues(f"{kind}-{loan.loan_no}-{on}", loan.loan_no, amount_minor, "USD", on, kind=kind, **more)
    with unit_of_work() as work:
        record_payment(work, loan.lender_id, values, now=TOLD_AT, origin="test")


def read(lender: str, loan: Built) -> Read:
    """Freeze February, make its file, and read the one account."""
    snapshot_id = approved(lender)
    row = rows_of(snapshot_id)[loan.loan_id]
    assert (row.reason, row.rule) == (None, None)
    (account,) = read_metro2(filed(lender, snapshot_id)).accounts
    return account


def said(account: Read) -> tuple[Any, ...]:
    return tuple(account[name] for name in ("status", "rating", "comment", "balance", "past_due", "first_delinquency"))


def test_late_as_it_is(lender: str) -> None:
    assert said(read(lender, a_loan(lender))) == ("78", "", "", 300, 200, date(2025, 12, 31))


def test_charged_off(lender: str) -> None:
    loan = a_loan(lender)
    book(loan, 30_000, date(2026, 2, 10), EntryKind.CHARGE_OFF)

    account = read(lender, loan)

    assert said(account) == ("97", "", "", 300, 300, date(2025, 12, 31))
    assert account["charge_off"] == 300


def test_written_off_by_the_core_alone(lender: str) -> None:
    loan = a_loan(lender)
    set_status(loan, "written_off", now=TOLD_AT)

    assert read(lender, loan)["status"] == "97"


def test_repossessed(lender: str) -> None:
    loan = a_loan(lender)
    tell(loan, a_pledge(loan, now=TOLD_AT), "taken", date(2026, 2, 10), now=TOLD_AT)

    assert said(read(lender, loan)) == ("96", "", "", 300, 200, date(2025, 12, 31))


def test_handed_over_of_the_borrowers_own_will(lender: str) -> None:
    loan = a_loan(lender)
    tell(loan, a_pledge(loan, now=TOLD_AT), "taken", date(2026, 2, 10), now=TOLD_AT, reason="voluntary")

    assert said(read(lender, loan))[:2] == ("95", "2")


def test_taken_by_mistake_and_taken_back(lender: str) -> None:
    loan = a_loan(lender)
    thing = a_pledge(loan, now=TOLD_AT)
    tell(loan, thing, "taken", date(2026, 2, 10), now=TOLD_AT, reference="T-1")
    tell(loan, thing, "reversal", date(2026, 2, 11), now=TOLD_AT, reverses="T-1")

    assert read(lender, loan)["status"] == "78"


def test_redeemed(lender: str) -> None:
    loan = a_loan(lender)
    thing = a_pledge(loan, now=TOLD_AT)
    tell(loan, thing, "taken", date(2026, 2, 3), now=TOLD_AT)
    tell(loan, thing, "released", date(2026, 2, 10), now=TOLD_AT)

    assert read(lender, loan)["status"] == "78"


def test_sold_with_a_shortfall(lender: str) -> None:
    loan = a_loan(lender)
    thing = a_pledge(loan, now=TOLD_AT)
    tell(loan, thing, "taken", date(2026, 2, 3), now=TOLD_AT)
    tell(loan, thing, "sold", date(2026, 2, 10), now=TOLD_AT)
    book(loan, 12_000, date(2026, 2, 10))

    row = read(lender, loan)

    assert (row["status"], row["balance"], row["paid"]) == ("96", 180, 120)


def test_paid_in_full(lender: str) -> None:
    loan = a_loan(lender, kind="negative")
    book(loan, 30_000, date(2026, 2, 10))

    account = read(lender, loan)

    assert (account["status"], account["balance"], account["closed"]) == ("13", 0, date(2026, 2, 10))
    assert account["comment"] == ""


def test_settled_for_less(lender: str) -> None:
    loan = a_loan(lender)
    book(loan, 20_000, date(2026, 2, 9))
    book(loan, 10_000, date(2026, 2, 10), EntryKind.WAIVER, split=Split(principal=10_000))

    account = read(lender, loan)

    assert (account["status"], account["comment"], account["balance"]) == ("13", "AU", 0)


def test_a_fee_let_go_is_no_settlement(lender: str) -> None:
    loan = a_loan(lender)
    book(loan, 500, date(2026, 2, 1), EntryKind.CHARGE, split=Split(fees=500), due_on=date(2026, 2, 1))
    book(loan, 30_000, date(2026, 2, 9))
    book(loan, 500, date(2026, 2, 10), EntryKind.WAIVER)

    account = read(lender, loan)

    assert (account["status"], account["comment"]) == ("13", "")


def test_the_claim_was_sold(lender: str) -> None:
    loan = a_loan(lender)
    with unit_of_work() as work:
        put_record(
            work, loan.borrower_id, "events", {"kind": "credit_transferred", "on": "2026-02-10"}, by="core", now=TOLD_AT,
            reference="SALE-1", lender_id=lender, loan_no=loan.loan_no,
        )  # fmt: skip

    account = read(lender, loan)

    assert (account["status"], account["comment"], account["balance"]) == ("05", "O", 0)
