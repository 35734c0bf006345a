"""When a lender's core last spoke, and what its silence means."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask

from app.domain.book import PaymentValues
from app.persistence.db import db
from app.persistence.models.lenders import LenderRow
from app.persistence.unit_of_work import unit_of_work
from app.services.payments import HEARD_EVERY, record_payment
from tests.builders.book import build_lender, build_loan

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _pay(lender_id: str, at: datetime, origin: str = "ingest") -> None:
    with unit_of_work() as work:
        record_payment(
            work, lender_id, PaymentValues(f"P{at}{origin}", "L-1", 100, "USD", date(2026, 3, 1)), now=at, origin=origin
        )


def _heard(lender_id: str) -> datetime | None:
    row = db.session.get(LenderRow, lender_id)
    assert row is not None
    return row.heard_at


@pytest.mark.parametrize(
    ("after", "noted"), [(timedelta(0), False), (HEARD_EVERY - timedelta(seconds=1), False), (HEARD_EVERY, True)]
)
def test_a_core_is_noted_to_speak_every_few_minutes_at_most(app: Flask, after: timedelta, noted: bool) -> None:
    lender_id = build_lender(now=NOW)
    build_loan(now=NOW, due=[date(2026, 4, 1)], lender_id=lender_id, loan_no="L-1")
    _pay(lender_id, NOW)
    _pay(lender_id, NOW + after, "again")

    assert _heard(lender_id) == (NOW + after if noted else NOW)


def test_the_sandbox_has_no_core_that_could_fall_silent(app: Flask) -> None:
    lender_id = build_lender(now=NOW)
    build_loan(now=NOW, due=[date(2026, 4, 1)], lender_id=lender_id, loan_no="L-1")
    _pay(lender_id, NOW, "sandbox")

    assert _heard(lender_id) is None
