import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app import clock
from app.channels.base import Channel, EndpointVerdict, Outcome, Queryable
from app.channels.http_transport import HttpAnswer
from app.channels.twilio.answers import result_of
from app.channels.twilio.sms import TwilioSms, build
from app.domain.deliveries import Told
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import BRIEF, PATIENT, each_act, meets_silence
from tests.channels.telephony import STATUS_URL, a_twilio_entry, asked_of

INVALID, KEEP = EndpointVerdict.INVALID, EndpointVerdict.KEEP


@pytest.fixture
def twilio(stand_in: StandInClient, patience: float) -> Iterator[TwilioSms]:
    channel = build(a_twilio_entry(stand_in, total_seconds=patience), threads=4)
    assert isinstance(channel, TwilioSms)
    yield channel
    channel.close()


def test_a_text_arrives_with_its_number_words_and_the_address_for_receipts(
    twilio: TwilioSms, stand_in: StandInClient
) -> None:
    message = a_text("+447400123456", body="Grüße & 还款 €5", status_url=STATUS_URL)

    [result] = twilio.send([message], now=NOW)

    [item] = stand_in.received()
    assert (result.outcome, result.units) == (Outcome.ACCEPTED, 1)
    assert (result.provider_reference or "").startswith("SM")
    assert (item["target"], item["content"]["text"], item["message_id"]) == (
        "+447400123456", "Grüße & 还款 €5", message.message_id,
    )  # fmt: skip
    form = item["content"]["form"]
    assert form["From"] == "+15005550006"
    assert form["StatusCallback"] == f"{STATUS_URL}?message_id={message.message_id}"
    assert form["ValidityPeriod"] == str(3 * 3600)


def test_a_text_is_kept_no_longer_than_it_is_true(twilio: TwilioSms, stand_in: StandInClient) -> None:
    soon, late = a_text(expires_at=NOW + timedelta(seconds=90)), a_text(expires_at=NOW + timedelta(days=2))

    twilio.send([soon, late], now=NOW)

    assert sorted(item["content"]["form"]["ValidityPeriod"] for item in stand_in.received()) == ["14400", "90"]


def test_the_sender_is_that_of_the_country_and_may_be_a_messaging_service(stand_in: StandInClient) -> None:
    service = "MG" + "1" * 32
    channel = build(a_twilio_entry(stand_in, senders={"GB": service, "CN": "LENDER"}), threads=2)

    british, _chinese, other = channel.send(
        [a_text("+447400123456"), a_text("+8613800138000"), a_text("+12025550100")], now=NOW
    )
    channel.close()

    forms = {item["target"]: item["content"]["form"] for item in stand_in.received()}
    assert forms["+447400123456"]["MessagingServiceSid"] == service
    assert "From" not in forms["+447400123456"]
    assert forms["+8613800138000"]["From"] == "LENDER"
    assert british.units == 1  # a Messaging Service has not counted yet: ours stands
    assert (other.outcome, other.error_code, other.pause_provider_seconds) == (Outcome.RETRY, "no_sender", None)


def test_a_landline_and_a_late_text_cost_no_request(twilio: TwilioSms, stand_in: StandInClient) -> None:
    results = twilio.send([a_text("+442083661177"), a_text(expires_at=NOW), a_text()], now=NOW)

    assert [result.error_code for result in results] == ["landline", "expired", None]
    assert results[0].verdict is INVALID
    assert stand_in.counts()["requests"] == {"twilio_messages:201": 1}


@pytest.mark.parametrize(
    ("number", "patience", "outcome", "code", "verdict"),
    [
        ("+447405550102", PATIENT, Outcome.REFUSED, "bad_address", INVALID),
        ("+447405550104", PATIENT, Outcome.REFUSED, "opted_out", EndpointVerdict.OPTED_OUT),
        ("+447405550106", BRIEF, Outcome.UNCERTAIN, "timeout", KEEP),
        ("+447405550108", PATIENT, Outcome.RETRY, "quota", KEEP),
        ("+447405550109", PATIENT, Outcome.UNCERTAIN, "provider_error", KEEP),
    ],
)
def test_each_refusal_of_twilio_has_one_meaning(
    twilio: TwilioSms, number: str, outcome: Outcome, code: str, verdict: EndpointVerdict
) -> None:
    [result] = twilio.send([a_text(number)], now=NOW)

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)


def test_a_wrong_token_pauses_the_provider_and_says_nothing_of_the_number(stand_in: StandInClient) -> None:
    channel = build(a_twilio_entry(stand_in, auth_token="another"), threads=1)

    [result] = channel.send([a_text()], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code, result.raw_code) == (Outcome.RETRY, "credential_refused", "20003")
    assert result.pause_provider_seconds
    assert result.verdict is KEEP


def _error(status: int, code: int, **headers: str) -> HttpAnswer:
    return HttpAnswer(status, headers, b'{"code": %d, "message": "x", "status": %d}' % (code, status))


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "verdict", "pauses"),
    [
        (_error(400, 21614), Outcome.REFUSED, "bad_address", INVALID, False),
        (_error(400, 21635), Outcome.REFUSED, "landline", INVALID, False),
        (_error(400, 21408), Outcome.REFUSED, "region_refused", KEEP, False),
        (_error(400, 21617), Outcome.REFUSED, "bad_message", KEEP, False),
        (_error(400, 29999), Outcome.REFUSED, "bad_message", KEEP, False),
        (_error(400, 21606), Outcome.RETRY, "sender_refused", KEEP, False),
        (_error(429, 21611), Outcome.RETRY, "quota", KEEP, False),
        (_error(429, 20429, **{"retry-after": "7"}), Outcome.RETRY, "quota", KEEP, True),
        (_error(401, 20003), Outcome.RETRY, "credential_refused", KEEP, True),
        (_error(404, 20404), Outcome.RETRY, "credential_refused", KEEP, True),
        (HttpAnswer(403), Outcome.RETRY, "credential_refused", KEEP, True),
        (HttpAnswer(302), Outcome.RETRY, "credential_refused", KEEP, True),
        (HttpAnswer(500, body=b"<html>"), Outcome.UNCERTAIN, "provider_error", KEEP, False),
        (HttpAnswer(503), Outcome.UNCERTAIN, "provider_error", KEEP, False),
        (HttpAnswer(201, body=b"{}"), Outcome.UNCERTAIN, "answer_without_sid", KEEP, False),
        (HttpAnswer(201, body=b'{"sid": "SM1", "status": "fail'), Outcome.UNCERTAIN, "answer_without_sid", KEEP, False),
        (HttpAnswer(201, body=b'{"sid":"SM1","status":"failed","error_code":21610}'), Outcome.REFUSED, "opted_out",
         EndpointVerdict.OPTED_OUT, False),
    ],
)  # fmt: skip
def test_each_answer_has_one_meaning(
    answer: HttpAnswer, outcome: Outcome, code: str, verdict: EndpointVerdict, pauses: bool
) -> None:
    result = result_of(answer, units=1)

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)
    assert bool(result.pause_provider_seconds) == pauses


def test_a_retry_after_is_obeyed() -> None:
    result = result_of(_error(429, 20429, **{"retry-after": "7"}), units=1)

    assert (result.retry_after_seconds, result.pause_provider_seconds) == (7.0, 7.0)


@each_act("reset_after", "accept_then_reset", "drop", "accept_then_drop", "cut")
def test_a_text_that_may_have_gone_is_uncertain(twilio: TwilioSms, stand_in: StandInClient, act: str) -> None:
    stand_in.program({"on": "twilio_messages", "act": act})

    [result] = twilio.send([a_text()], now=NOW)

    assert result.outcome is Outcome.UNCERTAIN


@meets_silence
def test_an_answer_that_only_drips_ends_in_time_and_is_uncertain(twilio: TwilioSms, stand_in: StandInClient) -> None:
    stand_in.program({"on": "twilio_messages", "act": "drip", "delay_ms": 400})
    began = time.monotonic()

    [result] = twilio.send([a_text()], now=NOW)

    assert (result.outcome, result.error_code) == (Outcome.UNCERTAIN, "timeout")
    assert time.monotonic() - began < PATIENT  # the last of it comes after a minute


def test_a_provider_that_is_not_there_got_nothing() -> None:
    channel = build(
        {"account_sid": "AC1", "auth_token": "t", "senders": {"default": "+15005550006"}, "url": "http://127.0.0.1:9"},
        threads=1,
    )

    [result] = channel.send([a_text()], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "connect_failed")


@pytest.mark.parametrize(
    ("number", "told", "code"),
    [("+447400123456", Told.DELIVERED, None), ("+447405550101", Told.FAILED, "unreachable")],
)
def test_what_became_of_a_text_can_be_asked_by_its_sid(twilio: TwilioSms, number: str, told: Told, code: str | None) -> None:
    message = a_text(number)
    [sent] = twilio.send([message], now=NOW)

    [report] = twilio.find([asked_of(message, sent.provider_reference)], now=NOW)

    assert report is not None
    assert (report.told, report.error_code, report.message_id) == (told, code, message.message_id)
    assert report.reference == sent.provider_reference


def test_a_text_whose_answer_never_came_is_found_by_number_and_time(twilio: TwilioSms, stand_in: StandInClient) -> None:
    stand_in.program({"on": "twilio_messages", "act": "accept_then_drop", "times": 1})
    now, message = clock.system_now(), a_text()
    message = replace(message, expires_at=now + timedelta(hours=1))
    hasty = build(a_twilio_entry(stand_in, total_seconds=BRIEF), threads=1)
    [sent] = hasty.send([message], now=now)
    hasty.close()
    asked = asked_of(message, sent_at=now)

    [report] = twilio.find([asked], now=now)

    assert sent.outcome is Outcome.UNCERTAIN
    assert report is not None
    assert report.told is Told.DELIVERED
    assert twilio.find([replace(asked, sent_at=now - timedelta(minutes=10))], now=now) == [None]  # another time


def test_of_two_texts_to_one_number_none_is_guessed(twilio: TwilioSms, stand_in: StandInClient) -> None:
    now = clock.system_now()
    first, second = (replace(a_text(), expires_at=now + timedelta(hours=1)) for _ in range(2))
    twilio.send([first], now=now)

    both = twilio.find([asked_of(first, sent_at=now), asked_of(second, sent_at=now)], now=now)
    twilio.send([second], now=now)
    alone = twilio.find([asked_of(first, sent_at=now)], now=now)

    assert both == [None, None]
    assert alone == [None]


def test_a_question_that_fails_says_nothing(twilio: TwilioSms, stand_in: StandInClient) -> None:
    stand_in.program({"on": "twilio_messages", "status": 500}, {"on": "twilio_messages", "act": "drop"})

    assert twilio.find([asked_of(a_text(), "SM1")], now=NOW) == [None]


def test_it_can_be_asked_and_says_who_it_is(twilio: Channel) -> None:
    assert isinstance(twilio, Queryable)
    assert (twilio.name, twilio.provider) == ("sms", "twilio")
