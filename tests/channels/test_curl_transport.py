"""What libcurl does by itself, and must not: everything here is about who may have got a request, and how often."""

import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from app.channels import curl_loop
from app.channels.curl_transport import CurlTransport
from app.channels.http_transport import Failure, HttpAnswer, HttpRequest
from tests.builders.patience import FAIR, PATIENT
from tests.channels.test_http_transport import a_server
from tests.fakes.http2 import an_http2_provider

A_POST = HttpRequest("/x", {"Content-Type": "application/json"}, b"{}")


@pytest.fixture(autouse=True)
def trust(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))


def posts(count: int) -> list[HttpRequest]:
    """Requests whose bodies differ and whose headers are shared, as those of a batch are."""
    return [replace(A_POST, body=b"%d" % number) for number in range(count)]


def outcome(answer: HttpAnswer) -> object:
    return answer.status or answer.failure


@pytest.mark.parametrize(
    ("act", "first"),
    [("fin", 1), ("reset", 1), ("error", 1), ("fin", 2), ("reset", 2), ("error", 2), ("fin", 5), ("reset", 5)],
)
def test_a_request_that_got_no_answer_was_sent_once_also_on_a_connection_used_before(
    certificate: tuple[Path, Path], act: str, first: int
) -> None:
    with an_http2_provider(certificate, lambda number: act if number == first else "ok") as provider:
        transport = CurlTransport(provider.url)
        answers = [transport.post([post])[0] for post in posts(first)]
        transport.close()

    assert [outcome(answer) for answer in answers] == [*[200] * (first - 1), Failure.AMBIGUOUS]
    assert Counter(provider.bodies) == Counter(post.body for post in posts(first))


def test_over_http_1_too() -> None:
    seen: list[bytes] = []

    def answer_one_then_hang_up(connection: Any) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        seen.append(connection.recv(65536))

    with a_server(answer_one_then_hang_up) as url:
        transport = CurlTransport(url)
        answers = [transport.post([A_POST])[0] for _ in range(2)]
        transport.close()

    assert [outcome(answer) for answer in answers] == [200, Failure.AMBIGUOUS]
    assert answers[1].reason == "connection_lost"
    assert len([request for request in seen if request]) == 2


def test_a_server_that_turns_its_connections_over_gets_nothing_twice(certificate: tuple[Path, Path]) -> None:
    """GOAWAY after every 40 requests, with a hundred in flight."""
    with an_http2_provider(certificate, lambda number: "goaway" if number == 40 else "ok") as provider:
        transport = CurlTransport(provider.url)
        answers = [answer for _ in range(4) for answer in transport.post(posts(100))]
        transport.close()

    taken = Counter(provider.bodies)
    assert {outcome(answer) for answer in answers} <= {200, Failure.AMBIGUOUS, Failure.NEVER_SENT}
    accepted = Counter(b"%d" % (place % 100) for place, answer in enumerate(answers) if answer.status == 200)
    never = Counter(b"%d" % (place % 100) for place, answer in enumerate(answers) if answer.failure is Failure.NEVER_SENT)
    assert all(accepted[body] <= taken[body] <= 4 - never[body] for body in taken)
    assert accepted.total() > 0  # how many hangs on when the resets arrive


def test_what_the_server_never_looked_at_is_not_sent_again_by_the_transport(certificate: tuple[Path, Path]) -> None:
    with an_http2_provider(certificate, lambda number: "refuse" if number == 2 else "ok") as provider:
        transport = CurlTransport(provider.url)
        answers = [transport.post([A_POST])[0] for _ in range(2)]
        transport.close()

    assert [outcome(answer) for answer in answers] == [200, Failure.AMBIGUOUS]
    assert provider.connections[0] == 2


def test_a_connection_that_said_goodbye_while_idle_is_not_used(certificate: tuple[Path, Path]) -> None:
    with an_http2_provider(certificate, lambda _number: "goaway") as provider:
        transport = CurlTransport(provider.url)
        answers = [transport.post([post])[0] for post in posts(3)]
        transport.close()

    assert [answer.status for answer in answers] == [200] * 3
    assert provider.connections == [1, 1, 1]


def test_a_batch_shares_one_connection(certificate: tuple[Path, Path]) -> None:
    with an_http2_provider(certificate) as provider:
        transport = CurlTransport(provider.url)
        answers = transport.post(posts(90))
        transport.close()

    assert {answer.status for answer in answers} == {200}
    assert provider.connections == [90]
    assert dict(answers[0].headers) == {"content-type": "application/json"}


def test_a_server_that_hangs_is_given_up_in_time(certificate: tuple[Path, Path]) -> None:
    with an_http2_provider(certificate, lambda _number: "hang") as provider:
        transport = CurlTransport(provider.url, total_seconds=FAIR)
        answers = transport.post(posts(5))  # which would never return
        transport.close()

    assert {(answer.failure, answer.reason) for answer in answers} == {(Failure.AMBIGUOUS, "timeout")}
    assert len(provider.bodies) == 5


def test_a_body_of_which_only_a_part_could_leave_was_never_sent() -> None:
    given_up = threading.Event()

    def listen_a_little(connection: Any) -> None:
        connection.recv(1000)
        given_up.wait(60)

    with a_server(listen_a_little) as url:
        transport = CurlTransport(url, total_seconds=0.3)
        [answer] = transport.post([replace(A_POST, body=b"x" * 32_000_000)])
        given_up.set()
        transport.close()

    assert (answer.failure, answer.reason) == (Failure.NEVER_SENT, "timeout")


def test_a_hung_request_does_not_hold_up_others_of_an_http_1_provider() -> None:
    """The hung ones are let go when all others are answered: if these waited for them, they would end by time-out."""
    threads: list[threading.Thread] = []
    answered, all_answered = threading.Semaphore(0), threading.Event()

    def hang_on_odd_ones(connection: Any) -> None:
        def one() -> None:
            request = kept.recv(65536)
            if request.endswith(b"odd"):
                all_answered.wait(60)
            else:
                kept.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
                answered.release()
            kept.close()

        kept = connection.dup()
        threads.append(threading.Thread(target=one))
        threads[-1].start()

    requests = [replace(A_POST, body=b"odd" if number % 4 == 1 else b"even") for number in range(80)]
    with a_server(hang_on_odd_ones) as url:
        transport = CurlTransport(url, total_seconds=PATIENT)
        waiting = transport.begin(requests)
        for _ in range(60):
            answered.acquire(timeout=PATIENT)
        all_answered.set()
        answers = waiting()
        transport.close()
    for thread in threads:
        thread.join()

    assert [answer.status == 200 for answer in answers] == [request.body == b"even" for request in requests]
    hung = {(answer.failure, answer.reason) for answer in answers if not answer.status}
    assert hung == {(Failure.AMBIGUOUS, "connection_lost")}


def test_a_small_batch_does_not_wait_for_a_large_one_to_end(certificate: tuple[Path, Path]) -> None:
    with an_http2_provider(certificate, lambda number: "hang" if number > 1 else "ok") as provider:
        transport = CurlTransport(provider.url, total_seconds=2 * PATIENT)
        transport.post([A_POST])
        large = threading.Thread(target=transport.post, args=(posts(50),))
        large.start()
        while len(provider.bodies) < 51 and large.is_alive():
            time.sleep(0.01)
        provider.act = lambda _number: "ok"
        [answer] = transport.post([A_POST])
        was_running = large.is_alive()
        provider.act = lambda _number: "reset"  # ends what hangs on the connection
        transport.post([A_POST])
        large.join()
        transport.close()

    assert (answer.status, was_running) == (200, True)


def test_many_threads_post_at_once(certificate: tuple[Path, Path]) -> None:
    found: list[HttpAnswer] = []
    with an_http2_provider(certificate) as provider:
        transport = CurlTransport(provider.url)
        threads = [threading.Thread(target=lambda: found.extend(transport.post(posts(20)))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transport.close()

    assert [answer.status for answer in found] == [200] * 160
    assert len(provider.bodies) == 160


def test_a_request_that_cannot_be_made_is_no_end_of_the_transport(certificate: tuple[Path, Path]) -> None:
    with an_http2_provider(certificate) as provider:
        transport = CurlTransport(provider.url)
        broken, whole = transport.post([replace(A_POST, body=cast(bytes, 7)), A_POST])
        transport.close()

    assert (broken.failure, broken.reason) == (Failure.NEVER_SENT, "TypeError")
    assert whole.status == 200


def test_a_defect_in_the_loop_leaves_nobody_waiting(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with an_http2_provider(certificate) as provider:
        transport = CurlTransport(provider.url)
        with monkeypatch.context() as patch:
            patch.setattr(curl_loop.Loop, "_take_finished", lambda _loop: 1 / 0)
            lost = transport.post(posts(3))
        [answer] = transport.post([A_POST])
        transport.close()

    assert {(answer.failure, answer.reason) for answer in lost} == {(Failure.AMBIGUOUS, "internal")}
    assert answer.status == 200


def test_a_closed_transport_takes_nothing(certificate: tuple[Path, Path]) -> None:
    transport = CurlTransport("https://127.0.0.1:9")
    transport.close()

    with pytest.raises(RuntimeError, match="closed"):
        transport.post([A_POST])


def test_not_more_than_its_share_is_in_flight_until_http_2_was_spoken(certificate: tuple[Path, Path]) -> None:
    with an_http2_provider(certificate, lambda _number: "hang") as provider:
        transport = CurlTransport(provider.url, total_seconds=2 * FAIR)
        answers = transport.post(posts(curl_loop.CONNECTIONS + 5))
        transport.close()

    assert {answer.failure for answer in answers} == {Failure.AMBIGUOUS}
    assert len(provider.bodies) == curl_loop.CONNECTIONS + 5
