"""Every row of FCM's error table, answered by the stand-in over HTTP."""

import json
from pathlib import Path

import pytest

from app.channels.answers import retry_after_seconds
from app.channels.base import EndpointVerdict, Outcome
from app.channels.http_transport import Failure, HttpAnswer
from app.channels.push import FcmPush
from app.channels.push_answers import result_of
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, an_outgoing
from tests.builders.patience import FAIR, PATIENT

REFUSED, RETRY, UNCERTAIN = Outcome.REFUSED, Outcome.RETRY, Outcome.UNCERTAIN
KEEP, INVALID, SUSPECT = EndpointVerdict.KEEP, EndpointVerdict.INVALID, EndpointVerdict.SUSPECT

# answer, outcome, our code, verdict on the device, retry after, pause of the provider
TABLE = [
    ("unregistered", REFUSED, "unregistered", INVALID, None, None),
    ("invalid_token", REFUSED, "bad_address", INVALID, None, None),
    ("invalid_argument", REFUSED, "bad_address", SUSPECT, None, None),
    ("bad_field", REFUSED, "bad_message", KEEP, None, None),
    ("too_large", REFUSED, "bad_message", KEEP, None, None),
    ("sender_id_mismatch", REFUSED, "other_project", INVALID, None, None),
    ("third_party_auth", REFUSED, "third_party_auth", KEEP, None, None),
    ("permission_denied", RETRY, "credential_refused", KEEP, None, 300.0),
    ("quota", RETRY, "quota", KEEP, 60.0, 60.0),
    ("quota_retry_after", RETRY, "quota", KEEP, 7.0, 7.0),
    ("unavailable", RETRY, "unavailable", KEEP, None, None),
    ("unavailable_retry_after", RETRY, "unavailable", KEEP, 5.0, None),
    ("internal", RETRY, "unavailable", KEEP, None, None),
    ("bad_gateway", RETRY, "unavailable", KEEP, None, None),
    ("no_name", UNCERTAIN, "answer_without_name", KEEP, None, None),
    ("not_json", UNCERTAIN, "answer_without_name", KEEP, None, None),
]


@pytest.mark.parametrize(("answer", "outcome", "code", "verdict", "retry_after", "pause"), TABLE)
def test_each_answer_of_fcm_has_one_meaning(
    push: FcmPush,
    stand_in: StandInClient,
    answer: str,
    outcome: Outcome,
    code: str,
    verdict: EndpointVerdict,
    retry_after: float | None,
    pause: float | None,
) -> None:
    stand_in.program({"on": "send", "answer": answer})

    [result] = push.send([an_outgoing()], now=NOW)

    assert (result.outcome, result.error_code, result.verdict) == (outcome, code, verdict)
    assert (result.retry_after_seconds, result.pause_provider_seconds) == (retry_after, pause)
    assert sum(count for key, count in stand_in.counts()["requests"].items() if key.startswith("send:")) == 1


# fault, patience, outcome, our code, how many the provider took
BROKEN = [
    ("reset_before", PATIENT, UNCERTAIN, "connection_lost", 0),
    ("reset_after", PATIENT, UNCERTAIN, "connection_lost", 0),
    ("accept_then_reset", PATIENT, UNCERTAIN, "connection_lost", 1),
    ("drop", FAIR, UNCERTAIN, "timeout", 0),
    ("accept_then_drop", FAIR, UNCERTAIN, "timeout", 1),
    ("drip", FAIR, UNCERTAIN, "timeout", 1),
    ("cut", PATIENT, UNCERTAIN, "answer_without_name", 1),
]


@pytest.mark.parametrize("before", [0, 1, 3], ids=lambda before: f"after-{before}")
@pytest.mark.parametrize(("act", "patience", "outcome", "code", "taken"), BROKEN)
def test_no_whole_answer_after_the_request_left_is_uncertain_and_not_sent_again(
    push: FcmPush, stand_in: StandInClient, act: str, outcome: Outcome, code: str, taken: int, before: int
) -> None:
    """Also on a connection that served requests before: there libcurl and others like to send again by themselves."""
    for _ in range(before):
        push.send([an_outgoing()], now=NOW)
    stand_in.program({"on": "send", "act": act, "delay_ms": 20})

    [result] = push.send([an_outgoing()], now=NOW)

    counts = stand_in.counts()
    assert (result.outcome, result.error_code, counts["push"]) == (outcome, code, before + taken)
    assert sum(count for key, count in counts["requests"].items() if key.startswith("send:")) == before + 1
    assert counts["duplicates"] == []


def test_an_answer_that_is_only_slow_is_waited_for(push: FcmPush, stand_in: StandInClient) -> None:
    stand_in.program({"on": "send", "act": "delay", "delay_ms": 100})

    [result] = push.send([an_outgoing()], now=NOW)

    assert result.outcome is Outcome.ACCEPTED


EXPECTED_IN_THE_FIELD = {
    "sent, keep message name": (Outcome.ACCEPTED, {KEEP}),
    "accepted, not sent": (Outcome.ACCEPTED, {KEEP}),
    "permanent, drop device token": (REFUSED, {INVALID}),
    "permanent, token belongs to another project": (REFUSED, {INVALID}),
    "permanent, our bug, keep token": (REFUSED, {KEEP}),
    "retry with backoff": (RETRY, {KEEP}),
    "retry with backoff; must not crash the JSON parser": (RETRY, {KEEP}),
    "retry after the header": (RETRY, {KEEP}),
}


@pytest.mark.shared
def test_answers_seen_in_the_field_mean_what_was_observed(push: FcmPush, stand_in: StandInClient, shared: Path) -> None:
    cases = json.loads((shared / "data/provider_payloads/fcm_v1.json").read_text())["cases"]
    for case in cases:
        stand_in.reset()
        stand_in.program(
            {
                "on": "send",
                "status": case["http"],
                "headers": case.get("headers"),
                "body": case.get("body", case.get("body_text")),
            }
        )

        [result] = push.send([an_outgoing()], now=NOW)

        outcome, verdicts = EXPECTED_IN_THE_FIELD[case["expect"]]
        assert result.outcome is outcome, case["name"]
        assert result.verdict in verdicts, case["name"]
        if case["http"] == 200:
            assert result.provider_reference == case["body"]["name"]
        if case["http"] == 429:
            assert result.pause_provider_seconds == float(case["headers"]["Retry-After"])


def test_a_gateway_that_gave_up_waiting_leaves_it_uncertain() -> None:
    assert result_of(HttpAnswer(504, body=b"upstream timed out")).outcome is UNCERTAIN


@pytest.mark.parametrize("status", [301, 302, 418])
def test_an_answer_that_no_message_could_change_pauses_the_provider(status: int) -> None:
    result = result_of(HttpAnswer(status))

    assert (result.outcome, result.error_code, result.verdict) == (RETRY, "credential_refused", KEEP)
    assert result.pause_provider_seconds


def test_not_found_without_fcms_own_word_keeps_the_device() -> None:
    result = result_of(HttpAnswer(404, body=b'{"error":{"code":404,"status":"NOT_FOUND","message":"no such project"}}'))

    assert (result.outcome, result.verdict) == (RETRY, KEEP)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"error":"text"}', b'{"error":{"details":[1,null]}}', b"\xff"])
def test_a_strange_error_body_falls_back_to_the_http_code(body: bytes) -> None:
    assert result_of(HttpAnswer(503, body=body)).error_code == "unavailable"
    assert result_of(HttpAnswer(400, body=body)).verdict is KEEP


def test_what_never_left_is_retried() -> None:
    result = result_of(HttpAnswer(0, failure=Failure.NEVER_SENT, reason="ConnectionRefusedError"))

    assert (result.outcome, result.error_code) == (RETRY, "connect_failed")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": "Mon, 02 Mar 2026 09:01:30 GMT", "date": "Mon, 02 Mar 2026 09:00:00 GMT"}, 90.0),
        ({"retry-after": "Mon, 02 Mar 2026 08:00:00 GMT", "date": "Mon, 02 Mar 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, 86_400.0),
        ({"retry-after": "²"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds
