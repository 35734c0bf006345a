"""Rehearsals kept in the book: asked for, run, done, with their tables."""

from collections.abc import Mapping
from datetime import datetime

from app.persistence.ids import new_id
from app.persistence.models.rehearsals import RehearsalCountRow, RehearsalRow
from app.persistence.unit_of_work import Work, unit_of_work
from app.services.rehearsals.channel_figures import ChannelFigures
from app.services.rehearsals.runs import RehearsalResult
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.tables import tables_of

_AT_ONCE = 1000


def store_result(
    result: RehearsalResult, settings: RehearsalSettings, figures: Mapping[str, ChannelFigures], *, by: str, now: datetime
) -> str:
    """Keep a rehearsal that was run at once; return its id."""
    with unit_of_work() as work:
        row = RehearsalRow(id=new_id(), settings=settings.as_json(), state="running", by=by, created_at=now)
        work.session.add(row)
        work.session.flush()
        finish(work, row, result, figures, now=now)
        return row.id


def finish(
    work: Work, row: RehearsalRow, result: RehearsalResult, figures: Mapping[str, ChannelFigures], *, now: datetime
) -> None:
    """Write the result of a rehearsal and its tables."""
    row.state, row.finished_at, row.digest = "done", now, result.digest
    row.borrowers_done = row.borrowers_total = result.borrowers
    lines: list[dict[str, object]] = []
    for seq, (name, line) in enumerate(tables_of(result, figures), 1):
        lines.append({"rehearsal_id": row.id, "seq": seq, "table_name": name, "line": line})
        if len(lines) == _AT_ONCE:
            work.session.execute(RehearsalCountRow.__table__.insert(), lines)  # type: ignore[attr-defined]
            lines = []
    if lines:
        work.session.execute(RehearsalCountRow.__table__.insert(), lines)  # type: ignore[attr-defined]
