import re
from collections import Counter
from datetime import date, timedelta
from fractions import Fraction

import phonenumbers
import pytest
from flask import Flask

from app.domain.times import business_date
from app.persistence.db import session
from app.persistence.models.lenders import LenderRow
from app.persistence.models.loans import LoanRow
from app.sandbox import sample_book
from app.sandbox.sample_addresses import MAGIC_PHONES
from app.sandbox.sample_holds import sample_holds, sample_wishes
from app.sandbox.sample_lenders import DEMO_BORROWERS, LENDERS, SampleLender, demo_phone
from app.sandbox.sample_loans import due_dates, level_plan
from app.sandbox.stand_in.magic import OUTCOMES
from app.services.positions import position_of
from tests.conftest import START


def everything(seed: int = 1) -> list[object]:
    return [
        (borrower, list(sample_book.sample_loans(lender, borrower, now=START, seed=seed)))
        for lender in LENDERS
        for borrower in sample_book.sample_borrowers(lender, seed)
    ]


def test_the_same_seed_and_day_give_the_same_book_and_another_seed_another() -> None:
    assert everything(1) == everything(1)
    assert everything(1) != everything(2)


@pytest.mark.parametrize("lender", LENDERS, ids=lambda lender: lender.values.code)
def test_each_phone_is_valid_and_given_once(lender: SampleLender) -> None:
    phones = [borrower.phone for borrower in sample_book.sample_borrowers(lender, 1) if borrower.phone]

    assert len(set(phones)) == len(phones)
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)


def test_no_borrower_has_a_phone_that_asks_for_an_outcome_unless_somebody_gives_them_one() -> None:
    phones = {borrower.phone for lender in LENDERS for borrower in sample_book.sample_borrowers(lender, 1)}

    assert not phones & {f"{begin}{digits}" for begin in MAGIC_PHONES.values() for digits in OUTCOMES}
    assert not [phone for phone in phones if phone and re.search("55501(?:[01][0-9]|20)$", phone)]
    assert {demo_phone(demo) for demo in DEMO_BORROWERS if demo.country == "US"} == {"+12125550190"}


def test_a_level_plan_pays_back_exactly_what_was_lent() -> None:
    dates = due_dates(date(2026, 1, 31), 12, None)

    rows = level_plan(1_000_001, Fraction(11, 100), dates, None)

    assert sum(row.due.principal for row in rows) == 1_000_001
    assert max(row.due.total for row in rows) - min(row.due.total for row in rows) <= 12
    assert [row.due_on for row in rows][:3] == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]


def test_no_payment_was_made_in_the_future_or_before_the_loan() -> None:
    for _borrower, loans in everything():  # type: ignore[misc]
        for sample in loans:
            assert sample.loan.recorded_at <= START
            assert all(sample.loan.disbursed_on <= paid.effective_on for paid in sample.payments)
            assert all(paid.effective_on < START.date() + timedelta(days=1) for paid in sample.payments)


def test_the_filled_book_shows_every_bucket_currency_and_shared_due_days(app: Flask) -> None:
    counts = sample_book.fill(now=START)

    lenders = {lender.id: lender.zone for lender in session().query(LenderRow)}
    buckets: Counter[str] = Counter()
    next_due: dict[str, list[date]] = {}
    currencies = set()
    for loan in session().query(LoanRow).all():
        position = position_of(session(), loan, business_date(START, lenders[loan.lender_id]))
        buckets[position.bucket] += 1
        currencies.add(loan.currency)
        if position.next_due_on:
            next_due.setdefault(loan.borrower_id, []).append(position.next_due_on)
    assert counts["borrowers"] > 300
    assert counts["devices"] > 150
    assert set(buckets) == {"current", "1-29", "30-59", "60-89", "90+"}
    assert currencies == {"CNY", "USD", "GBP", "INR", "EUR", "JPY", "KWD"}
    assert sum(len(set(days)) < len(days) for days in next_due.values()) > 30


def test_demo_borrowers_have_phones_of_their_own() -> None:
    phones = [demo_phone(demo) for demo in DEMO_BORROWERS]

    assert len(set(phones)) == len(DEMO_BORROWERS)


def test_holds_wishes_and_refusals_are_in_the_book_and_promises_end_on_both_sides_of_sixty_days() -> None:
    told = [hold for lender in LENDERS for hold in sample_holds(lender, now=START, seed=1)]
    wishes = [wish for lender in LENDERS for wish in sample_wishes(lender, seed=1)]
    borrowers = [each for lender in LENDERS for each in sample_book.sample_borrowers(lender, 1)]
    loans = [loan.loan for lender in LENDERS for each in sample_book.sample_borrowers(lender, 1)
             for loan in sample_book.sample_loans(lender, each, now=START, seed=1)]  # fmt: skip

    ends = [values.until_at - START for _, values in told if values.kind == "promise_to_pay" and values.until_at]
    assert {values.kind for _, values in told} >= {
        "hardship",
        "dispute",
        "promise_to_pay",
        "breathing_space",
        "plan_pending",
    }
    assert min(ends) < timedelta(days=60) < max(ends)
    assert not {no for no, _ in told} & {demo.borrower_no for demo in DEMO_BORROWERS}
    assert wishes
    assert any(each.consents.get("sms") is False for each in borrowers)
    assert all(lender.values.role == "first_party" and lender.values.role_reason for lender in LENDERS)
    assert 0 < sum(loan.autopay for loan in loans) < len(loans) / 4
