"""Starting the stand-in as a child process, and asking it what it received."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parents[3]
_opener = build_opener(ProxyHandler({}))  # a proxy of the environment must not come between us and loopback


class StandInClient:
    """The control side of a running stand-in."""

    def __init__(self, url: str) -> None:
        self.url = url

    def received(self, *, since: int = 0, targets: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return everything received after number `since`, oldest first; see received.py for the fields."""
        items: list[dict[str, Any]] = []
        while True:
            page = self.page(since=since, targets=targets)
            items += page["items"]
            if len(page["items"]) < 1000:
                return items
            since = page["next"]

    def page(self, *, since: int = 0, limit: int = 1000, targets: Sequence[str] | None = None) -> dict[str, Any]:
        """Return one page: items, next, total."""
        query = [("since", str(since)), ("limit", str(limit)), *(("target", target) for target in targets or ())]
        return self._ask("GET", f"/received?{urlencode(query)}")

    def counts(self) -> dict[str, Any]:
        """Return totals, totals per label, duplicates and requests by status."""
        return self._ask("GET", "/counts")

    def callbacks(self, *, since: int = 0) -> list[dict[str, Any]]:
        """Return what it posted back, or would: n, url, method, headers, body, status."""
        items: list[dict[str, Any]] = self._ask("GET", f"/callbacks?since={since}")["items"]
        return items

    def touch(self, number: int, act: str, text: str = "") -> None:
        """Do with a message under /received what its owner may; see by_hand.py. Raises urllib's HTTPError."""
        self._ask("POST", "/gestures", {"n": number, "act": act, "text": text})

    def program(self, *faults: dict[str, Any]) -> None:
        """Add faults; see faults.py. Raises urllib's HTTPError for a fault it does not know."""
        self._ask("POST", "/faults", list(faults))

    def reset(self, **what: bool) -> None:
        """Forget faults, received messages and tokens; keep_received and keep_tokens spare these."""
        self._ask("POST", "/reset", what)

    def smtp_port(self) -> int:
        """Return the port of its mail server."""
        return int(self._ask("GET", "/health")["smtp_port"])

    def is_healthy(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._ask("GET", "/health")["ok"])
        except OSError:
            return False

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, method=method)  # noqa: S310 - a loopback URL of our own child
        with _opener.open(request, timeout=10) as answer:
            value: dict[str, Any] = json.load(answer)
            return value


def start(
    *,
    port: int = 0,
    store: Path | None = None,
    sms_key: str | None = None,
    mail_key: str | None = None,
    posts_back: bool = False,
    callback_base: str = "",
    callback_secret: str = "",
    rings_at: Sequence[str] = (),
) -> "tuple[subprocess.Popen[str], str]":
    """Start the stand-in as a child that ends with us; return it and its URL once it listens. Raises RuntimeError."""
    command = [sys.executable, "-m", "app.sandbox.stand_in", "--port", str(port), "--with-parent"]
    command += ["--store", str(store)] if store else []
    command += ["--sms-key", sms_key] if sms_key else []
    command += ["--mail-key", mail_key] if mail_key else []
    command += ["--posts-back"] if posts_back else []
    command += ["--callback-base", callback_base] if callback_base else []
    command += ["--callback-secret", callback_secret] if callback_secret else []
    command += [part for phone in rings_at for part in ("--rings-at", phone)]
    process = subprocess.Popen(  # noqa: S603 - our own module and arguments
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        process.wait()
        raise RuntimeError("The provider stand-in did not start.")
    return process, json.loads(line)["url"]


def stop(process: "subprocess.Popen[str]") -> None:
    """End the child and wait for it."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


@contextmanager
def running(**options: Any) -> Iterator[StandInClient]:
    """A stand-in for the length of a block; `options` as of `start`."""
    process, url = start(**options)
    try:
        yield StandInClient(url)
    finally:
        stop(process)
