"""Payments taken in at the desk: limits, four eyes, mistakes taken back, and never the same money twice."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.domain.book import PaymentValues
from app.domain.desk_payments import MOVES, DeskPaymentState, check_move
from app.domain.errors import (
    ConflictError,
    CurrencyMismatchError,
    DomainError,
    ForbiddenError,
    NotFoundError,
    ValidationError,
)
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.persistence.db import db, session, vault
from app.persistence.models.audit import AuditRow
from app.persistence.models.desk_acts import DeskEntryRow, DeskPaymentRow
from app.persistence.models.loans import LedgerEntryRow, LoanRow, UnmatchedPaymentRow
from app.persistence.models.notices import NoticeRow
from app.persistence.models.tasks import TaskRow
from app.persistence.models.webhooks import WebhookEventRow
from app.persistence.unit_of_work import unit_of_work
from app.services.desk_payments import (
    DeskStaff,
    TakenPayment,
    approve_payment,
    decline_payment,
    list_payments,
    note_of,
    reverse_payment,
    take_payment,
)
from app.services.payments import record_payment
from app.services.positions import position_of
from tests.builders.book import Built, build_loan
from tests.builders.parallel import meet
from tests.conftest import START

TODAY = START.date()


def ann(loan: Built, role: str = "agent") -> DeskStaff:
    return DeskStaff("staff:Ann", role, loan.lender_id)


def bob(loan: Built, role: str = "supervisor") -> DeskStaff:
    return DeskStaff("staff:Bob", role, loan.lender_id)


def a_loan() -> Built:
    return build_loan(now=START, due=[TODAY - timedelta(days=3), TODAY + timedelta(days=27)], amount_minor=500_000)


def take(loan: Built, minor: int = 50_000, *, staff: DeskStaff | None = None, receipt: str = "R-1", **changes: Any) -> str:
    given: dict[str, Any] = {"effective_on": TODAY, "method": "cash", "receipt": receipt, **changes}
    with unit_of_work() as work:
        taken = TakenPayment(loan.loan_no, Money(minor, "USD"), **given)
        return take_payment(work, loan.borrower_id, taken, staff=staff or ann(loan), now=START)


def core(loan: Built, minor: int, reference: str, **changes: Any) -> str:
    values = PaymentValues(reference, loan.loan_no, minor, "USD", changes.pop("effective_on", TODAY), **changes)
    with unit_of_work() as work:
        return record_payment(work, loan.lender_id, values, now=START, origin="ingest").status


def row_of(payment_id: str) -> DeskPaymentRow:
    session().rollback()
    return session().get_one(DeskPaymentRow, payment_id, populate_existing=True)


def paid(loan: Built) -> int:
    """What stands in the ledger, in minor units."""
    session().rollback()
    rows = session().scalars(select(LedgerEntryRow).where(LedgerEntryRow.loan_id == loan.loan_id)).all()
    undone = {each.reverses_id for each in rows}
    return sum(each.amount_minor for each in rows if each.kind != "reversal" and each.id not in undone)


def untold(loan: Built) -> int:
    session().rollback()
    return session().scalars(select(LoanRow.desk_untold_minor).where(LoanRow.id == loan.loan_id)).one()


def count(model: type, *where: Any) -> int:
    session().rollback()
    return session().scalar(select(func.count()).select_from(model).where(*where)) or 0


# -- states


@pytest.mark.parametrize("before", list(DeskPaymentState))
@pytest.mark.parametrize("after", list(DeskPaymentState))
def test_a_payment_makes_the_moves_of_its_table_and_no_others(before: DeskPaymentState, after: DeskPaymentState) -> None:
    allowed = {("waiting", "booked"), ("waiting", "declined"), ("booked", "reversed")}

    assert (after in MOVES[before]) == ((before.value, after.value) in allowed)
    if after not in MOVES[before]:
        with pytest.raises(ConflictError):
            check_move(before.value, after)


# -- within the limit


def test_within_the_limit_it_is_booked_told_and_written_down(app: Flask) -> None:
    loan = a_loan()

    payment_id = take(loan, note="paid by her son, card 4111 1111 1111 1111")

    row = row_of(payment_id)
    assert (row.state, row.decided_by, paid(loan)) == ("booked", "staff:Ann", 50_000)
    entry = session().get_one(LedgerEntryRow, row.entry_id)
    assert (entry.reference, entry.bank_reference, entry.channel) == (f"desk:payment:{payment_id}", "R-1", "cash")
    assert entry.origin == "desk:staff:Ann"
    assert untold(loan) == 50_000
    events = session().scalars(select(WebhookEventRow.type).where(WebhookEventRow.lender_id == loan.lender_id)).all()
    assert "desk_payment.recorded.v1" in events
    assert count(NoticeRow, NoticeRow.template == "payment_received", NoticeRow.borrower_id == loan.borrower_id) == 1
    actions = set(session().scalars(select(AuditRow.action).where(AuditRow.borrower_id == loan.borrower_id)))
    assert {"desk_payment.requested", "desk_payment.booked"} <= actions
    assert "4111" not in (note_of(vault(), row) or "")


def test_what_is_owed_and_the_promise_follow(sqlite_book: Flask) -> None:
    loan = a_loan()
    take(loan, 100_000)

    with unit_of_work() as work:
        position = position_of(work.session, work.session.get_one(LoanRow, loan.loan_id), TODAY)

    assert position.overdue_minor == 400_000


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"minor": 0}, ValidationError),
        ({"minor": -5}, ValidationError),
        ({"effective_on": TODAY + timedelta(days=1)}, ValidationError),
        ({"method": "card"}, ValidationError),
        ({"receipt": "4111111111111111"}, ValidationError),
    ],
)
def test_what_cannot_be_is_refused(sqlite_book: Flask, changes: dict[str, Any], wrong: type[DomainError]) -> None:
    loan = a_loan()
    with pytest.raises(wrong):
        take(loan, **changes)
    assert paid(loan) == 0


def test_money_of_before_the_loan_or_of_years_ago_is_a_slip_of_the_pen(sqlite_book: Flask) -> None:
    loan = a_loan()
    for on in (TODAY.replace(year=TODAY.year - 10), TODAY - timedelta(days=367)):
        with pytest.raises(ValidationError):
            take(loan, effective_on=on)
    with unit_of_work() as work:
        work.session.get_one(LoanRow, loan.loan_id).disbursed_on = TODAY - timedelta(days=9)
    with pytest.raises(ValidationError):
        take(loan, effective_on=TODAY - timedelta(days=10))

    take(loan, effective_on=TODAY - timedelta(days=9))

    assert paid(loan) == 50_000


def test_another_currency_and_another_s_loan_are_refused(sqlite_book: Flask) -> None:
    loan, other = a_loan(), a_loan()
    taken = TakenPayment(loan.loan_no, Money(5, "CNY"), TODAY, "cash", "R-1")
    with pytest.raises(CurrencyMismatchError), unit_of_work() as work:
        take_payment(work, loan.borrower_id, taken, staff=ann(loan), now=START)
    taken = TakenPayment(other.loan_no, Money(5, "USD"), TODAY, "cash", "R-1")
    with pytest.raises(NotFoundError), unit_of_work() as work:
        take_payment(work, loan.borrower_id, taken, staff=ann(loan), now=START)


# -- above it: four eyes


def test_above_the_limit_a_second_person_books_it(app: Flask) -> None:
    loan = a_loan()
    payment_id = take(loan, 150_000)

    assert (row_of(payment_id).state, paid(loan)) == ("waiting", 0)
    assert count(TaskRow, TaskRow.borrower_id == loan.borrower_id, TaskRow.state == "open") == 1
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        approve_payment(work, payment_id, staff=bob(loan, "agent"), now=START)
    with pytest.raises(ForbiddenError), unit_of_work() as work:
        approve_payment(work, payment_id, staff=ann(loan, "supervisor"), now=START)  # she asked for it herself
    with unit_of_work() as work:
        approve_payment(work, payment_id, staff=bob(loan), now=START)

    assert (row_of(payment_id).state, row_of(payment_id).decided_by, paid(loan)) == ("booked", "staff:Bob", 150_000)
    assert count(TaskRow, TaskRow.borrower_id == loan.borrower_id, TaskRow.state == "open") == 0


def test_above_the_limit_of_a_supervisor_an_admin_approves(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=[TODAY], amount_minor=9_000_000)
    payment_id = take(loan, 6_000_000)

    with pytest.raises(ForbiddenError), unit_of_work() as work:
        approve_payment(work, payment_id, staff=bob(loan), now=START)
    with unit_of_work() as work:
        approve_payment(work, payment_id, staff=bob(loan, "admin"), now=START)

    assert paid(loan) == 6_000_000


def test_what_is_declined_is_never_booked_and_frees_its_receipt(sqlite_book: Flask) -> None:
    loan = a_loan()
    payment_id = take(loan, 150_000)
    with unit_of_work() as work:
        decline_payment(work, payment_id, staff=bob(loan), now=START, reason="no such receipt")

    with pytest.raises(ConflictError), unit_of_work() as work:
        approve_payment(work, payment_id, staff=bob(loan), now=START)

    assert paid(loan) == 0
    assert row_of(take(loan, 20_000)).state == "booked"


def test_a_hundred_approvals_at_once_book_it_once(app: Flask) -> None:
    loan = a_loan()
    payment_id = take(loan, 150_000)

    def approve(_: int) -> None:
        with unit_of_work() as work:
            approve_payment(work, payment_id, staff=bob(loan), now=START)

    meet(app, 100, approve)

    assert paid(loan) == 150_000
    assert count(DeskEntryRow, DeskEntryRow.loan_id == loan.loan_id) == 1


# -- never the same money twice


def test_a_receipt_counts_once(sqlite_book: Flask) -> None:
    loan = a_loan()
    take(loan)
    with pytest.raises(ConflictError, match="R-1"):
        take(loan, 60_000)


def test_what_the_core_told_before_is_asked_about(sqlite_book: Flask) -> None:
    loan = a_loan()
    core(loan, 50_000, "CORE-1")

    with pytest.raises(ConflictError, match="CORE-1"):
        take(loan)
    take(loan, is_another=True)

    assert paid(loan) == 100_000


@pytest.mark.parametrize(
    "told",
    [
        {"reference": "CORE-1"},
        {"reference": "CORE-1", "channel": "branch"},
        {"reference": "CORE-1", "bank_reference": "R-1", "effective_on": TODAY - timedelta(days=1)},
        {"reference": "CORE-1", "bank_reference": "ours"},
        {"reference": "ours"},
    ],
)
def test_the_core_s_word_of_it_is_the_same_money(sqlite_book: Flask, told: dict[str, Any]) -> None:
    loan = a_loan()
    ours = row_of(take(loan)).reference
    given = {name: ours if value == "ours" else value for name, value in told.items()}

    assert [core(loan, 50_000, **given) for _ in range(2)] == ["duplicate", "duplicate"]
    assert (paid(loan), untold(loan)) == (50_000, 0)


def test_the_second_of_two_alike_is_another(sqlite_book: Flask) -> None:
    loan = a_loan()
    take(loan)

    assert [core(loan, 50_000, f"CORE-{n}") for n in (1, 2)] == ["duplicate", "recorded"]
    assert paid(loan) == 100_000


def test_one_that_is_told_is_used_up_also_while_another_waits_to_be_told(sqlite_book: Flask) -> None:
    loan = a_loan()
    take(loan)
    take(loan, 70_000, receipt="R-2")

    assert [core(loan, 50_000, f"CORE-{n}") for n in (1, 2)] == ["duplicate", "recorded"]
    assert untold(loan) == 70_000


def test_money_of_another_way_or_another_bank_reference_is_another(sqlite_book: Flask) -> None:
    loan = a_loan()
    take(loan)

    assert core(loan, 50_000, "CORE-1", channel="bank_transfer") == "recorded"
    assert core(loan, 50_000, "CORE-2", bank_reference="B-77") == "recorded"
    assert untold(loan) == 50_000


def test_a_payment_known_before_and_sent_again_tells_of_nothing_new(sqlite_book: Flask) -> None:
    loan = a_loan()
    core(loan, 50_000, "CORE-1")
    take(loan, is_another=True)

    assert core(loan, 50_000, "CORE-1") == "duplicate"
    assert untold(loan) == 50_000


def test_our_reference_with_another_amount_is_refused(sqlite_book: Flask) -> None:
    loan = a_loan()
    ours = row_of(take(loan)).reference

    with pytest.raises(ConflictError):
        core(loan, 60_000, "CORE-1", bank_reference=ours)
    with pytest.raises(ValidationError):
        core(loan, 60_000, "desk:payment:made-up")


def test_the_core_takes_back_what_the_desk_booked(sqlite_book: Flask) -> None:
    loan = a_loan()
    payment_id = take(loan)
    core(loan, 50_000, "CORE-1")

    core(loan, 50_000, "CORE-R", kind=EntryKind.REVERSAL, reverses_reference="CORE-1")

    assert (paid(loan), row_of(payment_id).state, untold(loan)) == (0, "reversed", 0)


# -- mistakes


def test_a_supervisor_takes_a_mistake_back(app: Flask) -> None:
    loan = a_loan()
    payment_id = take(loan)

    with pytest.raises(ForbiddenError), unit_of_work() as work:
        reverse_payment(work, payment_id, staff=ann(loan), now=START, reason="typo")
    for _ in range(2):
        with unit_of_work() as work:
            reverse_payment(work, payment_id, staff=bob(loan), now=START, reason="the wrong loan")

    row = row_of(payment_id)
    assert (row.state, row.reversed_by, paid(loan), untold(loan)) == ("reversed", "staff:Bob", 0, 0)
    assert count(NoticeRow, NoticeRow.template == "payment_reversed", NoticeRow.borrower_id == loan.borrower_id) == 1
    assert row_of(take(loan)).state == "booked"  # the receipt is free for what is right


def test_what_the_core_has_told_of_the_core_takes_back(sqlite_book: Flask) -> None:
    loan = a_loan()
    payment_id = take(loan)
    core(loan, 50_000, "CORE-1")

    with pytest.raises(ConflictError, match="CORE-1"), unit_of_work() as work:
        reverse_payment(work, payment_id, staff=bob(loan), now=START, reason="the wrong loan")


def test_another_lender_s_staff_see_nothing_of_it(sqlite_book: Flask) -> None:
    loan = a_loan()
    payment_id = take(loan, 150_000)
    stranger = DeskStaff("staff:Eve", "admin", "01981e6a-7c1e-7000-8000-3f1c2a5b9d10")

    for act in (approve_payment, decline_payment, reverse_payment):
        with pytest.raises(NotFoundError), unit_of_work() as work:
            act(work, payment_id, staff=stranger, now=START, **({} if act is approve_payment else {"reason": "x"}))
    with db.engine.connect() as connection:
        assert list_payments(connection, loan.borrower_id, lender_id=stranger.lender_id) == []


def test_nothing_waits_for_its_loan(sqlite_book: Flask) -> None:
    loan = a_loan()
    take(loan)

    assert count(UnmatchedPaymentRow) == 0
