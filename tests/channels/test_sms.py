from collections.abc import Sequence

import orjson
import pytest

from app.channels.base import EndpointVerdict, Outcome
from app.channels.http_transport import HttpAnswer, HttpRequest, PooledTransport
from app.channels.signed_posts import signature
from app.channels.sms import GatewaySms, result_of
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import each_act


def test_a_text_arrives_signed_with_its_number_and_words(sms: GatewaySms, stand_in: StandInClient) -> None:
    message = a_text("+8613800138000", body="您的验证码是 123456。")

    [result] = sms.send([message], now=NOW)

    [item] = stand_in.received()
    assert result.outcome is Outcome.ACCEPTED
    assert result.provider_reference
    assert (item["target"], item["content"]["text"]) == ("+8613800138000", "您的验证码是 123456。")
    assert item["message_id"] == message.message_id


def test_a_wrong_signature_is_refused_and_says_nothing_about_the_number(stand_in: StandInClient) -> None:
    channel = GatewaySms("another key", PooledTransport(stand_in.url, threads=1), path="/sms")

    [result] = channel.send([a_text()], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "credential_refused")
    assert result.verdict is EndpointVerdict.KEEP
    assert result.pause_provider_seconds


def test_the_signature_covers_time_and_body() -> None:
    signed = signature(b"k", "1", b"{}")

    assert len(signed) == 64
    assert len({signed, signature(b"k", "2", b"{}"), signature(b"k", "1", b"[]"), signature(b"j", "1", b"{}")}) == 4


@each_act("reset_after", "accept_then_reset", "drop", "accept_then_drop", "cut")
def test_an_sms_that_may_have_gone_is_uncertain(sms: GatewaySms, stand_in: StandInClient, act: str) -> None:
    stand_in.program({"on": "sms", "act": act})

    [result] = sms.send([a_text()], now=NOW)

    assert result.outcome is Outcome.UNCERTAIN


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "verdict"),
    [
        (HttpAnswer(422, body=b'{"code":"invalid_number"}'), Outcome.REFUSED, "bad_address", EndpointVerdict.INVALID),
        (HttpAnswer(422, body=b'{"code":"opted_out"}'), Outcome.REFUSED, "opted_out", EndpointVerdict.OPTED_OUT),
        (HttpAnswer(400, body=b'{"code":"malformed"}'), Outcome.REFUSED, "bad_message", EndpointVerdict.KEEP),
        (HttpAnswer(401), Outcome.RETRY, "credential_refused", EndpointVerdict.KEEP),
        (HttpAnswer(302), Outcome.RETRY, "credential_refused", EndpointVerdict.KEEP),
        (HttpAnswer(429), Outcome.RETRY, "quota", EndpointVerdict.KEEP),
        (HttpAnswer(503), Outcome.RETRY, "unavailable", EndpointVerdict.KEEP),
        (HttpAnswer(500), Outcome.UNCERTAIN, "gateway_error", EndpointVerdict.KEEP),
        (HttpAnswer(502, body=b"<html>"), Outcome.UNCERTAIN, "gateway_error", EndpointVerdict.KEEP),
        (HttpAnswer(200, body=b"OK"), Outcome.UNCERTAIN, "answer_without_id", EndpointVerdict.KEEP),
    ],
)
def test_each_answer_of_the_gateway_has_one_meaning(
    answer: HttpAnswer, outcome: Outcome, code: str, verdict: EndpointVerdict
) -> None:
    result = result_of(answer)

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)


def test_a_code_that_has_expired_is_not_sent(sms: GatewaySms, stand_in: StandInClient) -> None:
    results = sms.send([a_text(expires_at=NOW), a_text()], now=NOW)

    assert [result.error_code for result in results] == ["expired", None]
    assert stand_in.counts()["sms"] == 1


def test_the_gateway_is_told_who_it_comes_from_where_receipts_go_and_what_makes_it_the_same() -> None:
    sent: list[HttpRequest] = []

    class Recorder:
        at_once = 1

        def post(self, requests: Sequence[HttpRequest]) -> list[HttpAnswer]:
            sent.extend(requests)
            return [HttpAnswer(202, body=b'{"id":"1"}') for _ in requests]

        def close(self) -> None:
            """Nothing is open."""

    channel = GatewaySms("k", Recorder(), senders={"GB": "LENDER"})
    message = a_text("+447400123456", body="还" * 71, status_url="https://api.lender.example/v1/callbacks/gateway")

    [result] = channel.send([message], now=NOW)

    said = orjson.loads(sent[0].body)
    assert (said["from"], said["status_url"]) == ("LENDER", message.status_url)
    assert sent[0].headers["Idempotency-Key"] == message.message_id
    assert result.units == 2


def test_no_text_goes_to_a_landline(sms: GatewaySms, stand_in: StandInClient) -> None:
    [result] = sms.send([a_text("+442083661177")], now=NOW)

    assert (result.outcome, result.error_code, result.verdict) == (Outcome.REFUSED, "landline", EndpointVerdict.INVALID)
    assert not stand_in.counts()["requests"]
