"""A replay: the engines, live, over a stretch of the past on a scratch copy of the book.

This process holds the clock. It puts the facts of an instant back into the book, moves the clock there, waits until the
engines (child processes, the same code as in production) have nothing left to do, and goes on to the next instant at which
something is due. Everything that matters is in the scratch database, so that a replay that was killed is simply continued.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from app import clock
from app.domain.digest import decisions_digest
from app.domain.errors import RefusedError
from app.domain.times import rfc3339
from app.engine.travel import set_frozen
from app.persistence.models.messages import MessageRow
from app.persistence.queries.decisions import iterate_digest_records
from app.persistence.queries.invariants import tally
from app.persistence.queries.moments import find_moments
from app.persistence.queries.outbox import release_leases
from app.persistence.unit_of_work import reading, unit_of_work
from app.sandbox.credentials import write_service_account
from app.sandbox.scratch import apply_events, find_next_event
from app.sandbox.stand_in import client

ROOT = Path(__file__).resolve().parents[2]
MOST_RESTARTS = 100
Say = Callable[[str], None]


@dataclass
class EngineProcesses:
    """The engines of a replay. One that dies is replaced, and what it had claimed is free at once."""

    count: int
    environment: dict[str, str]
    say: Say
    lease_seconds: int
    _running: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _restarts: int = 0

    def start(self) -> None:
        """Start them and say their pids."""
        for number in range(1, self.count + 1):
            self._start(number)

    def mend(self) -> None:
        """Replace the dead. Raises RefusedError when they keep dying."""
        for number, process in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            self._restarts += 1
            if self._restarts > MOST_RESTARTS:
                raise RefusedError("The engines keep dying; see what they printed above. The scratch copy can be continued.")
            with unit_of_work() as work:
                freed = release_leases(work.session, _owner(process.pid))
            self.say(f"engine {number} pid {process.pid} ended with {code}; {freed} claimed message(s) are free again")
            self._start(number)

    def stop(self) -> None:
        """End them and wait."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, number: int) -> None:
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "engine", "run", "--eager"]
        command += ["--lease-seconds", str(self.lease_seconds)]
        process = subprocess.Popen(command, cwd=ROOT, env=self.environment)  # noqa: S603 - our own command
        self._running[number] = process
        self.say(f"engine {number} pid {process.pid}")


def _owner(pid: int) -> str:
    return f"{os.uname().nodename}:{pid}"


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What a replay came to."""

    digest: str
    decisions: list[tuple[str, str, str, int]]
    messages: list[tuple[str, str, int]]
    pushes_received: int
    """Distinct (message, target) pairs that the stand-in took."""
    pushes_repeated: int
    """Further copies of those, each under the same message id."""
    messages_lost: int
    """Messages the book says were sent and the stand-in never saw."""


def run(
    *, ends_at: datetime, engines: int, environment: dict[str, str], folder: Path, say: Say, lease_seconds: int
) -> ReplayResult:
    """Replay this app's scratch copy up to `ends_at` (exclusive). `folder` keeps what the stand-in received."""
    folder.mkdir(parents=True, exist_ok=True)
    with unit_of_work() as work:
        release_leases(work.session)  # engines of an earlier, killed run end with it
    stand_in, url = client.start(store=folder / "received.jsonl")
    credentials = write_service_account(folder / "service-account.json", stand_in_url=url)
    processes = EngineProcesses(
        engines,
        {
            **environment,
            "DUECOURSE_FCM_BASE_URL": url,
            "DUECOURSE_FCM_CREDENTIALS": str(credentials),
            "DUECOURSE_SMS_URL": f"{url}/sms",
            "DUECOURSE_SMS_KEY": "sandbox",
        },
        say,
        lease_seconds,
    )
    try:
        processes.start()
        _conduct(ends_at, processes, say)
        return _result(client.StandInClient(url))
    finally:
        processes.stop()
        client.stop(stand_in)


def _conduct(ends_at: datetime, processes: EngineProcesses, say: Say) -> None:
    now, day = clock.now(), None
    while True:
        _wait_until_drained(now, processes)
        with reading() as session:
            due_at = find_moments(session).following
        following = min((at for at in (due_at, find_next_event(until=ends_at)) if at is not None), default=None)
        if following is None or following >= ends_at:
            break
        now = max(now, following)
        if now.date() != day:
            day = now.date()
            say(f"{day}")
        apply_events(now)
        set_frozen(now)
    processes.stop()  # first: the end is no part of the stretch, and what is due at that very instant is not to be done
    set_frozen(max(now, ends_at))


def _wait_until_drained(now: datetime, processes: EngineProcesses) -> None:
    """Wait until no borrower is due at `now` and no message waits or is on its way."""
    looks = 0
    while True:
        with reading() as session:
            moments = find_moments(session)
        if not moments.is_due(now) and not moments.is_sending:
            return
        looks += 1
        if looks % 20 == 0:
            processes.mend()
        time.sleep(0.003)


def _result(stand_in: client.StandInClient) -> ReplayResult:
    received = [item for item in stand_in.received() if item["channel"] == "push"]
    ids = {item["message_id"] for item in received}
    with reading() as session:
        counts = tally(session)
        digest = decisions_digest(iterate_digest_records(session))
        sent = session.scalars(select(MessageRow.id).where(MessageRow.channel == "push", MessageRow.state == "sent"))
        lost = sum(1 for message_id in sent if message_id not in ids)
        silent = set(session.scalars(select(MessageRow.id).where(MessageRow.withdraws_id.is_not(None))))
    shown = [(item["message_id"], item["target"]) for item in received if item["message_id"] not in silent]
    return ReplayResult(
        digest=digest,
        decisions=counts["decisions"],
        messages=counts["messages"],
        pushes_received=len(set(shown)),
        pushes_repeated=len(shown) - len(set(shown)),
        messages_lost=lost,
    )


def describe(result: ReplayResult, *, until: datetime) -> str:
    """Return the result as lines for a person."""
    lines = [f"replayed until {rfc3339(until)}", "", "step      outcome       reason              count"]
    lines += [f"{step:<9} {outcome:<13} {reason:<19} {count:>5}" for step, outcome, reason, count in result.decisions]
    lines += ["", "channel   state         count"]
    lines += [f"{channel:<9} {state:<12} {count:>6}" for channel, state, count in result.messages]
    lines += [
        "",
        f"pushes received by the stand-in: {result.pushes_received}",
        f"further copies under the same message id: {result.pushes_repeated}",
        f"messages lost: {result.messages_lost}",
        f"digest: {result.digest}",
    ]
    return "\n".join(lines)
