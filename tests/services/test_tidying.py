"""What is past its time is forgotten, what is not stays."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from app.domain.deliveries import Callback, DeliveryReport, Told
from app.persistence.db import db
from app.persistence.models.access import AccessTokenRow, IdempotencyKeyRow, RateCounterRow
from app.persistence.models.deliveries import DeliveryReceiptRow, EndpointLinkRow
from app.persistence.queries.endpoint_links import add_link, open_link
from app.persistence.unit_of_work import unit_of_work
from app.services.callback_posts import take_callback
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


def test_after_ninety_days_a_receipt_is_kept_without_the_post_it_came_in(app: Flask) -> None:
    reports = [DeliveryReport(f"r{n}", Told.DELIVERED, reference=f"ref-{n}") for n in range(3)]
    for age in (timedelta(days=91), timedelta(days=89)):
        take_callback(Callback(f"paper-{age.days}", reports=reports, is_signed=True), b"+4915112345678", now=START - age)

    gone = tidy(now=START, batch=2)

    assert gone["delivery_receipts.raw_sealed"] == 3
    kept = db.session().execute(select(DeliveryReceiptRow.provider, DeliveryReceiptRow.raw_sealed)).all()
    assert sorted((provider, raw is None) for provider, raw in kept) == [("paper-89", False)] * 3 + [("paper-91", True)] * 3


def test_a_code_that_no_provider_takes_any_more_is_forgotten(app: Flask) -> None:
    borrower_id, _ = a_borrower()
    with unit_of_work() as work:
        add_link(work.session, borrower_id, "wechat", token_hash="h", now=START, until=START + timedelta(minutes=10))
        open_link(work.session, "h", "wechat", now=START, check_code="000001", code_sealed=b"sealed", address_sealed=b"who")

    early = tidy(now=START + timedelta(minutes=69))
    late = tidy(now=START + timedelta(minutes=71))

    for column in ("endpoint_links.code_sealed", "endpoint_links.address_sealed"):
        assert [each[column] for each in (early, late)] == [0, 1]
    kept = select(EndpointLinkRow.code_sealed, EndpointLinkRow.address_sealed, EndpointLinkRow.used_at)
    assert db.session().execute(kept).one() == (None, None, START)
