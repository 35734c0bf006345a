"""Rehearsals that were asked for: one at a time in the installation, in a process of its own beside the engine's.

A tick starts the next one, renews the lease while it runs, and looks whether it is over. A process that dies with its engine
leaves the rehearsal `running` without a lease; another engine does it again from the start: it has written nothing but how
far it was.
"""

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from app import clock
from app.logs import logger
from app.persistence.queries.leases import take_lease
from app.persistence.queries.rehearsals import find_unfinished, mark_failed, mark_progress
from app.persistence.unit_of_work import reading, unit_of_work
from config import ROOT

LEASE = "rehearsal"
LEASE_TTL = timedelta(seconds=60)
_END_SECONDS = 10


@dataclass
class RehearsalRunner:
    """Has rehearsals run. `owner` names this engine on the lease."""

    owner: str
    _process: "subprocess.Popen[bytes] | None" = None
    _rehearsal_id: str = ""
    _command: tuple[str, ...] = field(default=(sys.executable, "-m", "flask", "--app", "wsgi", "engine", "rehearse"))

    def tick(self) -> None:
        """Start what waits, or see how what runs is doing."""
        if self._process is not None:
            self._look_after(self._process)
            return
        with reading() as session:
            if find_unfinished(session) is None:
                return
        with unit_of_work() as work:
            if not self._holds_lease(work.session):
                return
            row = find_unfinished(work.session)
            if row is None:
                return
            self._rehearsal_id = row.id
            mark_progress(work.session, row.id, done=0, total=row.borrowers_total)
        logger().info("rehearsal started", rehearsal_id=self._rehearsal_id)
        command = [*self._command, self._rehearsal_id]
        self._process = subprocess.Popen(command, cwd=ROOT)  # noqa: S603 - our own command

    def stop(self) -> None:
        """End what runs; another engine begins it again."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _look_after(self, process: "subprocess.Popen[bytes]") -> None:
        code = process.poll()
        if code is None:
            with unit_of_work() as work:
                is_ours = self._holds_lease(work.session)
            if not is_ours:  # we were frozen for longer than the lease: someone else does it by now
                self.stop()
                self._process = None
            return
        self._process = None
        logger().info("rehearsal ended", rehearsal_id=self._rehearsal_id, code=code)
        if code:
            failure = f"The process that ran it ended with {code}; the engine's log says more."
            with unit_of_work() as work:
                mark_failed(work.session, self._rehearsal_id, failure=failure, now=clock.now())

    def _holds_lease(self, session: Session) -> bool:
        fence = take_lease(session, LEASE, owner=self.owner, machine_now=clock.system_now(), ttl=LEASE_TTL)
        return fence is not None
