"""Rehearsals kept in the book: asked for at the desk, run in the background, done with their tables."""

import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from app import clock
from app.domain.errors import ConflictError, DomainError
from app.persistence.ids import new_id
from app.persistence.models.rehearsals import RehearsalRow
from app.persistence.queries.audit import add_audit
from app.persistence.queries.lenders import find_lender
from app.persistence.queries.rehearsals import (
    add_lines,
    add_rehearsal,
    count_unfinished,
    get_rehearsal,
    mark_failed,
    mark_progress,
)
from app.persistence.unit_of_work import Work, close_session, reading, unit_of_work
from app.services.rehearsals.channel_figures import ChannelFigures, load_figures
from app.services.rehearsals.pages import facts_of, page_of_lines
from app.services.rehearsals.rules import rules_under
from app.services.rehearsals.runs import RehearsalResult, rehearse
from app.services.rehearsals.settings import RehearsalSettings
from app.services.rehearsals.tables import Line, tables_of, written_at

STATES = ("waiting", "running", "done", "failed")
MOST_UNFINISHED = 3
"""Rehearsals of a lender that wait or run at once."""
_AT_ONCE = 1000
_SAID_EVERY = timedelta(seconds=2)


def ask_for(work: Work, settings: RehearsalSettings, *, lender_id: str, by: str, now: datetime) -> RehearsalRow:
    """Have a rehearsal run in the background. Raises ValidationError, NotFoundError, ConflictError (too many wait)."""
    for policy in (settings.policy, settings.against):
        if policy is not None:
            rules_under(work.session, policy, settings.channels)
    if count_unfinished(work.session, lender_id) >= MOST_UNFINISHED:
        raise ConflictError(f"{MOST_UNFINISHED} rehearsals wait or run already; ask again when one is done.")
    row = RehearsalRow(
        id=new_id(), lender_id=lender_id, settings=settings.as_json(), state="waiting", borrowers_done=0, borrowers_total=0,
        by=by, created_at=now,
    )  # fmt: skip
    add_rehearsal(work.session, row)
    facts = {"rehearsal": row.id, "from": settings.starts_on.isoformat(), "days": settings.days}
    add_audit(work.session, at=now, actor=by, action="rehearsal.asked", borrower_id=None, facts=facts)
    return row


def store_result(
    result: RehearsalResult, settings: RehearsalSettings, figures: Mapping[str, ChannelFigures], *, by: str, now: datetime
) -> str:
    """Keep a rehearsal that was run at once; return its id."""
    with unit_of_work() as work:
        lender = None if settings.lender is None else find_lender(work.session, settings.lender)
        row = RehearsalRow(
            id=new_id(), lender_id=lender.id if lender else None, settings=settings.as_json(), state="running", by=by,
            created_at=now,
        )  # fmt: skip
        add_rehearsal(work.session, row)
        _finish(work, row, result, figures, now=now)
        return row.id


def run_stored(url: str, rehearsal_id: str) -> None:
    """Run a rehearsal that was asked for, and keep its result or why there is none."""
    with reading() as session:
        row = get_rehearsal(session, rehearsal_id)
        settings, asked_at = RehearsalSettings.of_json(row.settings), row.created_at
    close_session()
    said_at = clock.system_now()

    def say(done: int, total: int) -> None:
        nonlocal said_at
        if clock.system_now() - said_at >= _SAID_EVERY:
            said_at = clock.system_now()
            with unit_of_work() as work:
                mark_progress(work.session, rehearsal_id, done=done, total=total)
            close_session()

    try:
        result = rehearse(url, settings, now=asked_at, workers=max(1, (os.cpu_count() or 1) // 2), progress=say)
    except DomainError as error:
        with unit_of_work() as work:
            mark_failed(work.session, rehearsal_id, failure=error.detail, now=clock.now())
        return
    with unit_of_work() as work:
        _finish(work, get_rehearsal(work.session, rehearsal_id), result, load_figures(), now=clock.now())


def page_of_stored(row: RehearsalRow, lines: Iterator[tuple[str, Line]]) -> str:
    """Return the page of a rehearsal that is done."""
    settings = RehearsalSettings.of_json(row.settings)
    starts_at, ends_at = settings.starts_at(row.created_at), settings.ends_at
    facts = [("stretch", f"{written_at(starts_at)} to {written_at(ends_at)}, days of {settings.zone}"),
             ("borrowers", str(row.borrowers_total)), *facts_of(settings)]  # fmt: skip
    return page_of_lines(lines, settings, facts, digest=row.digest or "")


def _finish(
    work: Work, row: RehearsalRow, result: RehearsalResult, figures: Mapping[str, ChannelFigures], *, now: datetime
) -> None:
    if row.state == "done":
        return  # another process was thought dead and was not; both came to the same
    row.state, row.finished_at, row.digest = "done", now, result.digest
    row.borrowers_done = row.borrowers_total = result.borrowers
    numbered = enumerate(tables_of(result, figures), 1)
    while part := list(islice(numbered, _AT_ONCE)):
        add_lines(
            work.session,
            [{"rehearsal_id": row.id, "seq": seq, "table_name": name, "line": line} for seq, (name, line) in part],
        )
