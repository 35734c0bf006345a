"""Posts as real providers make them: signed over the public URL or sent to a secret address, answered exactly."""

import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.channels import sms
from app.channels.twilio.signing import signature
from app.domain.callback_words import callback_word
from app.persistence.models.calls import CallRow
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.tasks import TaskRow
from app.persistence.unit_of_work import reading
from app.services.consents import consents_of
from tests.builders.access import a_borrower
from tests.builders.sent import a_sent, message
from tests.conftest import START

pytestmark = pytest.mark.both
SECRET = "an-unguessable-word-of-this-installation"
TWILIO_WORD, ALIYUN_WORD = callback_word(SECRET, "twilio"), callback_word(SECRET, "aliyun")
PUBLIC = "https://api.lender.example/behind/proxies"
TOKEN, KEY = "t" * 32, "k" * 32
PHONE = "+8613987650009"


@pytest.fixture(autouse=True)
def _providers(app: Flask) -> Iterator[None]:
    settings = app.config["SETTINGS"]
    providers: dict[str, Any] = {
        "sms": ({"provider": "twilio", "auth_token": TOKEN}, {"provider": "aliyun"}, {"provider": "gateway", "key": KEY}),
        "voice": ({"provider": "twilio", "voices": {}},),
    }
    app.config["SETTINGS"] = replace(settings, providers=providers, callback_secret=SECRET, public_url=PUBLIC)
    yield
    app.config["SETTINGS"] = settings


def twilio(client: FlaskClient, query: str = "", **form: str) -> Any:
    path = f"/v1/callbacks/twilio/{TWILIO_WORD}{query}"
    signed = signature(TOKEN, PUBLIC + path, {name: [value] for name, value in form.items()})
    kind = "application/x-www-form-urlencoded"
    return client.post(path, data=urlencode(form), headers={"X-Twilio-Signature": signed}, content_type=kind)


def outcomes() -> list[str]:
    with reading() as session:
        return list(session.scalars(select(DeliveryReceiptRow.outcome).order_by(DeliveryReceiptRow.id)))


def test_twilio_tells_of_a_text(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, state="sending", provider="twilio")

    answer = twilio(client, f"?message_id={sent}", MessageSid="SM1", MessageStatus="delivered", To=PHONE)
    forged = client.post(f"/v1/callbacks/twilio/{TWILIO_WORD}", data={"MessageSid": "SM1", "MessageStatus": "failed"})

    assert (answer.status_code, b"<Response" in answer.data) == (200, True)
    assert forged.status_code == 403
    assert message(sent).state == "delivered"
    assert outcomes() == ["applied"]


def test_a_reply_that_twilio_takes_for_a_stop_is_one_whatever_the_word(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)

    twilio(client, MessageSid="SM2", From=PHONE, To="+15005550006", Body="Enough", OptOutType="STOP")
    with reading() as session:
        stopped = {pair: each.given for pair, each in consents_of(session, borrower_id).items()}
    twilio(client, MessageSid="SM3", From=PHONE, To="+15005550006", Body="Again", OptOutType="START")

    assert stopped == {("contact", "sms"): False}
    with reading() as session:
        assert consents_of(session, borrower_id)["contact", "sms"].given


def test_a_key_pressed_in_a_call_of_twilio_makes_one_call_back(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, reference="CA1", channel="voice", provider="twilio")
    call = {"CallSid": "CA1", "To": PHONE, "Direction": "outbound-api"}

    twilio(client, f"?message_id={sent}", **call, Digits="1")
    twilio(client, f"?message_id={sent}", **call, CallStatus="completed", CallDuration="31")

    with reading() as session:
        row = session.scalars(select(CallRow)).one()
        assert (row.outcome, row.keypress, row.seconds) == ("answered", "1", 31)
        assert [task.kind for task in session.scalars(select(TaskRow))] == ["call_back"]


def test_alibaba_cloud_tells_of_many_texts_in_one_array(client: FlaskClient) -> None:
    borrower_id, _ = a_borrower(phone=PHONE)
    ids = [a_sent(borrower_id, now=START, reference=f"biz{n}", provider="aliyun") for n in range(50)]
    items = [
        {"phone_number": PHONE[3:], "success": n % 5 != 0, "err_code": "DELIVERED" if n % 5 else "MOBILE_NOT_ON_SERVICE",
         "biz_id": f"biz{n}", "out_id": ids[n], "sms_size": "1"}
        for n in range(50)
    ]  # fmt: skip

    answer = client.post(f"/v1/callbacks/aliyun/{ALIYUN_WORD}", data=json.dumps(items), content_type="application/json")
    guessed = client.post("/v1/callbacks/aliyun", data=json.dumps(items), content_type="application/json")

    assert (answer.status_code, answer.data) == (200, '{"code":0,"msg":"接收成功"}'.encode())
    assert guessed.status_code == 403
    assert [message(each).state for each in ids] == ["failed", "delivered", "delivered", "delivered", "delivered"] * 10


@pytest.mark.parametrize("by_settings", [False, True])
def test_the_lenders_own_gateway_signs_with_the_shared_key(app: Flask, client: FlaskClient, by_settings: bool) -> None:
    if by_settings:  # the gateway of one-time codes, named by variables of its own
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], providers={}, sms_key=KEY)
    borrower_id, _ = a_borrower(phone=PHONE)
    sent = a_sent(borrower_id, now=START, provider="gateway")
    body = json.dumps({"message_id": sent, "status": "delivered"}).encode()
    at = str(int(clock.system_now().timestamp()))  # the machine's time, wherever the book's clock stands
    headers = {"Duecourse-Timestamp": at, "Duecourse-Signature": sms.signature(KEY.encode(), at, body)}

    answer = client.post("/v1/callbacks/gateway", data=body, headers=headers)

    assert (answer.status_code, answer.data) == (200, b'{"ok":true}')
    assert message(sent).state == "delivered"


def test_a_provider_whose_setting_is_missing_does_not_exist(app: Flask, client: FlaskClient) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], providers={"sms": ({"provider": "twilio"},)})

    assert twilio(client, MessageSid="SM1", MessageStatus="delivered").status_code == 404


@pytest.mark.parametrize("word", [SECRET, callback_word(SECRET, "tencent"), callback_word("x" + SECRET, "aliyun"), ""])
def test_an_address_of_another_provider_or_the_secret_itself_opens_nothing(client: FlaskClient, word: str) -> None:
    answer = client.post(f"/v1/callbacks/aliyun/{word}".rstrip("/"), data="[]", content_type="application/json")

    assert answer.status_code == 403


def test_the_addresses_to_set_at_each_provider_are_listed_and_are_the_ones_that_open(
    app: Flask, client: FlaskClient, request: pytest.FixtureRequest
) -> None:
    given = app.config["SETTINGS"]
    request.addfinalizer(lambda: app.config.__setitem__("SETTINGS", given))
    providers = {
        "sms": ({"provider": "aliyun"}, {"provider": "gateway", "key": "k"}),
        "email": ({"provider": "smtp"},),
        "letter": ({"provider": "lob"}, {"provider": "print_room"}),
        "voice": ({"provider": "of our own"},),
    }
    app.config["SETTINGS"] = replace(given, providers=providers)

    listed = [
        line.split("\t") for line in app.test_cli_runner().invoke(args=["engine", "list-callbacks"]).output.splitlines()
    ]

    assert [(channel, provider, url.removeprefix(PUBLIC)) for channel, provider, url in listed] == [
        ("sms", "aliyun", f"/v1/callbacks/aliyun/{ALIYUN_WORD}"),
        ("sms", "gateway", "/v1/callbacks/gateway"),
        ("email", "smtp", "/v1/callbacks/email"),
        ("letter", "lob", "/v1/callbacks/lob"),
        ("letter", "print_room", f"/v1/callbacks/print_room/{callback_word(SECRET, 'print_room')}"),
    ]
    path = listed[0][2].removeprefix(PUBLIC)
    assert client.post(path, data="[]", content_type="application/json").status_code == 200


def test_without_a_public_address_there_is_none_to_list(app: Flask, request: pytest.FixtureRequest) -> None:
    given = app.config["SETTINGS"]
    request.addfinalizer(lambda: app.config.__setitem__("SETTINGS", given))
    app.config["SETTINGS"] = replace(given, public_url=None)

    listed = app.test_cli_runner().invoke(args=["engine", "list-callbacks"])

    assert listed.exit_code != 0
    assert "public_url" in listed.output
    for word in ("DUECOURSE_PROVIDERS", "docs/channels.md", '{"callbacks": {"public_url": "https://api.lender.example"'):
        assert word in listed.output


def test_a_word_is_the_same_for_ever_and_proves_nothing_without_a_secret() -> None:
    expected = hmac.new(SECRET.encode(), b"callbacks/aliyun", "sha256").hexdigest()[:32]

    assert (callback_word(SECRET, "aliyun"), callback_word("", "aliyun")) == (expected, "")
