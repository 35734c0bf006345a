"""The same money told by the core, a payment provider, a bank statement and a plan file: in every order it counts once."""

from datetime import date
from itertools import count
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentResult, PaymentValues
from app.domain.errors import ConflictError, DomainError, ValidationError
from app.domain.ledger import EntryKind
from app.domain.money import Money
from app.domain.payment_intents import IntentState, IntentTimes
from app.persistence.db import session
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.models.statement_lines import StatementLineRow
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.ledger import page_unmatched
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.positions import find_snapshot
from app.persistence.unit_of_work import unit_of_work
from app.services.payment_moves import move
from app.services.payments import record_payment, record_payments
from app.services.statement_desk import WantedPart, match_by_hand
from app.services.statement_evidence import LineTexts
from app.services.statement_lines import LineValues, take_lines
from app.services.transfer_settings import TransferChange, change_settings
from tests.builders.book import Built, build_loan, replan
from tests.builders.refunds import an_intent
from tests.conftest import START

TODAY = START.date()
_numbers = count(1001)
DUE = [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)]


def a_loan() -> Built:
    """Three rows of 10,000, the first of them due yesterday; its number is long enough to be found in words."""
    return build_loan(now=START, due=DUE, loan_no=f"LOAN-{next(_numbers)}")


def told(loan: Built, reference: str, amount_minor: int = 10_000, **also: Any) -> PaymentValues:
    """A payment as the core tells of it."""
    return PaymentValues(reference, loan.loan_no, amount_minor, "USD", TODAY, **also)


def undone(loan: Built, reference: str, of: str, amount_minor: int = 10_000) -> PaymentValues:
    """The core's word that a payment was taken back."""
    return told(loan, reference, amount_minor, kind=EntryKind.REVERSAL, reverses_reference=of)


def record(loan: Built, values: PaymentValues, *, origin: str = "ingest") -> PaymentResult:
    with unit_of_work() as work:
        return record_payment(work, loan.lender_id, values, now=START, origin=origin)


def record_all(loan: Built, *batch: PaymentValues) -> list[PaymentResult | DomainError]:
    with unit_of_work() as work:
        return record_payments(work, get_lender(work.session, loan.lender_id), batch, now=START, origin="ingest")


def taken_at_provider(loan: Built) -> str:
    """A payment of 10,000 that its provider told of; return the provider's reference of it."""
    intent_id = an_intent(loan, 10_000)
    with unit_of_work() as work:
        row = work.session.get(PaymentIntentRow, intent_id)
        assert row is not None
        row.entry_reference, bank_reference = f"pi:fake:{intent_id}", str(row.payment_reference)
    values = told(loan, f"pi:fake:{intent_id}", bank_reference=bank_reference, channel="fake")
    record(loan, values, origin="provider:fake")
    return bank_reference


def a_line(
    loan: Built, reference: str = "B1", amount_minor: int = 10_000, *, returns: str | None = None, words: str | None = None
) -> str:
    """Have the bank tell of money for a loan; return what became of the line."""
    values = LineValues(reference, TODAY, amount_minor, "USD", returns, LineTexts(words=words or f"for {loan.loan_no}"))
    with unit_of_work() as work:
        (result,) = take_lines(work, loan.lender_id, [values], now=START)
        assert not isinstance(result, DomainError), result
        return f"{result.state}"


def paid(loan: Built) -> int:
    """What stands of the loan's money in."""
    session().rollback()
    rows = session().scalars(select(LedgerEntryRow).where(LedgerEntryRow.loan_id == loan.loan_id)).all()
    gone = {row.reverses_id for row in rows}
    total = sum(row.amount_minor for row in rows if row.id not in gone and row.kind in ("repayment", "prepayment"))
    found = find_snapshot(session(), loan.borrower_id, loan.loan_id)
    assert found is None or found[0].unapplied_minor == 0
    return total


def owed(loan: Built) -> int:
    """What is still to be paid of the whole plan."""
    session().rollback()
    found = find_snapshot(session(), loan.borrower_id, loan.loan_id)
    assert found is not None
    return sum(row.open.total for row in found[0].open_rows)


def waiting() -> list[str]:
    session().rollback()
    return [f"{row.reference} {row.reason}" for row in page_unmatched(session())]


def test_a_batch_tells_of_a_providers_payment_and_takes_it_back(sqlite_book: Flask) -> None:
    loan = a_loan()
    bank_reference = taken_at_provider(loan)

    results = record_all(loan, told(loan, "C1", bank_reference=bank_reference), undone(loan, "C2", "C1"))

    assert [getattr(each, "status", each) for each in results] == ["duplicate", "recorded"]
    assert (paid(loan), waiting()) == (0, [])


def test_a_reversal_waits_for_the_cores_word_of_a_providers_payment(sqlite_book: Flask) -> None:
    loan = a_loan()
    bank_reference = taken_at_provider(loan)

    assert record(loan, undone(loan, "C2", "C1")).status == "unmatched"
    assert record(loan, told(loan, "C1", bank_reference=bank_reference)).status == "duplicate"

    assert (paid(loan), waiting()) == (0, [])


def test_the_core_takes_back_money_that_the_bank_told_of_first(sqlite_book: Flask) -> None:
    loan = a_loan()
    assert a_line(loan) == "matched"

    assert record(loan, told(loan, "C1", bank_reference="B1")).status == "unmatched"
    assert record(loan, undone(loan, "C2", "C1")).status == "recorded"

    assert (paid(loan), waiting()) == (0, [])
    assert record(loan, told(loan, "C1", bank_reference="B1")).status == "duplicate"


def test_the_core_takes_it_back_before_or_with_its_own_word_of_it(sqlite_book: Flask) -> None:
    before, together = a_loan(), a_loan()
    a_line(before, "B1"), a_line(together, "B2")

    record(before, undone(before, "C2", "C1"))
    record(before, told(before, "C1"))
    record_all(together, told(together, "C3", bank_reference="B2"), undone(together, "C4", "C3"))

    assert (paid(before), paid(together), waiting()) == (0, 0, [])


def test_the_bank_and_the_core_take_the_same_money_back_and_it_goes_once(sqlite_book: Flask) -> None:
    loan = a_loan()
    a_line(loan)
    record(loan, told(loan, "C1", bank_reference="B1"))

    a_line(loan, "B2", -10_000, returns="B1")
    results = [record(loan, undone(loan, "C2", "C1")).status for _ in range(2)]

    assert results == ["duplicate", "duplicate"]
    assert (paid(loan), waiting()) == (0, [])


def test_a_core_that_puts_its_word_of_a_line_right_is_booked(sqlite_book: Flask) -> None:
    wrong, right = a_loan(), a_loan()
    record(wrong, told(wrong, "C1", bank_reference="B1"))
    assert a_line(wrong) == "matched"

    record(wrong, undone(wrong, "C2", "C1"))
    record(right, told(right, "C3", bank_reference="B1"))

    assert (paid(wrong), paid(right), waiting()) == (0, 10_000, [])


def test_a_line_taken_back_by_hand_lets_the_cores_word_be_booked(sqlite_book: Flask) -> None:
    loan = a_loan()
    a_line(loan)
    record(loan, undone(loan, "HAND", "stmt:B1"))

    record(loan, told(loan, "C1", bank_reference="B1"))

    assert (paid(loan), waiting()) == (10_000, [])


def test_the_core_may_call_it_a_prepayment(sqlite_book: Flask) -> None:
    line_first, core_first = a_loan(), a_loan()

    a_line(line_first, "B1")
    record(line_first, told(line_first, "C1", bank_reference="B1", kind=EntryKind.PREPAYMENT))
    record(core_first, told(core_first, "C2", bank_reference="B2", kind=EntryKind.PREPAYMENT))
    a_line(core_first, "B2")

    assert (paid(line_first), paid(core_first)) == (10_000, 10_000)


def test_a_line_that_names_no_loan_is_what_the_core_told_under_its_reference(sqlite_book: Flask) -> None:
    loan = a_loan()
    record(loan, told(loan, "C1", bank_reference="B1"))

    assert a_line(loan, words="thank you") == "matched"

    assert (paid(loan), waiting()) == (10_000, [])


def test_money_that_the_bank_took_back_is_not_booked_by_the_cores_word_of_it(sqlite_book: Flask) -> None:
    loan = a_loan()
    a_line(loan)
    record(loan, told(loan, "C1"))
    a_line(loan, "B2", -10_000, returns="B1")

    replan(loan, [date(2026, 3, 8), *DUE[1:]], now=START)

    assert (paid(loan), waiting()) == (0, ["C1 told-by-statement"])


def test_a_provider_tells_of_what_a_plan_file_and_the_core_told_of_before(sqlite_book: Flask) -> None:
    loan = a_loan()
    intent_id = an_intent(loan, 10_000, state="processing")
    record(loan, told(loan, f"{loan.loan_no}/1/paid"), origin="import:1")
    assert record(loan, told(loan, "C1", bank_reference=f"pi_{intent_id[-8:]}")).status == "unmatched"

    with unit_of_work() as work:
        lock_agenda(work.session, [loan.borrower_id])
        row = work.session.get(PaymentIntentRow, intent_id)
        assert row is not None
        move(work, row, IntentState.SUCCEEDED, times=IntentTimes(), now=START)
        assert row.entry_reference == "C1"

    assert paid(loan) == 10_000


def by_hand(loan: Built) -> None:
    """Have a person say that line B1 is for this loan."""
    with unit_of_work() as work:
        line_id = work.session.scalars(select(StatementLineRow.id).where(StatementLineRow.reference == "B1")).one()
        parts = [WantedPart(loan.loan_no, Money(10_000, "USD"))]
        match_by_hand(work, loan.lender_id, line_id, parts, by="staff:Ann", now=START)


def test_a_person_who_matches_a_line_finds_what_the_core_told_since(sqlite_book: Flask) -> None:
    loan, other = a_loan(), a_loan()
    assert a_line(loan, words="thank you") == "unmatched"
    record(loan, told(loan, "C1", bank_reference="B1"))

    with pytest.raises(ConflictError):
        by_hand(other)
    by_hand(loan)

    assert (paid(loan), paid(other), waiting()) == (10_000, 0, [])


def test_nobody_books_a_line_whose_money_went_back(sqlite_book: Flask) -> None:
    loan = a_loan()
    a_line(loan, words="thank you")
    assert a_line(loan, "B2", -10_000, returns="B1") == "ignored"

    with pytest.raises(ConflictError, match="went back"):
        by_hand(loan)


def test_a_line_under_a_providers_reference_is_what_the_provider_told(sqlite_book: Flask) -> None:
    loan = a_loan()
    bank_reference = taken_at_provider(loan)

    assert a_line(loan, bank_reference, words="thank you") == "matched"

    assert (paid(loan), waiting()) == (10_000, [])


def test_a_line_that_goes_back_takes_what_was_waived_with_it(sqlite_book: Flask) -> None:
    loan = a_loan()
    with unit_of_work() as work:
        change_settings(work, "acme", TransferChange(rules={"waive_short": "0.50"}), by="staff:Ann", now=START)
    a_line(loan, amount_minor=9_970)
    assert owed(loan) == 20_000

    a_line(loan, "B2", -9_970, returns="B1")

    assert owed(loan) == 30_000


@pytest.mark.parametrize("origin", ["ingest", "sandbox", "tape:books"])
@pytest.mark.parametrize("reference", ["stmt:B1", "pi:fake:01981e6a-7c1e-7000-8000-3f1c2a5b9d10"])
def test_a_reference_of_the_kind_we_give_is_refused_where_it_is_no_payment_known_here(
    sqlite_book: Flask, reference: str, origin: str
) -> None:
    loan = a_loan()

    with pytest.raises(ValidationError, match="send it under your own"):
        record(loan, told(loan, reference), origin=origin)
    assert a_line(loan) == "matched"

    assert (paid(loan), waiting()) == (10_000, [])


def test_our_own_reference_told_back_is_the_payment_that_it_names(sqlite_book: Flask) -> None:
    loan = a_loan()
    taken_at_provider(loan)
    session().rollback()
    (entry,) = session().scalars(select(LedgerEntryRow).where(LedgerEntryRow.loan_id == loan.loan_id))
    assert entry.reference is not None

    assert record(loan, told(loan, entry.reference)).status == "duplicate"
    assert paid(loan) == 10_000


@pytest.mark.parametrize("channel", ["cheque", "cash", "branch"])
def test_money_under_the_banks_own_reference_is_the_lines_however_the_core_says_it_came(
    sqlite_book: Flask, channel: str
) -> None:
    loan = a_loan()
    assert a_line(loan, f"B-{loan.loan_no}") == "matched"

    result = record(loan, told(loan, "C-1", bank_reference=f"B-{loan.loan_no}", channel=channel))

    assert (result.status, paid(loan)) == ("unmatched", 10_000)
