import json
from pathlib import Path
from typing import Any

import pytest

from app.channels.callbacks import CallbackParser, ForgedError, MalformedError, parser_of
from app.channels.twilio.signing import is_signed, signature
from app.channels.twilio.sms import build
from app.domain.deliveries import Told, next_state
from app.sandbox.stand_in import twilio
from app.sandbox.stand_in.client import StandInClient
from tests.builders.callbacks import a_form, a_post, posted_back
from tests.builders.outgoing import NOW, a_text
from tests.channels.telephony import STATUS_URL, a_twilio_entry

TOKEN = twilio.AUTH_TOKEN
EXPECTED = {
    "no change": None,
    "sent": "sent",
    "delivered": "delivered",
    "failed, retry on another channel": "failed",
    "failed": "failed",
    "ignored: already delivered": None,
}


def a_parser(**settings: Any) -> CallbackParser:
    made = parser_of("twilio", {"auth_token": TOKEN, **settings})
    assert made is not None
    return made


def a_signed_form(form: dict[str, str], url: str = STATUS_URL, token: str = TOKEN, **changes: Any) -> Any:
    signed = signature(token, url, {name: [value] for name, value in form.items()})
    return a_form(form, url=url, headers={"X-Twilio-Signature": signed, **changes.pop("headers", {})}, **changes)


@pytest.mark.shared
def test_every_payload_of_the_study_parses_to_its_outcome(shared: Path) -> None:
    document = json.loads((shared / "data/provider_payloads/twilio_sms_status.json").read_text())
    parser = a_parser(auth_token=document["auth_token"])

    for case in document["cases"]:
        request = a_form(case["form"], url=document["url"], headers={"X-Twilio-Signature": case["x_twilio_signature"]})
        if case["expect"].startswith("HTTP 403"):
            with pytest.raises(ForgedError):
                parser.read(request)
            continue
        callback = parser.read(request)
        [report] = callback.reports
        before = "delivered" if "already delivered" in case["expect"] else "sent"
        after = next_state(before, report.told)
        wanted = EXPECTED[case["expect"]]
        assert callback.is_signed
        assert (after or before) == (wanted or before), case["name"]
        if "30003" in case["name"]:
            assert (report.error_code, report.raw_code, report.verdict) == ("unreachable", "30003", "keep")
        if "30008" in case["name"]:
            assert report.error_code == "unknown"


@pytest.mark.parametrize(
    ("url", "key", "expected"),
    [("https://mycompany.com/myapp.php?foo=1&bar=2", "12345", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")],
)
def test_the_signature_is_that_of_the_vendors_example(url: str, key: str, expected: str) -> None:
    """Source: the example of Twilio's page on security, as its helper libraries test it."""
    form = {
        "CallSid": ["CA1234567890ABCDE"], "From": ["+12349013030"], "To": ["+18005551212"], "Caller": ["+12349013030"],
        "Digits": ["1234"],
    }  # fmt: skip

    assert signature(key, url, form) == expected


@pytest.mark.parametrize("signed_url", ["https://a.example/x?y=1", "https://a.example:443/x?y=1"])
@pytest.mark.parametrize("public_url", ["https://a.example/x?y=1", "https://a.example:443/x?y=1"])
def test_the_port_of_the_scheme_may_be_signed_or_not(signed_url: str, public_url: str) -> None:
    given = signature("k", signed_url, {"A": ["1"]})

    assert is_signed(given, ["other", "k"], public_url, {"A": ["1"]}, "sha1")
    assert not is_signed(given, ["other"], public_url, {"A": ["1"]}, "sha1")
    assert not is_signed(given, ["k"], "https://a.example:8443/x?y=1", {"A": ["1"]}, "sha1")


STATE = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+447400123456", "From": "+15005550006"}


@pytest.mark.parametrize(
    "tampered",
    [
        a_signed_form(STATE, token="another"),
        a_form(STATE, url=STATUS_URL),
        a_form(STATE, url=STATUS_URL, headers={"X-Twilio-Signature": ""}),
        a_form({**STATE, "MessageStatus": "failed"}, url=STATUS_URL, headers=dict(a_signed_form(STATE).headers)),
        a_form({**STATE, "Extra": "1"}, url=STATUS_URL, headers=dict(a_signed_form(STATE).headers)),
        a_form(STATE, url=f"{STATUS_URL}?message_id=another", headers=dict(a_signed_form(STATE).headers)),
        a_signed_form(STATE, headers={"X-Twilio-Webhooks-Signature-Settings": "key=CR1,algorithm=HMAC_SHA256"}),
    ],
)
def test_what_is_not_signed_as_it_stands_is_forged(tampered: Any) -> None:
    with pytest.raises(ForgedError):
        a_parser().read(tampered)


def test_a_shared_key_and_the_token_of_before_sign_too() -> None:
    form = {name: [value] for name, value in STATE.items()}
    headers = {
        "X-Twilio-Signature": signature("shared", STATUS_URL, form, "sha256"),
        "X-Twilio-Webhooks-Signature-Settings": "key=CR1,algorithm=HMAC_SHA256",
    }

    assert a_parser(webhook_shared_key="shared").read(a_form(STATE, url=STATUS_URL, headers=headers)).reports
    assert a_parser(auth_token="new", previous_auth_token=TOKEN).read(a_signed_form(STATE)).reports


def test_several_values_of_one_name_are_signed_sorted_and_once() -> None:
    signed = signature(TOKEN, STATUS_URL, {**{name: [value] for name, value in STATE.items()}, "B": ["2", "1", "2"]})
    body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in STATE.items()) + "&B=2&B=1&B=2"

    assert a_parser().read(a_post(body.encode(), url=STATUS_URL, headers={"X-Twilio-Signature": signed})).reports


@pytest.mark.parametrize("form", [{"Foo": "1"}, {"MessageStatus": "sent"}])
def test_what_tells_nothing_is_malformed(form: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        a_parser().read(a_signed_form(form))


@pytest.mark.parametrize(("body", "kind"), [(b"\xff\xfe", "x"), (b"{}", "application/json"), (b"no form", "x")])
def test_what_is_no_form_is_malformed(body: bytes, kind: str) -> None:
    with pytest.raises(MalformedError):
        a_parser().read(a_post(body, url=STATUS_URL, headers={"Content-Type": kind, "X-Twilio-Signature": "x"}))


def test_a_state_we_do_not_know_is_answered_and_changes_nothing() -> None:
    callback = a_parser().read(a_signed_form({**STATE, "MessageStatus": "teleported"}))

    assert not callback.reports
    assert callback.answer.status == 200


def test_a_reply_is_taken_with_who_wrote_it_and_answered_with_nothing_to_say() -> None:
    reply = {"MessageSid": "SM9", "From": "+447400123456", "To": "+15005550006", "Body": "When?", "NumMedia": "0"}

    callback = a_parser().read(a_signed_form(reply))

    [inbound] = callback.inbound
    assert (inbound.channel, inbound.address_kind, inbound.address, inbound.text) == (
        "sms",
        "phone",
        "+447400123456",
        "When?",
    )
    assert not callback.events
    assert callback.answer.body == b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
    assert callback.answer.content_type.startswith("text/xml")


@pytest.mark.parametrize(("word", "kind"), [("STOP", "opted_out"), ("START", "subscribed"), ("HELP", None)])
def test_an_opt_out_that_twilio_knew_is_an_event_whatever_the_word_was(word: str, kind: str | None) -> None:
    reply = {"MessageSid": "SM9", "From": "+447400123456", "To": "1", "Body": "genug", "OptOutType": word}

    callback = a_parser().read(a_signed_form(reply))

    assert [event.kind for event in callback.events] == ([kind] if kind else [])
    assert [inbound.text for inbound in callback.inbound] == ["genug"]
    assert len({each.event_key for each in [*callback.events, *callback.inbound]}) == len(callback.events) + 1


@pytest.mark.parametrize("sender", ["whatsapp:+447400123456", "12345", "LENDER"])
def test_a_reply_from_no_phone_is_let_be(sender: str) -> None:
    callback = a_parser().read(a_signed_form({"MessageSid": "SM9", "From": sender, "Body": "x"}))

    assert not callback.inbound


def _posted(stand_in: StandInClient, number: str) -> list[Any]:
    channel = build(a_twilio_entry(stand_in), threads=1)
    message = a_text(number, status_url=STATUS_URL)
    channel.send([message], now=NOW)
    channel.close()
    callbacks = [a_parser().read(posted_back(item)) for item in stand_in.callbacks()]
    assert all(report.message_id == message.message_id for each in callbacks for report in each.reports)
    return callbacks


@pytest.mark.parametrize(
    ("number", "told", "texts"),
    [
        ("+447405550100", [Told.SENT, Told.DELIVERED], []),
        ("+447405550101", [Told.SENT, Told.FAILED], []),
        ("+447405550103", [Told.SENT, Told.DELIVERED], ["STOP"]),
        ("+447405550105", [], []),
        ("+447405550107", [Told.SENT, Told.FAILED], []),
        ("+447405550110", [Told.SENT, Told.DELIVERED], []),
        ("+447405550111", [Told.DELIVERED, Told.DELIVERED, Told.SENT, Told.SENT], []),
        ("+447405550112", [Told.SENT, Told.DELIVERED], [twilio.QUESTION]),
    ],
)
def test_the_posts_of_each_magic_number_are_read(
    stand_in: StandInClient, number: str, told: list[Told], texts: list[str]
) -> None:
    callbacks = _posted(stand_in, number)

    assert [report.told for each in callbacks for report in each.reports] == told
    assert [inbound.text for each in callbacks for inbound in each.inbound] == texts


def test_the_same_receipt_again_has_the_same_key_and_any_order_ends_alike(stand_in: StandInClient) -> None:
    reports = [report for each in _posted(stand_in, "+447405550111") for report in each.reports]

    ends = set()
    for order in (reports, reports[::-1], [*reports[2:], *reports[:2]]):
        state = "sent"
        for report in order:
            state = next_state(state, report.told) or state
        ends.add(state)
    assert ends == {"delivered"}
    assert len({report.event_key for report in reports}) == 2
