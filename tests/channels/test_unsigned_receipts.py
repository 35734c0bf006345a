"""Tencent Cloud and 46elks, of whom only callbacks are read."""

import json
from pathlib import Path

import pytest

from app.channels.callbacks import CallbackParser, ForgedError, MalformedError, parser_of
from app.domain.deliveries import Told
from tests.builders.callbacks import a_form, a_json, a_post
from tests.fakes.stand_in import CALLBACK_SECRET


def a_parser(provider: str) -> CallbackParser:
    made = parser_of(provider, {"callback_secret": CALLBACK_SECRET})
    assert made is not None
    return made


@pytest.mark.shared
def test_every_tencent_payload_of_the_study_parses_to_its_outcome(shared: Path) -> None:
    document = json.loads((shared / "data/provider_payloads/tencent.json").read_text())

    texts = a_parser("tencent").read(a_json(document["sms_callback"]))
    pushes = a_parser("tencent").read(a_json(document["push_callback"]))

    [report] = texts.reports
    assert (report.told, report.reference, report.raw_code, report.at) == (Told.DELIVERED, "xxxxxxx", "DELIVRD", None)
    assert json.loads(texts.answer.body) == document["sms_reply"]
    assert not texts.is_signed
    [event] = pushes.reports
    assert (event.told, event.reference) == (Told.SENT, document["push_callback"]["Events"][0]["TaskId"])
    assert event.at is not None
    assert event.at.timestamp() == 1557481128


def test_tencent_failures_replies_and_hundreds_of_events_are_read() -> None:
    lost = {"report_status": "FAIL", "errmsg": "MBBLACK", "sid": "1", "mobile": "13811112222", "nationcode": "86"}
    reply = {"mobile": "13811112222", "nationcode": "86", "text": "T", "time": 1457336869, "extend": "1"}
    event = {"TaskId": "t", "To_Account": "u", "EventTime": 1, "ErrCode": 30007, "PushStage": 1}

    texts = a_parser("tencent").read(a_json([lost, {**lost, "sid": "2", "errmsg": "NEW"}, reply]))
    pushes = a_parser("tencent").read(a_json({"Events": [{**event, "To_Account": f"u{n}"} for n in range(100)]}))

    assert [(report.error_code, report.verdict) for report in texts.reports] == [
        ("opted_out", "opted_out"), ("unknown", "keep"),
    ]  # fmt: skip
    [inbound] = texts.inbound
    assert (inbound.address, inbound.text) == ("+8613811112222", "T")
    assert {report.told for report in pushes.reports} == {Told.FAILED}
    assert len({report.event_key for report in pushes.reports}) == 100


@pytest.mark.shared
def test_every_46elks_payload_of_the_study_parses_to_its_outcome(shared: Path) -> None:
    document = json.loads((shared / "data/provider_payloads/46elks_sms_delivery.json").read_text())

    callbacks = [a_parser("46elks").read(a_form(form)) for form in document["forms"]]

    there, lost = (each.reports[0] for each in callbacks)
    assert (there.told, there.reference) == (Told.DELIVERED, document["forms"][0]["id"])
    assert there.at is not None
    assert there.at.isoformat() == "2018-07-13T13:57:23.741000+00:00"
    assert (lost.told, lost.error_code, lost.at) == (Told.FAILED, "unknown", None)
    assert {each.answer.status for each in callbacks} == {204}
    assert not any(each.is_signed for each in callbacks)


@pytest.mark.parametrize(
    ("provider", "body"), [("tencent", b'[{"report_status":"SUCCESS","sid":"1"}]'), ("46elks", b"id=1&status=sent")]
)
def test_an_address_without_the_secret_is_forged(provider: str, body: bytes) -> None:
    assert a_parser(provider).read(a_post(body)).reports
    with pytest.raises(ForgedError):
        a_parser(provider).read(a_post(body, path_secret="guess"))


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("tencent", b"no"), ("tencent", b"[1]"), ("tencent", b'{"Events": 7}'), ("tencent", b'{"Events": [{}]}'),
        ("tencent", b'[{"text": "T"}]'), ("46elks", b"status=sent"), ("46elks", b"id=1&status=gone"), ("46elks", b"\xff"),
        ("46elks", b""),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_malformed(provider: str, body: bytes) -> None:
    with pytest.raises(MalformedError):
        a_parser(provider).read(a_post(body))
