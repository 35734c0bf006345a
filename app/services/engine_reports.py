"""What an engine says of itself: what is known in its memory alone, written down now and then for whoever looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.domain.times import rfc3339
from app.persistence.queries.engine_reports import delete_reports, put_report
from app.persistence.unit_of_work import Work

KEPT = timedelta(days=1)
"""How long the last words of an engine that is gone are kept."""


@dataclass(frozen=True, slots=True)
class EngineReport:
    """The state of one engine. `ticks`: job -> machine time of its last end."""

    ticks: Mapping[str, datetime] = field(default_factory=dict)
    paused: Sequence[tuple[str, str, datetime]] = ()
    """(channel, provider, until) by the book's clock."""
    breakers: Sequence[tuple[str, str, float]] = ()
    """(channel/provider, platform, seconds until it is tried again)."""
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def write_report(work: Work, owner: str, report: EngineReport, *, machine_now: datetime) -> None:
    """Keep what an engine says, in place of what it said before; forget engines that are long gone."""
    said: dict[str, Any] = {
        "ticks": {job: rfc3339(at) for job, at in report.ticks.items()},
        "paused": [
            {"channel": channel, "provider": provider, "until": rfc3339(until)} for channel, provider, until in report.paused
        ],
        "breakers": [
            {"way": way, "platform": platform, "seconds": round(seconds)} for way, platform, seconds in report.breakers
        ],
        "weights": {
            channel: {provider: round(points, 1) for provider, points in shares.items()}
            for channel, shares in report.weights.items()
        },
    }
    put_report(work.session, owner, said, at=machine_now)
    delete_reports(work.session, before=machine_now - KEPT)
