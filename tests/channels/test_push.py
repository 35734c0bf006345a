from datetime import timedelta
from pathlib import Path

import pytest

from app.channels.base import Outcome
from app.channels.push import FcmPush
from app.channels.push_credentials import ServiceAccount
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, a_target, an_outgoing
from tests.channels.conftest import MakeTransport


def test_each_message_of_a_batch_gets_its_own_result_in_order(push: FcmPush, stand_in: StandInClient) -> None:
    batch = [an_outgoing(a_target(f"device-{n}")) for n in range(20)]
    stand_in.program({"on": "send", "target": "device-7", "answer": "unregistered"})
    stand_in.program({"on": "send", "target": "device-11", "answer": "unavailable"})

    results = push.send(batch, now=NOW)

    codes = {n: result.error_code for n, result in enumerate(results) if result.outcome is not Outcome.ACCEPTED}
    assert codes == {7: "unregistered", 11: "unavailable"}
    assert stand_in.counts()["push"] == 18


def test_an_empty_batch_asks_nobody(push: FcmPush, stand_in: StandInClient) -> None:
    assert push.send([], now=NOW) == []
    assert stand_in.counts()["requests"] == {}


def test_a_message_whose_text_is_no_longer_true_is_not_sent(push: FcmPush, stand_in: StandInClient) -> None:
    late, good = an_outgoing(expires_at=NOW), an_outgoing(expires_at=NOW + timedelta(seconds=1))

    results = push.send([late, good], now=NOW)

    assert [(result.outcome, result.error_code) for result in results] == [
        (Outcome.REFUSED, "expired"),
        (Outcome.ACCEPTED, None),
    ]
    assert [item["message_id"] for item in stand_in.received()] == [good.message_id]


def test_the_connections_are_kept_and_one_token_serves_all(push: FcmPush, stand_in: StandInClient) -> None:
    for _ in range(3):
        push.send([an_outgoing() for _ in range(10)], now=NOW)

    assert stand_in.counts()["requests"] == {"token:200": 1, "send:200": 30}


def test_a_refused_token_is_renewed_once_for_the_whole_batch_and_only_refused_messages_go_again(
    push: FcmPush, stand_in: StandInClient
) -> None:
    push.send([an_outgoing()], now=NOW)
    stand_in.program({"on": "send", "answer": "unauthenticated", "times": 3})

    results = push.send([an_outgoing() for _ in range(8)], now=NOW)

    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert stand_in.counts()["requests"] == {"token:200": 2, "send:200": 9, "send:401": 3}
    assert stand_in.counts()["duplicates"] == []


def test_a_token_that_stays_refused_pauses_the_provider(push: FcmPush, stand_in: StandInClient) -> None:
    stand_in.program({"on": "send", "answer": "unauthenticated"})

    [result] = push.send([an_outgoing()], now=NOW)

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "credential_refused")
    assert result.pause_provider_seconds
    assert stand_in.counts()["requests"] == {"token:200": 2, "send:401": 2}


def test_a_refused_apns_key_does_not_renew_our_token(push: FcmPush, stand_in: StandInClient) -> None:
    stand_in.program({"on": "send", "answer": "third_party_auth"})

    push.send([an_outgoing(), an_outgoing()], now=NOW)

    assert stand_in.counts()["requests"] == {"token:200": 1, "send:401": 2}


@pytest.mark.parametrize(
    ("platform", "paused"),
    [("ios", ("ios", 300.0)), ("web", ("web", 300.0)), ("android", (None, None)), (None, (None, None))],
)
def test_a_refused_apns_key_pauses_its_platform_alone(
    push: FcmPush, stand_in: StandInClient, platform: str | None, paused: tuple[str | None, float | None]
) -> None:
    stand_in.program({"on": "send", "target": "device-9", "answer": "third_party_auth"})

    refused, well = push.send([an_outgoing(a_target("device-9", platform=platform)), an_outgoing()], now=NOW)

    assert (refused.outcome, refused.error_code) == (Outcome.REFUSED, "third_party_auth")
    assert (refused.pause_platform, refused.pause_provider_seconds) == paused
    assert (well.outcome, well.pause_provider_seconds) == (Outcome.ACCEPTED, None)


@pytest.mark.parametrize(
    ("answer", "code", "pause"),
    [("unavailable", "token_unavailable", 10.0), ("invalid_grant", "credential_refused", 300.0)],
)
def test_without_a_token_nothing_is_tried_and_the_token_endpoint_is_asked_once(
    push: FcmPush, stand_in: StandInClient, answer: str, code: str, pause: float
) -> None:
    stand_in.program({"on": "token", "answer": answer})

    results = push.send([an_outgoing(), an_outgoing()], now=NOW)

    assert {(r.outcome, r.error_code, r.pause_provider_seconds) for r in results} == {(Outcome.RETRY, code, pause)}
    assert sum(stand_in.counts()["requests"].values()) == 1


def test_nobody_at_the_address_is_a_retry_not_a_doubt(
    fcm_credentials_file: Path, stand_in: StandInClient, a_transport: MakeTransport
) -> None:
    channel = FcmPush(ServiceAccount(fcm_credentials_file), a_transport("http://127.0.0.1:9"))

    [result] = channel.send([an_outgoing()], now=NOW)
    channel.close()

    assert (result.outcome, result.error_code) == (Outcome.RETRY, "connect_failed")


def test_a_message_that_breaks_fcms_rules_is_refused_before_it_leaves(push: FcmPush, stand_in: StandInClient) -> None:
    results = push.send(
        [
            an_outgoing(data={"from": "x"}),
            an_outgoing(data={"google.x": "x"}),
            an_outgoing(kind="not a label!"),
            an_outgoing(body="é" * 2100),
            an_outgoing(a_target(address_kind="phone")),
            an_outgoing(a_target("")),
        ],
        now=NOW,
    )

    assert [result.error_code for result in results] == [
        "invalid_message",
        "invalid_message",
        "invalid_message",
        "payload_too_large",
        "bad_address_kind",
        "invalid_message",
    ]
    assert {result.outcome for result in results} == {Outcome.REFUSED}
    assert stand_in.counts()["requests"] == {}


def test_no_address_and_no_text_is_in_what_gets_logged(push: FcmPush) -> None:
    outgoing = an_outgoing(a_target("secret-device-address"), title="secret title", body="secret text")

    [result] = push.send([outgoing], now=NOW)

    assert "secret" not in repr(outgoing)
    assert "secret" not in repr(result)


def test_the_lifetime_is_cut_to_what_fcm_takes(push: FcmPush, stand_in: StandInClient) -> None:
    [result] = push.send([an_outgoing(expires_at=NOW + timedelta(days=60))], now=NOW)

    assert result.outcome is Outcome.ACCEPTED
    assert stand_in.received()[0]["content"]["android"]["ttl"] == "2419200s"


def test_chinese_text_arrives_as_written(push: FcmPush, stand_in: StandInClient) -> None:
    push.send([an_outgoing(title="您有一条新消息", body="请打开应用查看。")], now=NOW)

    assert stand_in.received()[0]["content"]["notification"] == {"title": "您有一条新消息", "body": "请打开应用查看。"}
