"""What a push costs: the whole path of ours against firebase-admin's `send_each`, in turns in the same process.

Whole path: the message built and validated, its JSON, the wire over TLS, the answer read, errors mapped. The figure is CPU
time of this process per message (time.process_time); clients sit on one core, the provider (a process of its own) on
another. Ratios are taken of neighbouring turns, and their median is told.

`send_each` is measured twice. With 500 a call, as it is meant to be used, it starts 500 threads over 100 connections, and
whatever finds none opens one and throws it away: how many do hangs on how quick provider and machine are just then, so that
a busy machine makes it look worse than it is. With 100 a call none is thrown away. The floor is held against that one.

Messages a second are measured against a provider that is quicker than Hypercorn (bench/providers/frames.py), which answers
at once, and after 100 ms.

Run: python -m bench.push [--rounds 5] [--messages 2000]
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import firebase_admin
import requests
from firebase_admin import _http_client, messaging
from google.auth.credentials import Credentials

from app import clock
from app.channels.base import Outcome, Outgoing
from app.channels.curl_transport import CurlTransport
from app.channels.http_transport import PooledTransport, Transport
from app.channels.push import FcmPush
from tests.builders.certificates import write_certificate
from tests.builders.outgoing import NOW, a_target, an_outgoing

ROOT = Path(__file__).resolve().parents[1]
CLIENT_CORE, PROVIDER_CORE = (sorted(os.sched_getaffinity(0)) * 2)[:2]
BATCH = 500
"""Of `send_each` the most there may be; ours is given as many at once for the ratio."""
POOL = 100
"""Connections that it keeps."""
FLOOD = 20_000
FLOOR, AIM = 10, 16


class FixedToken(Credentials):  # type: ignore[misc]
    """What both sign with: nothing is asked for, so that the message alone is measured."""

    project_id = "bench"
    valid, expired = True, False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "t" * 160

    def refresh(self, request: Any) -> None:
        """Nothing to do."""


class OurToken:
    """The same for our side of it."""

    project_id = "bench"

    def token(self) -> str:
        """Return it."""
        return "t" * 160

    def renewed(self, spent: str) -> str:
        """Return it again."""
        return spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000)
    given = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # `token` in the library's own constructor
    os.sched_setaffinity(0, {CLIENT_CORE})
    with tempfile.TemporaryDirectory(prefix="duecourse-bench-") as folder:
        certificate, key = write_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = str(certificate)
        with a_provider("asgi", certificate, key) as url:
            compare(url, rounds=given.rounds, count=given.messages)
        for delay_ms in (0, 100):
            with a_provider("frames", certificate, key, str(delay_ms)) as url:
                flood(url, delay_ms)


def compare(url: str, *, rounds: int, count: int) -> None:
    """Take turns with `send_each`; print CPU per message and the ratios."""
    outgoings = make_messages(count)
    start_theirs(url)
    clients: dict[str, Callable[[], int]] = {
        "curl": ours(CurlTransport(url), outgoings),
        "send_each 100": theirs(outgoings, batch=POOL),
        "pooled": ours(PooledTransport(url, threads=32), outgoings),
        "send_each 500": theirs(outgoings, batch=BATCH),
    }
    for send in clients.values():  # connections, code paths, caches
        send()
    found: dict[str, list[float]] = {name: [] for name in clients}
    for turn in range(rounds):
        for name in list(clients)[:: -1 if turn % 2 else 1]:
            micros, rate = measured(clients[name], count)
            found[name].append(micros)
            print(f"round {turn + 1}: {name:13} {micros:7.1f} us CPU a message, {rate:6.0f} messages/s")
    for name, least in (("curl", f"min {FLOOR} (aim {AIM})"), ("pooled", "min 2.5")):
        best, usual = (ratio(found[f"send_each {size}"], found[name]) for size in (POOL, BATCH))
        print(f"{name}: {usual:.1f} x less than send_each with {BATCH} a call")
        print(f"figure push_cpu_ratio_{name} {best:.1f} x {least}")


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Return the median of what neighbouring turns say."""
    return statistics.median(one / other for one, other in zip(theirs, ours, strict=True))


def flood(url: str, delay_ms: int) -> None:
    """Send as fast as it goes; print the rate and the CPU per message."""
    send = ours(CurlTransport(url, total_seconds=60), make_messages(FLOOD), batch=FLOOD)
    best = [measured(send, FLOOD) for _ in range(3)]
    micros, rate = min(best)[0], max(rate for _, rate in best)
    print(f"push at {delay_ms} ms an answer: {micros:.1f} us CPU a message")
    print(f"figure push_rate_{delay_ms}ms {rate:.0f} messages/s min {4000 if delay_ms else 8000}")


def measured(send: Callable[[], int], count: int) -> tuple[float, float]:
    """Return microseconds of CPU per message and messages a second. Every message must have been accepted."""
    started, cpu = time.perf_counter(), time.process_time()
    accepted = send()
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - started
    assert accepted == count, f"{accepted} of {count} were accepted"
    return cpu / count * 1e6, count / seconds


def make_messages(count: int) -> list[Outgoing]:
    """Reminders to as many devices, whose addresses are as long as real ones."""
    one = an_outgoing()
    return [
        replace(one, message_id=f"0192f0c1-2b3c-7d4e-8f50-{number:012x}", target=a_target(f"{number:0152x}"))
        for number in range(count)
    ]


def ours(transport: Transport, outgoings: Sequence[Outgoing], *, batch: int = BATCH) -> Callable[[], int]:
    """Return what sends all of them through our channel and returns how many were accepted."""
    channel = FcmPush(OurToken(), transport)

    def send() -> int:
        accepted, lost = 0, Counter[str | None]()
        for start in range(0, len(outgoings), batch):
            results = channel.send(outgoings[start : start + batch], now=NOW)
            accepted += sum(result.outcome is Outcome.ACCEPTED for result in results)
            lost.update(result.raw_code for result in results if result.outcome is not Outcome.ACCEPTED)
        if lost:
            print(f"not accepted: {dict(lost)}")
        return accepted

    return send


def start_theirs(url: str) -> None:
    """Make firebase-admin speak to the provider: its address can be set in a private place alone.

    It keeps a hundred connections to FCM's own host and ten to any other: here it gets the hundred too.
    """
    service = cast(Any, messaging)._MessagingService
    service.FCM_URL = url + "/v1/projects/{0}/messages:send"
    app = firebase_admin.initialize_app(FixedToken(), {"projectId": "bench"})
    session = cast(Any, messaging)._get_messaging_service(app)._client.session
    session.mount(url, requests.adapters.HTTPAdapter(POOL, POOL, max_retries=_http_client.DEFAULT_RETRY_CONFIG))


def theirs(outgoings: Sequence[Outgoing], *, batch: int) -> Callable[[], int]:
    """Return what sends the same through `send_each`, so many a call."""

    def send() -> int:
        accepted = 0
        for start in range(0, len(outgoings), batch):
            messages = [as_theirs(outgoing) for outgoing in outgoings[start : start + batch]]
            accepted += messaging.send_each(messages).success_count
        return accepted

    return send


def as_theirs(outgoing: Outgoing) -> messaging.Message:
    """Return a message of the same content."""
    key, ttl = outgoing.message_id, outgoing.expires_at - NOW
    return messaging.Message(
        token=outgoing.target.address,
        data={"message_id": key, "kind": outgoing.kind, "purpose": "notify", "deep_link": f"duecourse://inbox/{key}"},
        notification=messaging.Notification(title=outgoing.title, body=outgoing.body),
        android=messaging.AndroidConfig(
            collapse_key=key,
            priority="high",
            ttl=ttl,
            notification=messaging.AndroidNotification(tag=key, channel_id="reminders", visibility="private"),
        ),
        fcm_options=messaging.FCMOptions(analytics_label=outgoing.kind),
    )


@contextmanager
def a_provider(name: str, certificate: Path, key: Path, *more: str) -> Iterator[str]:
    """A provider process for the length of a block; yields its URL once it listens. Raises RuntimeError."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", f"bench.providers.{name}", str(port), str(certificate), str(key), str(PROVIDER_CORE)]
    process = subprocess.Popen([*command, *more], cwd=ROOT, stderr=subprocess.DEVNULL)  # it complains when it is ended
    try:
        until = clock.monotonic_seconds() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if clock.monotonic_seconds() > until or process.poll() is not None:
                    raise RuntimeError(f"The provider {name} did not start.") from None
                time.sleep(0.05)
        yield f"https://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
