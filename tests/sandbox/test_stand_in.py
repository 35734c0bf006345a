import json
import signal
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from app.channels.http_transport import PooledTransport
from app.channels.sms import GatewaySms
from app.sandbox.stand_in import client
from app.sandbox.stand_in.answers import Answer, Taken, send_push
from app.sandbox.stand_in.client import StandInClient
from tests.builders.outgoing import NOW, a_text
from tests.builders.patience import PATIENT
from tests.fakes.stand_in import SMS_KEY


def judged(message: object, **more: object) -> Answer | Taken:
    return send_push(json.dumps({"message": message, **more}).encode())


def error_of(judgement: Answer | Taken) -> dict[str, object]:
    assert isinstance(judgement, Answer)
    error: dict[str, object] = json.loads(judgement.body)["error"]
    return error


def test_a_good_message_is_taken_with_its_id_and_label() -> None:
    taken = judged({"token": "t", "data": {"message_id": "m1"}, "fcm_options": {"analytics_label": "due_soon"}})

    assert isinstance(taken, Taken)
    assert (taken.message_id, taken.target, taken.label) == ("m1", "t", "due_soon")
    assert json.loads(taken.answer.body)["name"].startswith("projects/")


def test_a_trial_is_answered_and_not_taken() -> None:
    assert isinstance(judged({"token": "t"}, validate_only=True), Answer)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"data": {"a": "b"}}, "message"),
        ({"token": "t", "data": {"a": 12}}, "message.data[0].value"),
        ({"token": "t", "data": {"google.a": "b"}}, "message.data"),
        ({"token": "t", "topic": "x"}, "message.topic"),
        ({"token": "not a token"}, "message.token"),
        ({"token": "t", "android": {"ttl": "2419201s"}}, "message.android.ttl"),
        ({"token": "t", "android": {"ttl": 5}}, "message.android.ttl"),
        ({"token": "t", "fcm_options": {"analytics_label": "a b"}}, "message.fcm_options.analytics_label"),
        ({"token": "t", "colour": "red"}, "message.colour"),
        ("text", "message"),
    ],
)
def test_a_message_fcm_would_not_take_is_refused_by_its_field(message: object, field: str) -> None:
    error = error_of(judged(message))

    fields = [
        violation["field"]
        for detail in error["details"]  # type: ignore[attr-defined]
        for violation in detail.get("fieldViolations", ())
    ]
    assert (error["status"], fields) == ("INVALID_ARGUMENT", [field])


def test_a_payload_over_4096_bytes_is_refused_without_details() -> None:
    assert "details" not in error_of(judged({"token": "t", "data": {"a": "x" * 4096}}))


def test_a_bearer_it_did_not_issue_is_refused(stand_in: StandInClient) -> None:
    request = Request(
        f"{stand_in.url}/v1/projects/p/messages:send",
        data=b'{"message":{"token":"t"}}',
        headers={"Authorization": "Bearer nonsense"},
    )

    with pytest.raises(HTTPError) as refused, urlopen(request):
        pass

    assert refused.value.code == 401
    refused.value.close()


def test_a_token_request_without_the_grant_is_refused(stand_in: StandInClient) -> None:
    with pytest.raises(HTTPError) as refused, urlopen(Request(f"{stand_in.url}/token", data=b"grant_type=password")):
        pass

    assert refused.value.code == 400
    refused.value.close()


def test_copies_of_a_message_are_counted(stand_in: StandInClient) -> None:
    channel = GatewaySms(SMS_KEY, PooledTransport(stand_in.url, threads=1), path="/sms")
    message = a_text("+447400123456")

    channel.send([message, message, a_text("+447400123457")], now=NOW)
    channel.close()

    assert [item["copy"] for item in stand_in.received()] == [1, 2, 1]
    [duplicate] = stand_in.counts()["duplicates"]
    assert (duplicate["message_id"], duplicate["count"]) == (message.message_id, 2)


def test_what_was_received_is_paged_and_found_by_target(stand_in: StandInClient) -> None:
    channel = GatewaySms(SMS_KEY, PooledTransport(stand_in.url, threads=1), path="/sms")
    channel.send([a_text(f"+4474001234{n:02}") for n in range(10)], now=NOW)
    channel.close()

    first = stand_in.page(limit=4)
    rest = stand_in.page(since=first["next"], limit=100)
    mine = stand_in.received(targets=["+447400123403", "+447400123407"])

    assert [item["n"] for item in first["items"] + rest["items"]] == list(range(1, 11))
    assert [item["target"] for item in mine] == ["+447400123403", "+447400123407"]
    assert first["total"] == 10


@pytest.mark.parametrize(
    "fault", [{"act": "explode"}, {"on": "moon", "answer": "quota"}, {"act": "answer"}, {"answer": "x"}]
)
def test_a_fault_it_does_not_know_is_refused(stand_in: StandInClient, fault: dict[str, str]) -> None:
    with pytest.raises(HTTPError) as refused:
        stand_in.program(fault)

    assert refused.value.code == 400
    refused.value.close()


def test_a_share_of_requests_can_fail_and_the_same_share_each_time(stand_in: StandInClient) -> None:
    channel = GatewaySms(SMS_KEY, PooledTransport(stand_in.url, threads=1), path="/sms")
    rounds = []
    for _ in range(2):
        stand_in.reset()
        stand_in.program({"on": "sms", "rate": 0.3, "answer": "invalid_number"})
        rounds.append([result.outcome for result in channel.send([a_text() for _ in range(50)], now=NOW)])
    channel.close()

    assert rounds[0] == rounds[1]
    assert 5 < len([outcome for outcome in rounds[0] if outcome == "refused"]) < 25


def test_it_remembers_across_a_kill_when_given_a_file(tmp_path: Path) -> None:
    store = tmp_path / "received.jsonl"
    process, url = client.start(store=store)
    channel = GatewaySms("k", PooledTransport(url, threads=1), path="/sms")
    channel.send([a_text(), a_text()], now=NOW)
    channel.close()
    process.kill()
    client.stop(process)

    with client.running(store=store) as again:
        assert [item["n"] for item in again.received()] == [1, 2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_told(number: signal.Signals) -> None:
    process, _url = client.start()

    process.send_signal(number)

    assert process.wait(timeout=PATIENT) == 0
    client.stop(process)


def test_it_ends_with_its_parent() -> None:
    process, _url = client.start()

    process.stdin.close()  # type: ignore[union-attr]

    assert process.wait(timeout=PATIENT) == 0
    client.stop(process)


def test_a_taken_port_is_an_error(stand_in: StandInClient) -> None:
    port = int(stand_in.url.rsplit(":", 1)[1])

    process = subprocess.run(
        [client.sys.executable, "-m", "app.sandbox.stand_in", "--port", str(port)],
        cwd=client.ROOT,
        capture_output=True,
        text=True,
    )

    assert process.returncode != 0
    assert "in use" in process.stderr
