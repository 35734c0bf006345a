"""How the installation is doing, for whoever looks after it: queues, engines, what must never be, what waits for a person.

Everything is counted within bounds and read by an index, so that looking costs the same however large the book is. What
only the memory of an engine knows (pauses, breakers, weights, ticks) is what that engine last said of itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.times import parse_instant
from app.persistence.models.operations import InvariantCountRow
from app.persistence.queries import operations as queries
from app.persistence.queries.leases import ENGINE_PREFIX
from app.persistence.queries.operations import DueCount, LaneCount

MOST_BATCHES = 5
LATE = timedelta(minutes=5)
"""So long after its time something that is due counts as late: an engine is missing, or cannot keep up."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """One engine that has been heard of. Instants are the machine's."""

    owner: str
    is_alive: bool
    expires_at: datetime
    reported_at: datetime | None
    ticks: Mapping[str, datetime]
    """Job -> when it last came to its end."""
    paused: Sequence[Mapping[str, Any]]
    """{channel, provider, until} of the book's clock."""
    breakers: Sequence[Mapping[str, Any]]
    """{way, platform, seconds} until it is tried again."""
    weights: Mapping[str, Mapping[str, float]]
    """Channel -> provider -> points of a hundred, of channels with several providers."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who does a job that one does at a time."""

    name: str
    owner: str
    expires_at: datetime
    is_held: bool


@dataclass(frozen=True, slots=True)
class InvariantCount:
    """What must never be, as last counted."""

    name: str
    count: int
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class Operations:
    """All of it, at one moment. `most_counted`: counts of queues stop there."""

    as_of: datetime
    most_counted: int
    most_waiting: int
    lanes: Sequence[LaneCount]
    due: Sequence[DueCount]
    engines: Sequence[EngineState]
    leases: Sequence[Lease]
    invariants: Sequence[InvariantCount]
    letter_batches: Sequence[Any]
    waiting: Mapping[str, int]
    """What of the lender waits for a person, each up to one more than `most_waiting`."""

    @property
    def late(self) -> Sequence[str]:
        """Lanes and kinds in which something should have left or been looked at well before."""
        since = self.as_of - LATE
        lanes = [each.lane for each in self.lanes if each.due and each.first_at is not None and each.first_at < since]
        told = {"untold", "uncertain"}
        kinds = [each.kind for each in self.due if each.kind not in _NEVER_LATE and each.first_at and each.first_at < since]
        return [*(lane for lane in lanes if lane not in told), *kinds]

    @property
    def is_well(self) -> bool:
        """Whether an engine lives, nothing is late and no invariant is broken."""
        broken = any(each.count for each in self.invariants)
        return any(each.is_alive for each in self.engines) and not broken and not self.late


_NEVER_LATE = frozenset({"agenda_of_older_rules", "duties", "receipts"})
"""After an activation or an import everybody is looked at anew, which takes its time; receipts wait for our own commit."""


def look(reads: Connection, lender_id: str, *, now: datetime, machine_now: datetime) -> Operations:
    """Return how it stands now; seven statements, whatever the size of the book."""
    leases = queries.find_leases(reads)
    return Operations(
        as_of=now,
        most_counted=queries.MOST_COUNTED,
        most_waiting=queries.MOST_SHOWN,
        lanes=queries.count_lanes(reads, now=now, machine_now=machine_now),
        due=queries.count_due(reads, now=now, machine_now=machine_now),
        engines=engines_of(leases, queries.find_reports(reads), machine_now=machine_now),
        leases=[
            Lease(row.name, row.owner, row.expires_at, row.expires_at > machine_now)
            for row in leases
            if not row.name.startswith(ENGINE_PREFIX)
        ],
        invariants=[InvariantCount(row.name, row.count, row.checked_at) for row in queries.find_invariant_counts(reads)],
        letter_batches=queries.find_batches(reads, limit=MOST_BATCHES),
        waiting=queries.count_waiting(reads, lender_id),
    )


def find_engines(reads: Connection, *, machine_now: datetime) -> list[EngineState]:
    """Return the engines that have been heard of, living ones first."""
    return engines_of(queries.find_leases(reads), queries.find_reports(reads), machine_now=machine_now)


def engines_of(leases: Sequence[Any], reports: Sequence[Any], *, machine_now: datetime) -> list[EngineState]:
    """Return engines by their heartbeats, with what each last said."""
    said = {row.owner: row for row in reports}
    found = []
    for lease in leases:
        if lease.name.startswith(ENGINE_PREFIX):
            row = said.get(lease.owner)
            report: Mapping[str, Any] = {} if row is None else row.report
            found.append(
                EngineState(
                    owner=lease.owner,
                    is_alive=lease.expires_at > machine_now,
                    expires_at=lease.expires_at,
                    reported_at=None if row is None else row.reported_at,
                    ticks={job: parse_instant(at) for job, at in sorted(report.get("ticks", {}).items())},
                    paused=[{**each, "until": parse_instant(each["until"])} for each in report.get("paused", ())],
                    breakers=report.get("breakers", ()),
                    weights=report.get("weights", {}),
                )
            )
    return sorted(found, key=lambda each: (not each.is_alive, each.owner))


def keep_invariant_counts(session: Session, counts: Mapping[str, int], *, now: datetime) -> None:
    """Keep what was counted, so that the desk shows it without counting: counting reads the whole book."""
    for name, count in sorted(counts.items()):
        row = session.get(InvariantCountRow, name)
        if row is None:
            session.add(InvariantCountRow(name=name, count=count, checked_at=now))
        else:
            row.count, row.checked_at = count, now
    session.flush()
