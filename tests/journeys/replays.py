"""Replays as child processes: their lines, their engines, and what is done to these on the way."""

import base64
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import KEYS

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 2


@dataclass
class Replay:
    """A running replay: its lines, and the engines it has said."""

    source: str
    var_dir: Path
    scratch: str
    first_day: str
    last_day: str
    engines: int = 1
    policy: Path | None = None
    options: tuple[str, ...] = ("--synthetic-devices", "80", "--seed", "7")
    lines: list[str] = field(default_factory=list)
    pids: dict[str, int] = field(default_factory=dict)
    killed: list[int] = field(default_factory=list)
    stopped: list[int] = field(default_factory=list)
    seed: int = 0

    def start(self, stderr: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "engine", "replay"]
        command += ["--from", self.first_day, "--to", self.last_day, "--engines", str(self.engines)]
        command += ["--scratch", self.scratch, "--lease-seconds", str(LEASE_SECONDS), *self.options]
        if self.policy is not None:
            command += ["--policy", str(self.policy)]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=stderr, text=True)

    def run(self, *, kills: int = 0, stops: int = 0) -> str:
        """Run to the end and return the digest.

        From the first day on engines are killed at their work, `kills` in all, spread over two thirds of the days; on
        `stops` days one is stopped besides, which goes on when its leases have run out.
        """
        process = self.start()
        assert process.stdout is not None
        quota, a_day = 0, -(-kills * 3 // (self.day_count * 2))
        with process.stdout as out:
            for line in out:
                self.read(line)
                is_new_day = re.fullmatch(r"\d{4}-\d\d-\d\d\n", line) is not None
                if is_new_day:
                    quota = min(kills, quota + a_day)
                    if len(self.stopped) < stops:
                        self._stop_one()
                if len(self.killed) < quota and (is_new_day or " pid " in line):
                    self._kill_one(0.05 if is_new_day else 0.3)
        assert process.wait(timeout=60) == 0, "\n".join(self.lines)
        return self.digest

    def read(self, line: str) -> None:
        self.lines.append(line.rstrip())
        match = re.fullmatch(r"engine (\d+) pid (\d+)\n", line)
        if match:
            self.pids[match[1]] = int(match[2])

    def value(self, pattern: str) -> str:
        return next(match[1] for match in (re.search(pattern, line) for line in self.lines) if match)

    @property
    def digest(self) -> str:
        return self.value("digest: (.+)")

    @property
    def day_count(self) -> int:
        return int(self.last_day[-2:]) - int(self.first_day[-2:]) + 1

    def _kill_one(self, within_seconds: float) -> None:
        """Kill one wherever it is in its work, unless all that are known are dead: their successors speak a little later."""
        chance = random.Random(f"{self.seed}:{len(self.killed)}")
        alive = self._alive()
        if alive:
            time.sleep(chance.uniform(0, within_seconds))
            try:
                os.kill(alive[0], signal.SIGKILL)
            except ProcessLookupError:  # the replay was over before: not a kill, and the test says that one is missing
                return
            self.killed.append(alive[0])

    def _stop_one(self) -> None:
        """Stop one in the middle of whatever it does, and let it go on when others have taken over what it had claimed."""
        chance = random.Random(f"{self.seed}:stop:{len(self.stopped)}")
        alive = self._alive()
        if not alive:
            return
        pid = chance.choice(alive)
        os.kill(pid, signal.SIGSTOP)
        self.stopped.append(pid)
        threading.Timer(LEASE_SECONDS * 1.5, _go_on, [pid]).start()

    def _alive(self) -> list[int]:
        alive = sorted(set(self.pids.values()) - set(self.killed))
        random.Random(f"{self.seed}:{len(self.killed)}").shuffle(alive)
        return alive

    @property
    def environment(self) -> dict[str, str]:
        ring = ",".join(f"{name}:{base64.b64encode(key).decode()}" for name, key in KEYS.items())
        return {
            **os.environ, "DATABASE_URL": self.source, "DUECOURSE_KEYS": ring, "DUECOURSE_VAR_DIR": str(self.var_dir),
            "DUECOURSE_MODE": "sandbox",
        }  # fmt: skip

    def check(self) -> dict[str, int]:
        """Return the invariants of the scratch copy that are broken, as the command prints them."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "engine", "check", "--scratch", self.scratch]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        counts = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
        assert done.returncode == (1 if any(count != "0" for count in counts.values()) else 0), done.stderr
        return {name: int(count) for name, count in counts.items() if count != "0"}

    def received(self, before: set[Path]) -> "Received":
        """Return what the providers' stand-in wrote down of this replay; `before`: what was there when it began."""
        (folder,) = set((self.var_dir / "replays").iterdir()) - before
        lines = (folder / "received.jsonl").read_text(encoding="utf-8").splitlines()
        return Received([json.loads(line) for line in lines])


@dataclass
class Received:
    """What a stand-in took: {channel, message_id, target, content, ...} in order."""

    items: list[dict[str, object]]

    def pairs(self, channel: str) -> set[tuple[object, object]]:
        """(message id, target) of each message on a channel."""
        return {(item["message_id"], item["target"]) for item in self.items if item["channel"] == channel}

    def twice(self, channel: str) -> list[tuple[object, object]]:
        """(message id, target) of each message on a channel that came more than once."""
        counts = Counter((item["message_id"], item["target"]) for item in self.items if item["channel"] == channel)
        return [pair for pair, count in counts.items() if count > 1]

    def by_target(self, channel: str) -> Counter[object]:
        """How many different messages each target got on a channel."""
        return Counter(target for _, target in self.pairs(channel))


def _go_on(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass
