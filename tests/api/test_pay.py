"""The page behind a link for paying: nothing before a proof, five tries, one payment, and dead once it is paid."""

import io
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock, logs
from app.domain.payment_intents import PaymentEvent, Told
from app.domain.payment_providers import PaymentOrder, ProviderDownError
from app.persistence.db import vault
from app.persistence.models.payments import PaymentIntentRow
from app.persistence.unit_of_work import reading
from app.services import pay_links
from app.services.pay_links import LINK_LIVES, PATH, PROOF_LIVES, pay_token
from app.services.payment_events import take_event
from app.web import request_context
from app.web.rate_limit import ReadLimit
from tests.api.test_inbox import tell
from tests.builders.access import fresh_client
from tests.builders.book import Built, build_loan, pay
from tests.builders.parallel import meet
from tests.builders.pay_pages import fields_of
from tests.conftest import START
from tests.fakes.payments import FakePayments

DUE = [date(2026, 3, 1), date(2026, 4, 1)]


@pytest.fixture(autouse=True)
def fake(app: Flask) -> Iterator[FakePayments]:
    before, provider = app.extensions["duecourse.payments"], FakePayments()
    app.extensions["duecourse.payments"] = {"fake": provider}
    app.extensions["duecourse.callback_limit"] = ReadLimit(per_second=1e9, burst=1e9)
    yield provider
    app.extensions["duecourse.payments"] = before


def a_link(loan_no: str = "CN-1001", **changes: Any) -> tuple[Built, str]:
    """A loan with one row a day late, and the path of the link in a message about it."""
    loan = build_loan(**{"now": START, "due": DUE, "loan_no": loan_no, **changes})
    return loan, f"{PATH}{pay_token(vault(), tell(loan, channel='sms', state='sent'))}"


def fields(page: Any) -> dict[str, str]:
    return fields_of(page.text)


def count_intents() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(PaymentIntentRow)) or 0


def settle(fake: FakePayments, at: datetime = START) -> None:
    """Have the provider say that the last payment has come."""
    order = fake.orders[-1]
    event = PaymentEvent("e1", "paid", Told.SUCCEEDED, order.intent_id, amount_minor=order.amount_minor, currency="USD")
    assert take_event(fake, event, b"", now=at, machine_now=at) == "applied"


def test_before_a_proof_the_page_tells_nothing(client: FlaskClient) -> None:
    loan, path = a_link()

    page = client.get(path)

    assert page.status_code == 200
    assert not re.search(r"CN-1001|100\.00|USD|\$|debt|loan|due\b", page.text.partition("</style>")[2], re.IGNORECASE)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers
    assert 'name="birth_year"' not in page.text
    assert loan.borrower_no not in page.text


def test_whoever_knows_the_number_sees_what_is_due_and_is_sent_to_the_providers_page(
    client: FlaskClient, fake: FakePayments
) -> None:
    _, path = a_link()

    shown = client.post(path, data={"last_four": "1001"})
    paid = client.post(f"{path}/checkout", data=fields(shown))

    assert (shown.status_code, "CN-1001: $100.00" in shown.text) == (200, True)
    assert "form-action 'self' https:" in shown.headers["Content-Security-Policy"]
    assert (paid.status_code, paid.headers["Location"]) == (303, f"https://pay.example/{fake.orders[0].intent_id}")
    assert fake.orders[0].amount_minor == 10_000


def test_pressed_twice_and_gone_back_it_is_one_payment(client: FlaskClient, fake: FakePayments) -> None:
    _, path = a_link()
    shown = client.post(path, data={"last_four": "1001"})

    answers = [client.post(f"{path}/checkout", data=fields(shown)) for _ in range(3)]

    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert (count_intents(), len(fake.orders)) == (1, 1)


def test_once_it_is_paid_the_link_says_thank_you_and_nothing_else(client: FlaskClient, fake: FakePayments) -> None:
    _, path = a_link()
    shown = client.post(path, data={"last_four": "1001"})
    client.post(f"{path}/checkout", data=fields(shown))
    settle(fake)

    pages = [
        client.get(path),
        client.post(path, data={"last_four": "1001"}),
        client.post(f"{path}/checkout", data=fields(shown)),
    ]

    assert [page.status_code for page in pages] == [200, 200, 200]
    assert all("Nothing is open" in page.text and "$" not in page.text for page in pages)
    assert count_intents() == 1


def test_money_on_its_way_is_not_asked_for_again(client: FlaskClient, fake: FakePayments) -> None:
    _, path = a_link()
    shown = client.post(path, data={"last_four": "1001"})
    client.post(f"{path}/checkout", data=fields(shown))
    event = PaymentEvent("e1", "x", Told.PROCESSING, fake.orders[0].intent_id, amount_minor=10_000, currency="USD")
    take_event(fake, event, b"", now=START, machine_now=START)

    again = client.post(path, data={"last_four": "1001"})
    client.post(f"{path}/checkout", data={**fields(shown), "once": "another"})

    assert ("on its way" in again.text, fields(again), count_intents()) == (True, {}, 1)


def test_the_year_of_birth_is_asked_where_it_is_known(client: FlaskClient) -> None:
    _, path = a_link(national_id="110101199003074514", country="CN")

    asked = client.get(path, headers={"Accept-Language": "zh-CN"})
    wrong = client.post(path, data={"last_four": "1001", "birth_year": "1991"})
    right = client.post(path, data={"last_four": "1001", "birth_year": "1990"})

    assert ('name="birth_year"' in asked.text, asked.headers["Content-Language"]) == (True, "zh-CN")
    assert (wrong.status_code, right.status_code) == (422, 200)


def test_five_wrong_answers_lock_the_link_also_for_who_knows(client: FlaskClient) -> None:
    _, path = a_link()

    wrong = [client.post(path, data={"last_four": f"000{n}"}) for n in range(5)]
    right = client.post(path, data={"last_four": "1001"})

    assert [page.status_code for page in wrong] == [422, 422, 422, 422, 429]
    assert "4 more times" in wrong[0].text
    assert (right.status_code, client.get(path).status_code, "locked" in right.text) == (429, 429, True)


def test_guesses_on_many_links_of_one_borrower_are_counted_together(client: FlaskClient) -> None:
    loan, path = a_link()
    more = [f"{PATH}{pay_token(vault(), tell(loan, title=f'm{n}', channel='sms', state='sent'))}" for n in range(2)]
    for each in (path, more[0]):
        for _ in range(5):
            client.post(each, data={"last_four": "0000"})

    assert client.get(more[1]).status_code == 429
    clock.use(lambda: START + timedelta(days=1, minutes=1))
    assert client.get(more[1]).status_code == 200
    assert client.get(path).status_code == 429


def test_guesses_at_once_are_no_more_than_five(app: Flask) -> None:
    _, path = a_link()

    def guess(number: int) -> int:
        return fresh_client(app).post(path, data={"last_four": f"{number:04}"}).status_code

    answers = meet(app, 12, guess)

    assert sorted(answers) == [*[422] * 4, *[429] * 8]


def test_a_proof_is_of_its_link_and_of_a_quarter_of_an_hour(client: FlaskClient, fake: FakePayments) -> None:
    _, path = a_link()
    _, other = a_link("CN-2002")
    shown = fields(client.post(path, data={"last_four": "1001"}))
    theirs = fields(client.post(other, data={"last_four": "2002"}))

    forged = client.post(f"{path}/checkout", data={**shown, "proof": theirs["proof"]})
    without = client.post(f"{path}/checkout", data={**shown, "proof": ""})
    not_about = client.post(f"{path}/checkout", data={**shown, "loan": theirs["loan"]})
    clock.use(lambda: START + PROOF_LIVES)
    late = client.post(f"{path}/checkout", data=shown)

    assert [answer.headers.get("Location") for answer in (forged, without, late)] == [path] * 3
    assert (not_about.status_code, fake.orders) == (200, [])


@pytest.mark.parametrize("token", ["qzq9", "A" * 35, "A" * 200, "%00", "a.b"])
def test_a_token_that_is_none_of_ours_opens_nothing(client: FlaskClient, token: str) -> None:
    for answer in (client.get(f"{PATH}{token}"), client.post(f"{PATH}{token}", data={"last_four": "1001"})):
        assert answer.status_code == 404
        assert token not in answer.text


def test_a_link_runs_out(client: FlaskClient) -> None:
    _, path = a_link()
    clock.use(lambda: START + LINK_LIVES)

    assert client.get(path).status_code == 410
    assert client.post(path, data={"last_four": "1001"}).status_code == 410


def test_a_provider_that_is_down_takes_nothing_and_the_same_button_goes_on(client: FlaskClient, fake: FakePayments) -> None:
    _, path = a_link()
    shown = fields(client.post(path, data={"last_four": "1001"}))

    def down(_order: PaymentOrder) -> None:
        raise ProviderDownError

    fake.on_create = down
    first = client.post(f"{path}/checkout", data=shown)
    fake.on_create = lambda _order: None
    second = client.post(f"{path}/checkout", data=shown)

    assert (first.status_code, second.status_code, count_intents()) == (503, 303, 1)


def test_the_token_is_in_no_log(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    _, path = a_link()
    written = io.StringIO()
    logs.configure("DEBUG", written)
    monkeypatch.setattr(request_context, "_log", logs.logger())

    client.get(path)
    shown = client.post(path, data={"last_four": "1001"})
    client.post(f"{path}/checkout", data=fields(shown))

    logs.configure("INFO")
    assert path.removeprefix(PATH) not in written.getvalue()
    assert "/v1/o/<token>/checkout" in written.getvalue()


def test_what_somebody_else_paid_meanwhile_is_not_paid_again(client: FlaskClient, fake: FakePayments) -> None:
    loan, path = a_link()
    shown = fields(client.post(path, data={"last_four": "1001"}))
    pay(loan, 10_000, now=START)

    answer = client.post(f"{path}/checkout", data=shown)

    assert ("Nothing is open" in answer.text, fake.orders) == (True, [])


def test_messages_carry_a_link_only_where_something_can_be_paid(sqlite_book: Flask) -> None:
    try:
        assert pay_links.pay_url(vault(), "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", "sms") is None
        pay_links.use_pages("https://m.house.example/")
        found = pay_links.pay_url(vault(), "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", "sms") or ""
        assert re.fullmatch(r"https://m\.house\.example/v1/o/[\w-]{35}", found)
        assert pay_links.pay_url(vault(), "01981e6a-7c1e-7000-8000-3f1c2a5b9d10", "push") is None
    finally:
        pay_links.use_pages(None)


def test_a_link_is_about_its_message_and_not_about_what_fell_due_since(client: FlaskClient) -> None:
    loan, path = a_link(due=[date(2026, 3, 1), date(2026, 3, 12)])
    clock.use(lambda: START + timedelta(days=14))
    both = client.post(path, data={"last_four": "1001"})
    pay(loan, 10_000, now=START + timedelta(days=14))

    assert "CN-1001: $200.00" in both.text
    assert "Nothing is open" in client.get(path).text
