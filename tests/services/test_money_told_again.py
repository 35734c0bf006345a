"""The same money told by the core, a payment provider, a bank statement and a plan file: in every order it counts once."""

from datetime import date
from typing import Any

from flask import Flask
from sqlalchemy import select

from app.domain.book import PaymentResult, PaymentValues
from app.domain.errors import DomainError
from app.domain.ledger import EntryKind
from app.persistence.db import session
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.queries.ledger import page_unmatched
from app.persistence.queries.lenders import get_lender
from app.persistence.queries.positions import find_snapshot
from app.persistence.unit_of_work import unit_of_work
from app.services.payments import record_payment, record_payments
from app.services.statement_evidence import LineTexts
from app.services.statement_lines import LineValues, take_lines
from tests.builders.book import Built, build_loan
from tests.builders.refunds import an_intent
from tests.conftest import START

TODAY = START.date()
DUE = [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)]


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


def a_line(loan: Built, reference: str = "B1", amount_minor: int = 10_000, *, returns: str | None = None) -> str:
    """Have the bank tell of money for a loan; return what became of the line."""
    values = LineValues(reference, TODAY, amount_minor, "USD", returns, LineTexts(words=f"for {loan.loan_no}"))
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


def waiting() -> list[str]:
    session().rollback()
    return [f"{row.reference} {row.reason}" for row in page_unmatched(session())]


def test_a_batch_tells_of_a_providers_payment_and_takes_it_back(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=DUE)
    bank_reference = taken_at_provider(loan)

    results = record_all(loan, told(loan, "C1", bank_reference=bank_reference), undone(loan, "C2", "C1"))

    assert [getattr(each, "status", each) for each in results] == ["duplicate", "recorded"]
    assert (paid(loan), waiting()) == (0, [])


def test_a_reversal_waits_for_the_cores_word_of_a_providers_payment(sqlite_book: Flask) -> None:
    loan = build_loan(now=START, due=DUE)
    bank_reference = taken_at_provider(loan)

    assert record(loan, undone(loan, "C2", "C1")).status == "unmatched"
    assert record(loan, told(loan, "C1", bank_reference=bank_reference)).status == "duplicate"

    assert (paid(loan), waiting()) == (0, [])
