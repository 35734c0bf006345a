"""What the wire of webhooks does with receivers that misbehave, and which addresses it never connects to."""

from collections.abc import Iterator

import pytest

from app import clock
from app.channels.http_transport import Failure
from app.channels.webhooks import ADDRESS_REFUSED, WebhookWire
from app.domain.webhook_urls import UrlRules
from tests.builders.patience import FAIR, PATIENT, patience_for
from tests.fakes.webhook_receiver import WebhookReceiver

LOCAL, PUBLIC = UrlRules(local=True), UrlRules()


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as found:
        yield found


def a_wire(**changes: float) -> WebhookWire:
    return WebhookWire(LOCAL, **{"connect_seconds": PATIENT, "total_seconds": PATIENT, **changes})  # type: ignore[arg-type]


def test_headers_and_body_arrive_as_they_were_given(receiver: WebhookReceiver) -> None:
    answer = a_wire().post(receiver.url, {"webhook-id": "a", "content-type": "application/json"}, b'{"a":1}')

    (got,) = receiver.received
    assert answer.status == 204
    assert (got.path, got.body, got.headers["content-type"]) == ("/hooks", b'{"a":1}', "application/json")
    assert "authorization" not in got.headers
    assert "cookie" not in got.headers


@pytest.mark.parametrize(
    ("act", "reason"),
    [("silence", "timeout"), ("drip", "timeout"), ("reset", "connection_lost"), ("garbage", None)],
)
def test_no_answer_is_none_and_comes_within_its_time(receiver: WebhookReceiver, act: str, reason: str | None) -> None:
    receiver.after, begun = act, clock.monotonic_seconds()

    answer = a_wire(total_seconds=patience_for(act, FAIR)).post(receiver.url, {}, b"x")

    assert clock.monotonic_seconds() - begun < 0.75 * PATIENT  # where nothing is said, the receiver holds out longer
    assert (answer.status, answer.failure) == (0, Failure.AMBIGUOUS)
    if reason is not None:
        assert answer.reason == reason


def test_a_redirect_is_an_answer_and_is_not_followed(receiver: WebhookReceiver) -> None:
    with WebhookReceiver() as elsewhere:
        receiver.after = (307, {"location": elsewhere.url})
        assert a_wire().post(receiver.url, {}, b"x").status == 307
        assert elsewhere.received == []


def test_nobody_there_is_nobody_told() -> None:
    with WebhookReceiver() as receiver:
        url = receiver.url

    answer = a_wire().post(url, {}, b"x")

    assert (answer.status, answer.failure, answer.reason) == (0, Failure.NEVER_SENT, "connect_refused")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "[fe80::1]", "[fd00::1]",
    ],
)  # fmt: skip
def test_no_connection_is_made_into_our_own_network(host: str) -> None:
    answer = WebhookWire(PUBLIC, connect_seconds=PATIENT, total_seconds=PATIENT).post(f"https://{host}/", {}, b"x")

    assert (answer.status, answer.failure) == (0, Failure.NEVER_SENT)
    assert answer.reason in (ADDRESS_REFUSED, "url_malformed", "unknown_host")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "[::ffff:127.0.0.1]"])
def test_a_name_that_points_into_our_own_network_is_refused_when_it_is_connected_to(address: str) -> None:
    """The name was fine when it was registered: a rebinding, or a mistake."""
    wire = WebhookWire(PUBLIC, names=[f"hooks.lender.example:443:{address}"], total_seconds=PATIENT)

    answer = wire.post("https://hooks.lender.example/x", {}, b"x")

    assert (answer.status, answer.failure, answer.reason) == (0, Failure.NEVER_SENT, ADDRESS_REFUSED)


def test_the_judgement_is_of_the_port_too_and_of_nothing_but_https() -> None:
    with WebhookReceiver() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        wire = WebhookWire(PUBLIC, names=[f"hooks.lender.example:{port}:127.0.0.1"], total_seconds=PATIENT)

        assert wire.post(f"https://hooks.lender.example:{port}/", {}, b"x").reason == ADDRESS_REFUSED
        assert wire.post(f"http://hooks.lender.example:{port}/", {}, b"x").reason == "scheme_refused"
        assert receiver.received == []


def test_the_sandbox_reaches_a_name_of_this_machine_and_no_other_machine() -> None:
    with WebhookReceiver() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        wire = WebhookWire(LOCAL, names=[f"hooks.localhost:{port}:127.0.0.1"], total_seconds=PATIENT)

        assert wire.post(f"http://hooks.localhost:{port}/", {}, b"x").status == 204
        assert wire.post("http://1.1.1.1/", {}, b"x").reason == ADDRESS_REFUSED
