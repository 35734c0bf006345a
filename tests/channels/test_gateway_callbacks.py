from typing import Any

import orjson
import pytest

from app.channels.callbacks import CallbackParser, CallbackRequest, ForgedError, MalformedError, parser_of
from app.channels.signed_posts import signature
from app.domain.deliveries import Told
from tests.builders.callbacks import a_post
from tests.builders.outgoing import NOW
from tests.fakes.stand_in import SMS_KEY

RECEIPT = {"message_id": "m-1", "id": "g-1", "status": "delivered", "at": "2026-03-02T10:00:00+01:00", "segments": 2}


@pytest.fixture
def parser() -> CallbackParser:
    made = parser_of("gateway", {"key": SMS_KEY})
    assert made is not None
    return made


def a_signed(value: Any, *, key: str = SMS_KEY, age_seconds: int = 0, timestamp: str = "") -> CallbackRequest:
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    timestamp = timestamp or str(int(NOW.timestamp()) - age_seconds)
    headers = {"Duecourse-Timestamp": timestamp, "Duecourse-Signature": signature(key.encode(), timestamp, body)}
    return a_post(body, headers=headers)


def test_a_receipt_says_what_became_of_which_message(parser: CallbackParser) -> None:
    callback = parser.read(a_signed(RECEIPT))

    [report] = callback.reports
    assert (report.told, report.message_id, report.reference, report.units) == (Told.DELIVERED, "m-1", "g-1", 2)
    assert report.at is not None
    assert report.at.isoformat() == "2026-03-02T09:00:00+00:00"
    assert callback.is_signed
    assert (callback.answer.status, callback.answer.body) == (200, b'{"ok":true}')


@pytest.mark.parametrize(
    ("said", "told", "error", "verdict"),
    [
        ({"status": "queued"}, Told.ACCEPTED, None, "keep"),
        ({"status": "SENT"}, Told.SENT, None, "keep"),
        ({"status": "failed", "error": "unreachable"}, Told.FAILED, "unreachable", "keep"),
        ({"status": "failed", "error": "invalid_number"}, Told.FAILED, "bad_address", "invalid"),
        ({"status": "rejected", "error": "opted_out"}, Told.FAILED, "opted_out", "opted_out"),
        ({"status": "undelivered", "error": "E42"}, Told.FAILED, "unknown", "keep"),
        ({"status": "expired"}, Told.FAILED, "expired", "keep"),
    ],
)
def test_each_state_has_one_meaning(
    parser: CallbackParser, said: dict[str, str], told: Told, error: str | None, verdict: str
) -> None:
    [report] = parser.read(a_signed({"id": "g-1", **said})).reports

    assert (report.told, report.error_code, report.verdict) == (told, error, verdict)


def test_several_receipts_and_replies_may_come_in_one_post(parser: CallbackParser) -> None:
    reply = {"from": "+447400123456", "to": "1", "text": "STOP", "id": "r-1"}

    callback = parser.read(a_signed([RECEIPT, {**RECEIPT, "id": "g-2"}, reply, {"from": "+447400123456", "text": "?"}]))

    assert [report.event_key for report in callback.reports] == ["g-1:delivered", "g-2:delivered"]
    assert [(inbound.address, inbound.text) for inbound in callback.inbound] == [
        ("+447400123456", "STOP"), ("+447400123456", "?"),
    ]  # fmt: skip
    assert len({inbound.event_key for inbound in callback.inbound}) == 2


@pytest.mark.parametrize(
    "request_",
    [
        a_signed(RECEIPT, key="another"),
        a_signed(RECEIPT, age_seconds=301),
        a_signed(RECEIPT, age_seconds=-301),
        a_post(orjson.dumps(RECEIPT)),
        a_signed(RECEIPT, timestamp="x"),
        a_post(orjson.dumps({**RECEIPT, "status": "failed"}), headers=dict(a_signed(RECEIPT).headers)),
    ],
)  # fmt: skip
def test_what_is_not_signed_or_too_old_is_forged(parser: CallbackParser, request_: CallbackRequest) -> None:
    with pytest.raises(ForgedError):
        parser.read(request_)


def test_a_receipt_within_the_window_is_taken(parser: CallbackParser) -> None:
    assert parser.read(a_signed(RECEIPT, age_seconds=299)).reports


@pytest.mark.parametrize(
    "said",
    [
        b"no",
        [1],
        {"status": "delivered"},
        {"id": "1", "status": "gone"},
        {"from": "LENDER", "text": "x"},
        {"from": "+4474001234"},
    ],
)
def test_what_cannot_be_read_is_malformed(parser: CallbackParser, said: Any) -> None:
    with pytest.raises(MalformedError):
        parser.read(a_signed(said))
