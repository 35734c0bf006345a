import json
from typing import Any

import pytest

from app.channels.callbacks import CallbackRequest, ForgedError, MalformedError
from app.channels.letters.lob import build
from app.channels.letters.lob_callbacks import parser
from app.domain.deliveries import Told
from app.sandbox.stand_in.client import StandInClient
from app.sandbox.stand_in.lob import API_KEY, WEBHOOK_SECRET, signed_headers
from tests.builders.callbacks import a_post
from tests.builders.outgoing import NOW
from tests.builders.printed import a_printed

ENTRY = {"webhook_secret": WEBHOOK_SECRET}
SECONDS = int(NOW.timestamp())


def event(kind: str = "letter.mailed", **changes: Any) -> bytes:
    body = {"id": "ltr_1", "metadata": {"message_id": "0191e0c0-0000-7000-8000-000000000001"}}
    given = {"id": "evt_1", "event_type": {"id": kind}, "reference_id": "ltr_1", "date_created": "2026-03-02T09:00:00.000Z"}
    return json.dumps({**given, "body": body, **changes}).encode()


def post(body: bytes, *, at_seconds: int = SECONDS, secret: str = WEBHOOK_SECRET, **changes: Any) -> CallbackRequest:
    return a_post(body, headers=signed_headers(body, secret=secret, at_seconds=at_seconds), now_seconds=SECONDS, **changes)


@pytest.mark.parametrize(("kind", "told", "code", "verdict"), [
    ("letter.created", Told.ACCEPTED, None, "keep"),
    ("letter.rendered_pdf", Told.ACCEPTED, None, "keep"),
    ("letter.mailed", Told.SENT, None, "keep"),
    ("letter.in_transit", Told.SENT, None, "keep"),
    ("letter.processed_for_delivery", Told.SENT, None, "keep"),
    ("letter.re-routed", Told.SENT, None, "keep"),
    ("letter.delivered", Told.DELIVERED, None, "keep"),
    ("letter.returned_to_sender", Told.FAILED, "letter_returned", "invalid"),
    ("letter.failed", Told.FAILED, "content_refused", "keep"),
    ("letter.deleted", Told.FAILED, "withdrawn", "keep"),
])  # fmt: skip
def test_each_event_is_told_in_our_words(kind: str, told: Told, code: str | None, verdict: str) -> None:
    callback = parser(ENTRY).read(post(event(kind)))

    [report] = callback.reports
    assert (report.told, report.error_code, report.verdict, report.raw_code) == (told, code, verdict, kind)
    assert (report.reference, report.message_id) == ("ltr_1", "0191e0c0-0000-7000-8000-000000000001")
    assert (report.event_key, report.at) == ("evt_1", NOW)
    assert callback.is_signed


@pytest.mark.parametrize("kind", ["letter.viewed", "postcard.mailed", "address.created"])
def test_events_that_say_nothing_of_a_letter_are_answered_and_no_more(kind: str) -> None:
    callback = parser(ENTRY).read(post(event(kind)))

    assert (callback.reports, callback.answer.status) == ((), 200)


def test_the_stand_in_posts_what_the_parser_reads(stand_in: StandInClient) -> None:
    channel = build({"url": stand_in.url, "api_key": API_KEY}, threads=1)
    letter = a_printed(("Returned Roe", "2 Low Road", "Springfield, IL 62701"))
    channel.send([letter], now=NOW)
    channel.close()

    told = []
    for item in stand_in.callbacks():
        body = item["body"].encode()
        seconds = int(item["headers"]["Lob-Signature-Timestamp"])
        [report] = parser(ENTRY).read(a_post(body, headers=item["headers"], now_seconds=seconds)).reports
        told.append((report.told, report.message_id))

    assert told == [(each, letter.message_id) for each in (Told.ACCEPTED, Told.SENT, Told.SENT, Told.FAILED)]


def test_a_secret_that_is_being_changed_still_signs() -> None:
    both = {"webhook_secret": "new", "previous_webhook_secret": WEBHOOK_SECRET}

    assert parser(both).read(post(event())).reports


def test_milliseconds_are_read_too() -> None:
    body = event()
    headers = signed_headers(body, at_seconds=SECONDS * 1000)

    assert parser(ENTRY).read(a_post(body, headers=headers, now_seconds=SECONDS)).reports


@pytest.mark.parametrize("request_", [
    a_post(event(), now_seconds=SECONDS),
    post(event(), secret="another"),
    post(event(), at_seconds=SECONDS - 301),
    post(event(), at_seconds=SECONDS + 301),
    a_post(event("letter.delivered"), headers=signed_headers(event(), at_seconds=SECONDS), now_seconds=SECONDS),
    a_post(event(), headers={**signed_headers(event(), at_seconds=SECONDS), "Lob-Signature-Timestamp": "x"}),
    a_post(event(), headers={**signed_headers(event(), at_seconds=SECONDS), "Lob-Signature": ""}, now_seconds=SECONDS),
])  # fmt: skip
def test_forged_and_late_posts_are_refused(request_: CallbackRequest) -> None:
    with pytest.raises(ForgedError):
        parser(ENTRY).read(request_)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id":"evt_1"}', b'{"id":"e","event_type":{"id":"letter.mailed"},"body":1}'])
def test_what_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parser(ENTRY).read(post(body))


def test_without_a_secret_there_is_no_parser() -> None:
    with pytest.raises(KeyError):
        parser({})
