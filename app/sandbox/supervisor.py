"""Several processes as one: started together, restarted when one crashes, ended together.

For the sandbox and for a pilot on one machine; in production the machine's own supervisor does this.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from app import clock

MAX_RESTARTS = 5
"""Of one child within `CALM_SECONDS`; after that something is wrong that another start will not mend."""
CALM_SECONDS = 60.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.2


class ChildError(Exception):
    """A child does not start or does not stay up; the text names it and its log."""


@dataclass
class Child:
    """One process of the group. `log` gets what it prints."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    restarts: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Start it in a group of its own, so that Ctrl-C reaches us alone and we end it in order."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(  # noqa: S603 - our own programs
                self.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    @property
    def is_up(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone; it ends its own workers."""
        if self.is_up and self.process is not None:
            self.process.send_signal(number)

    def kill_group(self) -> None:
        """Kill whatever is left of it and of what it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()

    def last_words(self, lines: int = 5) -> str:
        """Return the end of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


class Supervisor:
    """A group of children. Children start in the order given and end in the opposite one."""

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self._children = list(children)
        self._say = say
        self._stop = threading.Event()

    def request_stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Ask the group to end; also the signal handler."""
        self._stop.set()

    def start(self, is_ready: Callable[[], bool], *, ready_seconds: float) -> bool:
        """Start all and wait until `is_ready`; return False when asked to stop meanwhile. Raises ChildError."""
        for child in self._children:
            child.start()
        deadline = clock.monotonic_seconds() + ready_seconds
        while not self._stop.is_set():
            for child in self._children:
                if not child.is_up:
                    raise ChildError(f"{child.name} ended while starting. The end of {child.log}:\n{child.last_words()}")
            if is_ready():
                return True
            if clock.monotonic_seconds() > deadline:
                raise ChildError(
                    f"Not ready after {ready_seconds:.0f} seconds; see the logs in {self._children[0].log.parent}."
                )
            self._stop.wait(_POLL_SECONDS)
        return False

    def watch(self) -> None:
        """Keep the group up until asked to stop. Raises ChildError when a child keeps crashing."""
        while not self._stop.wait(_POLL_SECONDS):
            for child in self._children:
                if not child.is_up:
                    self._restart(child)

    def stop(self) -> None:
        """End all in order; what does not end in time is killed with everything it started."""
        for child in reversed(self._children):
            child.signal(signal.SIGTERM)
        deadline = clock.monotonic_seconds() + STOP_SECONDS
        for child in reversed(self._children):
            if child.process is None:
                continue
            try:
                child.process.wait(timeout=max(0.1, deadline - clock.monotonic_seconds()))
            except subprocess.TimeoutExpired:
                self._say(f"{child.name} did not end in time and was killed.")
            child.kill_group()

    def _restart(self, child: Child) -> None:
        now = clock.monotonic_seconds()
        child.restarts = [at for at in child.restarts if now - at < CALM_SECONDS] + [now]
        status = child.process.returncode if child.process else None
        if len(child.restarts) > MAX_RESTARTS:
            raise ChildError(f"{child.name} keeps ending (status {status}). The end of {child.log}:\n{child.last_words()}")
        self._say(f"{child.name} ended with status {status}; started again ({len(child.restarts)} of {MAX_RESTARTS}).")
        child.kill_group()
        child.start()


def _end_with_parent() -> None:
    """Linux: the child is told to end when this process dies, also by kill -9. PR_SET_PDEATHSIG is 1."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
