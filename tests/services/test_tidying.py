"""What is past its time is forgotten, what is not stays."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from app.persistence.db import db
from app.persistence.models.access import AccessTokenRow, IdempotencyKeyRow, RateCounterRow
from app.persistence.unit_of_work import unit_of_work
from app.services.sign_in import Caller, request_code
from app.services.tidying import tidy
from tests.builders.access import a_borrower, signed_in
from tests.conftest import START


def keep_answer(key: str, age: timedelta) -> None:
    with unit_of_work() as work:
        work.session.add(
            IdempotencyKeyRow(
                principal="p", route="r", key=key, fingerprint="f", status=200, body={}, created_at=START - age
            )
        )


def test_rows_past_their_time_go_in_batches_and_young_ones_stay(app: Flask) -> None:
    for number in range(5):
        keep_answer(f"old-{number}", timedelta(days=8))
    keep_answer("young", timedelta(hours=25))

    gone = tidy(now=START, batch=2)

    assert gone["idempotency_keys"] == 5
    assert db.session().scalars(select(IdempotencyKeyRow.key)).all() == ["young"]


def test_a_month_later_nothing_of_a_sign_in_is_left_but_the_session(app: Flask) -> None:
    borrower_id, phone = a_borrower()
    request_code(phone, Caller("d", "n"), now=START)
    signed_in(borrower_id)

    gone = tidy(now=START + timedelta(days=31))

    assert gone["otp_challenges"] == gone["access_tokens"] == 1
    assert db.session().scalars(select(AccessTokenRow.session_id)).all() == []
    assert db.session().scalars(select(RateCounterRow.bucket)).all() == []
