import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.domain.times import local_instant, parse_instant
from app.factory import create_app
from app.persistence.db import db
from app.persistence.ids import new_id
from app.persistence.queries.clocks import freeze, get_clock, stored_source
from app.persistence.unit_of_work import close_session, unit_of_work
from app.sandbox import sample_book, virtual_phone
from app.sandbox.sample_lenders import demo_phone
from app.sandbox.stand_in.client import StandInClient
from config import ROOT, new_key_ring
from tests.conftest import START, make_settings
from tests.fakes.stand_in import SMS_KEY


def send_sms_by_gateway(stand_in: StandInClient, body: bytes) -> None:
    signed = hmac.new(SMS_KEY.encode(), b"1." + body, hashlib.sha256).hexdigest()
    headers = {"Duecourse-Timestamp": "1", "Duecourse-Signature": signed}
    with build_opener(ProxyHandler({})).open(Request(f"{stand_in.url}/sms", body, headers), timeout=10) as answer:
        assert answer.status == 202


@pytest.fixture(scope="module")
def sandbox_app(tmp_path_factory: pytest.TempPathFactory, stand_in_process: StandInClient) -> Iterator[Flask]:
    """A sandbox on its sample book, with the clock standing still at `START` until a test moves it."""
    folder = tmp_path_factory.mktemp("sandbox")
    url = f"sqlite:///{folder / 'sandbox.db'}"
    app = create_app(make_settings(url, folder, mode="sandbox", stand_in_url=stand_in_process.url))
    with app.app_context():
        with unit_of_work() as work:
            freeze(work.session, START)
        sample_book.fill(now=START)
        close_session()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def client(sandbox_app: Flask) -> Iterator[FlaskClient]:
    with sandbox_app.app_context():
        clock.use(stored_source(db.engine))  # another app of this run may have set its own
        yield sandbox_app.test_client()
        with unit_of_work() as work:
            get_clock(work.session).travel_to = None
        close_session()
    clock.use(clock.system_now)


def test_the_page_runs_only_its_own_script_and_holds_none_itself(client: FlaskClient) -> None:
    answer = client.get("/sandbox")

    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)| style=| on\w+=", answer.text)
    for path in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
        assert client.get(path).status_code == 200


def test_the_sandbox_does_not_exist_in_production(sqlite_app: Flask) -> None:
    client = sqlite_app.test_client()

    assert client.get("/sandbox").status_code == 404
    assert client.post("/sandbox/clock", json={"to": "day", "borrower_no": "DEMO-CN"}).status_code == 404


def test_the_demo_borrowers_are_listed_with_what_signing_in_needs(client: FlaskClient) -> None:
    people = client.get("/sandbox/people").json["people"]

    assert {"CN", "US", "GB", "IN", "DE"} == {person["country"] for person in people}
    assert all(person["phone"].startswith("+") and person["push_address"] for person in people)


def test_a_look_at_a_phone_says_the_time_and_the_next_due_date(client: FlaskClient) -> None:
    seen = client.get("/sandbox/phones/DEMO-CN?since=0").json

    assert seen["now"] == "2026-03-02T09:00:00Z"
    assert seen["next_due_on"] == "2026-03-05"
    assert seen["received"] == {"items": [], "next": 0}
    assert seen["has_provider"]


@pytest.mark.parametrize("path", ["/sandbox/phones/CN-0001", "/sandbox/phones/nobody"])
def test_only_demo_borrowers_have_a_phone_to_look_at(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_clock_is_asked_to_noon_of_the_next_due_date_in_the_loans_zone(client: FlaskClient) -> None:
    answer = client.post("/sandbox/clock", json={"to": "next_due", "borrower_no": "DEMO-CN"})

    due_noon = local_instant(START.date() + timedelta(days=3), virtual_phone.NOON, "Asia/Shanghai")
    assert answer.status_code == 202
    assert parse_instant(answer.json["travel_to"]) == due_noon
    assert client.get("/sandbox/phones/DEMO-CN").json["travel_to"] == answer.json["travel_to"]


def test_a_second_wish_goes_on_from_where_the_first_leads(client: FlaskClient) -> None:
    client.post("/sandbox/clock", json={"to": "day", "borrower_no": "DEMO-CN"})
    answer = client.post("/sandbox/clock", json={"to": "hour", "borrower_no": "DEMO-CN"})

    assert parse_instant(answer.json["travel_to"]) == START + timedelta(days=1, hours=1)


@pytest.mark.parametrize("since", ["-1", "²", "１", "9" * 40, "x", ""])
def test_since_is_a_number_of_plain_digits(client: FlaskClient, since: str) -> None:
    assert client.get(f"/sandbox/phones/DEMO-CN?since={since}").status_code == 422


@pytest.mark.parametrize(
    "to",
    ["2026-03-02T08:59:59Z", "2030-01-01T00:00:00Z", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"],
)
def test_the_clock_goes_forward_only_and_not_too_far(client: FlaskClient, to: str) -> None:
    assert client.post("/sandbox/clock", json={"to": to, "borrower_no": "DEMO-CN"}).status_code == 422


def test_a_payment_arrives_and_moves_the_next_due_date(client: FlaskClient) -> None:
    with unit_of_work() as work:
        borrower_id = virtual_phone.get_borrower_id(work.session, "DEMO-US")
        before = virtual_phone.next_due_day(work.session, borrower_id, now=START)
    close_session()

    answer = client.post(
        "/sandbox/payments", json={"borrower_no": "DEMO-US", "loan_no": "DEMO-US-1", "amount_minor": 1_000_000}
    )

    assert (answer.status_code, answer.json) == (201, {"status": "recorded"})
    assert before is not None
    assert client.get("/sandbox/phones/DEMO-US").json["next_due_on"] != before.due_on.isoformat()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"borrower_no": "DEMO-US", "loan_no": "DEMO-CN-1", "amount_minor": 100}, 404),
        ({"borrower_no": "CN-0001", "loan_no": "CN-0001-1", "amount_minor": 100}, 404),
        ({"borrower_no": "DEMO-US", "loan_no": "DEMO-US-1", "amount_minor": 0}, 422),
        ({"borrower_no": "DEMO-US", "loan_no": "DEMO-US-1", "amount_minor": "100"}, 422),
        ({"borrower_no": "DEMO-US", "loan_no": "DEMO-US-1", "amount_minor": 2**63 - 1}, 422),
        ({"borrower_no": "DEMO-US", "loan_no": "DEMO-US-1\0", "amount_minor": 100}, 404),
        ({"borrower_no": "DEMO-US"}, 422),
        ([], 422),
    ],
)
def test_a_payment_that_cannot_be_is_refused(client: FlaskClient, body: object, status: int) -> None:
    assert client.post("/sandbox/payments", json=body).status_code == status


@pytest.mark.parametrize("path", [f"/sandbox/{name}" for name in ("clock", "payments", "messages", "addresses", "gestures")])
def test_what_another_sites_form_could_send_is_refused(client: FlaskClient, path: str) -> None:
    body = '{"to":"day","borrower_no":"DEMO-CN"}'

    assert client.post(path, data=body, content_type="text/plain").status_code == 415
    assert client.post(path, data={"to": "day"}).status_code == 415


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("messages", {"borrower_no": "CN-0001", "channel": "sms"}, 404),
        ("messages", {"borrower_no": "DEMO-GB", "channel": "pigeon"}, 409),
        ("messages", {"borrower_no": "DEMO-GB", "channel": "email"}, 409),  # no provider is set up in this app
        ("messages", {"borrower_no": "DEMO-GB"}, 422),
        ("addresses", {"borrower_no": "CN-0001", "channel": "sms", "outcome": "stop"}, 404),
        ("addresses", {"borrower_no": "DEMO-GB", "channel": "sms", "outcome": "bounce"}, 422),
        ("addresses", {"borrower_no": "DEMO-GB", "channel": "push", "outcome": "uninstalled"}, 409),  # never signed in
        ("gestures", {"borrower_no": "DEMO-GB", "n": 10**9, "act": "text", "text": "STOP"}, 404),
        ("gestures", {"borrower_no": "DEMO-GB", "n": -5, "act": "text", "text": "STOP"}, 404),
        ("gestures", {"borrower_no": "DEMO-GB", "n": True, "act": "text", "text": "STOP"}, 422),
    ],
)
def test_what_cannot_be_done_on_a_phone_is_refused(client: FlaskClient, path: str, body: object, status: int) -> None:
    assert client.post(f"/sandbox/{path}", json=body).status_code == status


def test_an_address_that_is_given_is_shown_until_the_own_one_is_given_back(client: FlaskClient) -> None:
    def looked() -> dict[str, str]:
        return client.get("/sandbox/phones/DEMO-IN").json["addresses"]

    given = {"borrower_no": "DEMO-IN", "channel": "sms", "outcome": "busy"}
    assert client.post("/sandbox/addresses", json={**given, "channel": "voice"}).status_code == 200

    assert looked() | {"sms": "busy", "voice": "busy"} == looked()  # texts and calls have one phone
    assert client.get("/sandbox/phones/DEMO-IN").json["phone"].endswith("5550114")

    client.post("/sandbox/addresses", json={**given, "outcome": "own"})
    assert set(looked().values()) == {"own"}


def test_only_what_is_on_this_phone_can_be_touched(client: FlaskClient, stand_in: StandInClient) -> None:
    for phone in ("+447000000001", demo_phone(virtual_phone.get_demo("DEMO-GB"))):
        said = json.dumps({"message_id": "m", "to": phone, "text": "Hello"}).encode()
        send_sms_by_gateway(stand_in, said)

    answers = [
        client.post("/sandbox/gestures", json={"borrower_no": "DEMO-GB", "n": n, "act": "text", "text": "Hello"})
        for n in (1, 2)
    ]

    assert [answer.status_code for answer in answers] == [404, 409]  # the gateway takes no answers


def test_letters_of_others_are_not_shown(client: FlaskClient) -> None:
    assert client.get(f"/sandbox/letters/{new_id()}.pdf").status_code == 404
    assert client.get("/sandbox/letters/x.pdf").status_code == 404


def test_production_does_not_even_load_the_sandbox(tmp_path: Path) -> None:
    program = "import sys, wsgi; print([name for name in sys.modules if name.startswith('app.sandbox')])"
    environment = {"PATH": os.environ["PATH"], "DUECOURSE_MODE": "production", "DUECOURSE_KEYS": new_key_ring()}
    environment["DATABASE_URL"] = f"sqlite:///{tmp_path / 'x.db'}"

    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)

    assert loaded.stdout.strip() == "[]", loaded.stderr
