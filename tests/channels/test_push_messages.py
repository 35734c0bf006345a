"""The bytes that go to FCM, and what the schema for app developers says of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.channels.base import Outcome, Outgoing
from app.channels.http_transport import HttpAnswer, HttpRequest
from app.channels.push import FcmPush
from app.channels.push_messages import UnsendableError, message_body
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, a_target, an_outgoing

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "api" / "push-payload.schema.json").read_text())
SHOWN = "0192f0c1-2b3c-7d4e-8f50-123456789abc"


class Recorder:
    """A transport that keeps the requests and accepts all."""

    at_once = 1

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []

    def post(self, requests: Sequence[HttpRequest]) -> list[HttpAnswer]:
        return self.begin(requests)()

    def begin(self, requests: Sequence[HttpRequest]) -> Callable[[], list[HttpAnswer]]:
        self.requests += requests
        return lambda: [HttpAnswer(200, body=b'{"name":"projects/p/messages/1"}') for _ in requests]

    def await_room(self, count: int) -> None: ...

    def close(self) -> None: ...


class FixedCredential:
    project_id = "p"

    def token(self) -> str:
        return "t"

    def renewed(self, spent: str) -> str:
        return spent


def sent_bytes(outgoing: Outgoing) -> bytes:
    recorder = Recorder()
    FcmPush(FixedCredential(), recorder).send([outgoing], now=NOW)
    [request] = recorder.requests
    assert request.path == "/v1/projects/p/messages:send"
    assert request.headers["Authorization"] == "Bearer t"
    return request.body


FIXED = an_outgoing(
    message_id="0192f0c1-2b3c-7d4e-8f50-123456789abc",
    data={"deep_link": "duecourse://inbox/1"},
)


def test_the_body_for_android_is_exactly_this() -> None:
    assert sent_bytes(FIXED) == (
        b'{"message":{"android": {"collapse_key": "0192f0c1-2b3c-7d4e-8f50-123456789abc", "notification": '
        b'{"channel_id": "reminders", "tag": "0192f0c1-2b3c-7d4e-8f50-123456789abc", "visibility": "PRIVATE"}, '
        b'"priority": "high", "ttl": "10800s"}, "data": {"deep_link": "duecourse://inbox/1", "kind": "due_soon", '
        b'"message_id": "0192f0c1-2b3c-7d4e-8f50-123456789abc", "purpose": "notify"}, "fcm_options": '
        b'{"analytics_label": "due_soon"}, '
        b'"notification": {"body": "Open the app to read it.", "title": "You have a message"}, "token": "device-1"}}'
    )


def test_the_body_for_ios_is_exactly_this() -> None:
    body = sent_bytes(replace(FIXED, target=a_target(platform="ios", address_kind="fid")))

    assert body == (
        b'{"message":{"apns": {"headers": {"apns-collapse-id": "0192f0c1-2b3c-7d4e-8f50-123456789abc", '
        b'"apns-expiration": "1772452800", "apns-priority": "10", "apns-push-type": "alert"}, "payload": {"aps": '
        b'{"category": "due_soon", "thread-id": "reminders"}}}, "data": {"deep_link": "duecourse://inbox/1", '
        b'"kind": "due_soon", "message_id": "0192f0c1-2b3c-7d4e-8f50-123456789abc", "purpose": "notify"}, '
        b'"fcm_options": {"analytics_label": "due_soon"}, "fid": "device-1", "notification": '
        b'{"body": "Open the app to read it.", "title": "You have a message"}}}'
    )


def test_a_web_push_names_its_topic_within_32_characters() -> None:
    body = sent_bytes(replace(FIXED, target=a_target(platform="web")))

    assert b'"Topic": "0192f0c12b3c7d4e8f50123456789abc"' in body
    assert b'"TTL": "10800"' in body


A_SYNC = replace(
    FIXED, message_id="0192f0c1-2b3c-7d4e-8f50-aaaaaaaaaaaa", purpose="sync", kind="inbox", data={"state": "41"}
)
A_WITHDRAWAL = an_outgoing(
    message_id="0192f0c1-2b3c-7d4e-8f50-bbbbbbbbbbbb",
    purpose="withdraw",
    withdraws=SHOWN,
    kind="settled",
    title="This is settled",
    body="Nothing needs to be done.",
)


def message(outgoing: Outgoing, platform: str | None = "android") -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(sent_bytes(replace(outgoing, target=a_target(platform=platform))))["message"]
    return sent


def test_a_sync_for_android_is_data_alone_and_wakes_nobody() -> None:
    assert message(A_SYNC) == {
        "token": "device-1",
        "data": {"purpose": "sync", "message_id": A_SYNC.message_id, "kind": "inbox", "state": "41"},
        "android": {"collapse_key": "sync", "priority": "normal", "ttl": "10800s"},
        "fcm_options": {"analytics_label": "inbox"},
    }


def test_a_sync_for_ios_is_a_background_push() -> None:
    assert message(A_SYNC, "ios")["apns"] == {
        "headers": {
            "apns-collapse-id": "sync",
            "apns-expiration": "1772452800",
            "apns-priority": "5",
            "apns-push-type": "background",
        },
        "payload": {"aps": {"content-available": 1}},
    }


def test_a_withdrawal_takes_the_place_of_what_it_withdraws_and_shows_nothing() -> None:
    android, ios = message(A_WITHDRAWAL), message(A_WITHDRAWAL, "ios")

    assert android["android"] == {"collapse_key": SHOWN, "priority": "high", "ttl": "10800s"}
    assert (ios["apns"]["headers"]["apns-collapse-id"], ios["apns"]["payload"]) == (SHOWN, {"aps": {"content-available": 1}})
    assert {"notification"} & (set(android) | set(ios)) == set()
    assert android["data"] == {
        "purpose": "withdraw",
        "withdraws": SHOWN,
        "message_id": A_WITHDRAWAL.message_id,
        "kind": "settled",
    }


def test_in_a_browser_a_withdrawal_replaces_the_notification_without_a_sound() -> None:
    web = message(A_WITHDRAWAL, "web")

    assert web["notification"] == {"title": "This is settled", "body": "Nothing needs to be done."}
    assert web["webpush"]["notification"] == {"tag": SHOWN, "silent": True, "renotify": False}
    assert web["webpush"]["headers"]["Topic"] == SHOWN.replace("-", "")


@pytest.mark.parametrize(
    ("outgoing", "code"),
    [
        (replace(A_SYNC, target=a_target(platform="web")), "nothing_to_show"),
        (replace(A_WITHDRAWAL, target=a_target(platform="web"), title=""), "nothing_to_show"),
        (replace(A_WITHDRAWAL, withdraws=None), "invalid_message"),
        (replace(FIXED, purpose="call"), "invalid_message"),
    ],
)
def test_what_cannot_be_pushed_is_refused_before_it_leaves(outgoing: Outgoing, code: str) -> None:
    with pytest.raises(UnsendableError) as refused:
        message_body(outgoing, now=NOW)

    assert refused.value.code == code


EVERY_BODY = pytest.mark.parametrize(
    ("outgoing", "platform"),
    [
        pytest.param(outgoing, platform, id=f"{outgoing.purpose}-{platform}")
        for outgoing in (FIXED, A_SYNC, A_WITHDRAWAL)
        for platform in ("android", "ios", "web", None)
        if (outgoing.purpose, platform) != ("sync", "web")
    ],
)


@EVERY_BODY
def test_every_body_is_as_the_schema_for_apps_says(outgoing: Outgoing, platform: str | None) -> None:
    validator = Draft202012Validator(SCHEMA)

    sent = message(outgoing, platform)

    assert [error.message for error in validator.iter_errors(sent)] == []
    assert not validator.is_valid(sent | {"data": sent["data"] | {"borrower": "Ann"}})
    assert not validator.is_valid(sent | {"data": {key: sent["data"][key] for key in sent["data"] if key != "purpose"}})
    assert not validator.is_valid(sent | {"more": 1})


def test_the_schema_is_one_and_tells_the_purposes_apart() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    withdrawal = message(A_WITHDRAWAL)

    assert not Draft202012Validator(SCHEMA).is_valid(withdrawal | {"data": withdrawal["data"] | {"purpose": "sync"}})
    assert not Draft202012Validator(SCHEMA).is_valid(withdrawal | {"notification": {"title": "x", "body": "y"}})


@pytest.mark.parametrize("example", SCHEMA["examples"], ids=lambda example: example["data"]["purpose"])
def test_the_examples_of_the_schema_are_true(example: dict[str, Any]) -> None:
    assert Draft202012Validator(SCHEMA).is_valid(example)


@EVERY_BODY
def test_the_stand_in_takes_them_as_fcm_would(
    push: FcmPush, stand_in: StandInClient, outgoing: Outgoing, platform: str | None
) -> None:
    [result] = push.send([replace(outgoing, target=a_target(platform=platform))], now=NOW)

    assert result.outcome is Outcome.ACCEPTED
    assert stand_in.received()[0]["message_id"] == outgoing.message_id
