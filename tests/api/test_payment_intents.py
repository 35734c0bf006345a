"""The doors of paying: one intent for each request whatever is lost, other people's not found, forgeries bounded."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock
from app.domain.payment_intents import MOST_PAGES, PaymentEvent, Told
from app.domain.payment_providers import PaymentOrder, ProviderDownError, ProviderRefusedError
from app.persistence.models.loans import LedgerEntryRow
from app.persistence.models.payments import PaymentEventRow, PaymentIntentRow
from app.persistence.unit_of_work import reading, unit_of_work
from app.services.payment_events import FORGED_KEPT, take_event
from app.web.rate_limit import ReadLimit
from tests.builders.access import a_desk_key, fresh_client, signed_in
from tests.builders.book import Built, build_loan
from tests.conftest import START, make_settings
from tests.fakes.payments import FakePayments

DUE = [date(2026, 3, 5), date(2026, 4, 5)]
BODY = {"amount": {"amount_minor": 10_000, "currency": "USD"}}


@pytest.fixture
def fake(app: Flask) -> Iterator[FakePayments]:
    before, provider = app.extensions["duecourse.payments"], FakePayments()
    app.extensions["duecourse.payments"] = {"fake": provider}
    yield provider
    app.extensions["duecourse.payments"] = before


@pytest.fixture
def loan(app: Flask) -> Built:
    return build_loan(now=START, due=DUE)


@pytest.fixture
def me(loan: Built) -> dict[str, str]:
    return signed_in(loan.borrower_id)


def path(loan: Built) -> str:
    return f"/v1/me/loans/{loan.loan_id}/payment-intents"


def post(client: FlaskClient, loan: Built, me: dict[str, str], key: str = "k1", **changes: Any) -> Any:
    return client.post(path(loan), json={**BODY, **changes}, headers={**me, "Idempotency-Key": key})


def count(table: Any) -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_provider_that_is_down_leaves_the_intent_and_the_same_request_goes_on_with_it(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    def down(_order: PaymentOrder) -> None:
        raise ProviderDownError("timeout")

    fake.on_create = down
    first = post(client, loan, me)
    assert (first.status_code, first.json["code"]) == (503, "provider-unavailable")
    assert int(first.headers["Retry-After"]) > 0
    (left,) = client.get(path(loan), headers=me).json["items"]
    assert (left["state"], left["pay_url"]) == ("created", None)

    fake.on_create = lambda _order: None
    second, third = post(client, loan, me), post(client, loan, me)

    assert (second.status_code, second.json["state"]) == (201, "pending")
    assert second.json["id"] == left["id"] == third.json["id"]
    assert third.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Cache-Control"] == "no-store"
    assert fake.orders[0] == fake.orders[1]
    assert len(fake.orders) == 2
    assert count(PaymentIntentRow) == 1


def test_a_hundred_at_once_under_one_key_are_one_intent_and_one_call(
    app: Flask, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    app.extensions["duecourse.read_limit"] = ReadLimit(per_second=1e9, burst=1e9)
    fake.seconds = 0.2

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(fresh_client(app), loan, me), range(100)))

    assert len(fake.orders) == 1
    assert count(PaymentIntentRow) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json["id"] for answer in answers if answer.status_code == 201}) == 1
    assert {a.json["code"] for a in answers if a.status_code == 409} <= {"idempotency-in-flight"}


def test_a_request_that_died_with_its_process_is_gone_on_with_when_its_lease_is_over(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent_id = post(client, loan, me).json["id"]
    with unit_of_work() as work:  # as if the process had died before the provider's answer was kept
        row = work.session.get(PaymentIntentRow, intent_id)
        assert row is not None
        row.state, row.provider_reference, row.pay_url_sealed = "created", None, None
        row.opening_until = clock.system_now() + timedelta(seconds=30)

    assert post(client, loan, me).json["code"] == "idempotency-in-flight"
    later = clock.system_now() + timedelta(seconds=31)
    monkeypatch.setattr(clock, "system_now", lambda: later)

    assert post(client, loan, me).json["state"] == "pending"
    assert fake.orders[-1].intent_id == intent_id


def test_a_provider_that_refuses_says_so_each_time(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    def refuse(_order: PaymentOrder) -> None:
        raise ProviderRefusedError("amount_too_small")

    fake.on_create = refuse

    answers = [post(client, loan, me) for _ in range(2)]

    assert [(a.status_code, "amount_too_small" in a.json["detail"]) for a in answers] == [(409, True)] * 2
    assert len(fake.orders) == 1


def test_another_body_under_the_same_key_is_refused_and_a_key_is_needed(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    post(client, loan, me)

    other = post(client, loan, me, amount={"amount_minor": 9_000, "currency": "USD"})
    none = client.post(path(loan), json=BODY, headers=me)

    assert (other.status_code, other.json["code"]) == (422, "idempotency-mismatch")
    assert (none.status_code, none.json["errors"][0]["pointer"]) == (422, "/headers/Idempotency-Key")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"amount": {"amount_minor": 0, "currency": "USD"}}, "/amount"),
        ({"amount": {"amount_minor": -5, "currency": "USD"}}, "/amount"),
        ({"amount": {"amount_minor": 20_001, "currency": "USD"}}, "/amount"),
        ({"amount": {"amount_minor": 100, "currency": "EUR"}}, "/amount"),
        ({"purpose": "payoff"}, "/amount"),
        ({"return_to": "https://elsewhere.example/"}, "/return_to"),
    ],
)
def test_what_cannot_be_paid_is_refused_before_any_provider_hears_of_it(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments, changes: dict[str, Any], pointer: str
) -> None:
    answer = post(client, loan, me, **changes)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)
    assert fake.orders == []
    assert count(PaymentIntentRow) == 0


@pytest.mark.parametrize(
    ("given", "is_good"),
    [
        ("https://app.example/pay/done", True),
        ("https://app.example/pay", True),
        ("https://app.example/payments", False),
        ("https://app.example.evil.example/pay/x", False),
        ("https://app.example/pay/../admin", False),
        ("javascript:alert(1)//app.example/pay", False),
    ],
)
def test_a_payer_goes_on_into_the_app_alone(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments, app: Flask, given: str, is_good: bool
) -> None:
    before = app.config["SETTINGS"]
    app.config["SETTINGS"] = make_settings(before.database_url, before.var_dir, app_url="https://app.example/pay")
    try:
        answer = post(client, loan, me, return_to=given)
        assert answer.status_code == (201 if is_good else 422)
        if is_good:
            page = client.get(fake.orders[0].return_url.removeprefix("http://localhost"))
            assert f'href="{given}"' in page.get_data(as_text=True)
    finally:
        app.config["SETTINGS"] = before


def test_a_currency_or_a_lender_that_no_account_is_for_is_refused(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    fake.currencies = frozenset({"EUR"})
    assert post(client, loan, me, "k1").status_code == 409
    fake.currencies, fake.lenders = frozenset({"USD"}), frozenset({"another"})
    assert post(client, loan, me, "k2").status_code == 409
    fake.lenders = frozenset({"acme"})
    assert post(client, loan, me, "k3").status_code == 201


def test_without_a_provider_nothing_can_be_paid(client: FlaskClient, loan: Built, me: dict[str, str]) -> None:
    assert (post(client, loan, me).status_code, count(PaymentIntentRow)) == (409, 0)


def test_another_borrowers_payment_is_not_found_at_any_door(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    intent_id = post(client, loan, me).json["id"]
    other = build_loan(now=START, due=DUE, lender_id=loan.lender_id)
    they = signed_in(other.borrower_id)

    for where in (path(loan), path(other)):
        assert client.get(f"{where}/{intent_id}", headers=they).status_code == 404
        assert client.post(f"{where}/{intent_id}/cancel", headers=they).status_code == 404
    assert client.get(path(loan), headers=they).status_code == 404
    assert post(client, loan, they).status_code == 404
    assert (len(fake.orders), count(PaymentIntentRow)) == (1, 1)
    assert client.get(f"{path(loan)}/{intent_id}", headers=me).status_code == 200
    second = build_loan(now=START, due=DUE, lender_id=loan.lender_id, borrower_no=loan.borrower_no)
    assert client.get(f"{path(second)}/{intent_id}", headers=me).status_code == 404
    assert client.post(f"{path(second)}/{intent_id}/cancel", headers=me).status_code == 404


def test_a_lender_sees_its_own_payments_alone(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    post(client, loan, me)
    ours = client.get("/v1/desk/payment-intents", headers=a_desk_key(loan.lender_id)).json["items"]
    other = build_loan(now=START, due=DUE, lender_id=None, borrower_no="B99")

    assert [each["loan_no"] for each in ours] == [loan.loan_no]
    assert "pay_url" not in ours[0]
    assert (
        other.lender_id == loan.lender_id
        or not client.get("/v1/desk/payment-intents", headers=a_desk_key(other.lender_id)).json["items"]
    )


def _forge(client: FlaskClient, body: bytes) -> int:
    return client.post("/v1/callbacks/payments/fake", data=body, headers={"Fake-Signature": "bad"}).status_code


def test_forgeries_are_kept_up_to_a_number_and_then_only_counted(
    client: FlaskClient, fake: FakePayments, app: Flask
) -> None:
    app.extensions["duecourse.callback_limit"] = ReadLimit(per_second=1e9, burst=1e9)

    answers = {_forge(client, b"forged %d" % n + b"x" * 100_000) for n in range(FORGED_KEPT.most + 20)}
    for _ in range(5):
        _forge(client, b"forged 0" + b"x" * 100_000)

    assert answers == {403}
    with reading() as session:
        rows = session.scalars(select(PaymentEventRow)).all()
        assert len(rows) == FORGED_KEPT.most
        assert {(row.state, row.why, row.intent_id) for row in rows} == {("refused", "forged", None)}
        assert max(len(row.body_sealed or b"") for row in rows) < 5_000


def test_a_provider_that_is_not_configured_and_a_return_that_is_not_ours_are_not_found(
    client: FlaskClient, fake: FakePayments, loan: Built, me: dict[str, str]
) -> None:
    assert client.post("/v1/callbacks/payments/stripe", data=b"{}").status_code == 404
    post(client, loan, me)
    good = fake.orders[0].return_url.removeprefix("http://localhost")
    assert client.get(good + "?anything=1").status_code == 200
    for wrong in (good[:-1] + ("0" if good[-1] != "0" else "1"), good.rpartition(".")[0], good + "0"):
        assert client.get(wrong).status_code == 404


def test_every_order_of_the_same_posts_books_once(
    client: FlaskClient, fake: FakePayments, loan: Built, me: dict[str, str], app: Flask
) -> None:
    intent = post(client, loan, me).json
    paid = {"intent_id": intent["id"], "amount_minor": 10_000, "currency": "USD", "is_live": True}
    events = [
        PaymentEvent("e1", "paid", Told.SUCCEEDED, **paid),
        PaymentEvent("e2", "session paid", Told.SUCCEEDED, **paid),
        PaymentEvent("e3", "expired", Told.EXPIRED, intent_id=intent["id"]),
        PaymentEvent("e4", "on its way", Told.PROCESSING, **paid),
    ]

    def deliver(event: PaymentEvent) -> str:
        with app.app_context():
            return take_event(fake, event, b"{}", now=START, machine_now=START)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(deliver, events * 4))

    assert count(LedgerEntryRow) == 1
    assert client.get(f"{path(loan)}/{intent['id']}", headers=me).json["state"] == "succeeded"
    assert found.count("applied") >= 1
    assert count(PaymentEventRow) == 4


def test_a_card_that_was_declined_before_another_paid_is_no_failure_any_more(
    client: FlaskClient, fake: FakePayments, loan: Built, me: dict[str, str]
) -> None:
    intent = post(client, loan, me).json
    facts = {"intent_id": intent["id"], "amount_minor": 10_000, "currency": "USD", "is_live": True}
    shown = []
    for event in (
        PaymentEvent("e1", "declined", Told.DECLINED, failure_code="insufficient_funds", **facts),
        PaymentEvent("e2", "paid", Told.SUCCEEDED, **facts),
    ):
        take_event(fake, event, b"{}", now=START, machine_now=START)
        seen = client.get(f"{path(loan)}/{intent['id']}", headers=me).json
        shown.append((seen["state"], seen["failure_code"]))

    assert shown == [("pending", "insufficient_funds"), ("succeeded", None)]


def test_a_refund_or_a_dispute_at_the_provider_is_a_task_and_moves_nothing(
    client: FlaskClient, fake: FakePayments, loan: Built, me: dict[str, str]
) -> None:
    intent = post(client, loan, me).json
    paid = {"intent_id": intent["id"], "currency": "USD", "is_live": True}
    for number, (told, minor) in enumerate(((Told.SUCCEEDED, 10_000), (Told.REFUNDED, 400), (Told.DISPUTED, 10_000))):
        event = PaymentEvent(f"e{number}", told.value, told, amount_minor=minor, **paid)
        assert take_event(fake, event, b"", now=START, machine_now=START) == "applied"

    tasks = client.get("/v1/desk/tasks?queue=payments", headers=a_desk_key(loan.lender_id)).json["items"]

    assert sorted(each["kind"] for each in tasks) == ["payment_disputed", "payment_refunded"]
    assert client.get(f"{path(loan)}/{intent['id']}", headers=me).json["state"] == "succeeded"


def test_the_value_date_is_the_providers_day_also_where_the_books_clock_is_moved(
    client: FlaskClient, fake: FakePayments, loan: Built, me: dict[str, str]
) -> None:
    intent = post(client, loan, me).json
    machine = START + timedelta(days=200)
    event = PaymentEvent(
        "e1", "paid", Told.SUCCEEDED, intent["id"], amount_minor=10_000, currency="USD",
        is_live=True, paid_at=machine - timedelta(hours=10),
    )  # fmt: skip

    take_event(fake, event, b"", now=START, machine_now=machine)

    with reading() as session:
        assert session.scalars(select(LedgerEntryRow.effective_on)).one() == date(2026, 3, 1)


def test_a_borrower_has_so_many_pages_open_and_no_more(
    client: FlaskClient, loan: Built, me: dict[str, str], fake: FakePayments
) -> None:
    made = [post(client, loan, me, key=f"k{n}") for n in range(MOST_PAGES)]

    refused = post(client, loan, me, key="more")

    assert {answer.status_code for answer in made} == {201}
    assert (refused.status_code, refused.json["code"]) == (409, "conflict")
    assert post(client, loan, me, key="k0").status_code == 201, "the same request is answered as before"
    own = f"{path(loan)}/{made[0].json['id']}/cancel"
    assert client.post(own, headers={**me, "Idempotency-Key": "c"}).status_code == 200
    assert post(client, loan, me, key="more").status_code == 201
