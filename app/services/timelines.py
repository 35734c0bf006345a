"""The timeline of a borrower at the desk: everything that happened, of every kind, in one order.

Two statements read a page, however many kinds there are and however long the history is. Texts are opened for this reading
alone; that they were read is written into the audit trail before the answer is given.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime

from app.domain.errors import ForbiddenError, refused_at
from app.domain.permissions import may
from app.persistence.db import vault
from app.persistence.queries import timeline_details, timelines
from app.persistence.queries.audit import add_audit
from app.persistence.queries.borrowers import get_borrower_of_lender
from app.persistence.queries.timelines import FIRST_KEY, RANKS, READINGS, KeyFound
from app.persistence.unit_of_work import peeking, unit_of_work
from app.services.notes import Writer
from app.services.timeline_entries import KINDS, Timeline
from app.services.timeline_telling import Telling

MOST_ENTRIES = 100
_END = datetime(9999, 1, 1, tzinfo=UTC)
Reader = Writer
"""Who reads: their name, role and lender."""


def page_timeline(
    borrower_no: str,
    *,
    reader: Reader,
    kinds: Collection[str] = (),
    before: tuple[datetime, str, str] | None = None,
    limit: int = 50,
    now: datetime,
    locale: str,
) -> Timeline:
    """Return up to `limit` entries, newest first by (at, stream, id), following `before`; no `kinds`: all but readings.

    The request holds no connection while this runs. Raises NotFoundError, ValidationError for a kind there is not,
    ForbiddenError for readings without the permission.
    """
    wanted = _wanted(kinds, reader.role)
    with peeking() as reads:
        borrower_id = get_borrower_of_lender(reads, reader.lender_id, borrower_no)
        keys = timelines.page_keys(
            reads, reader.lender_id, borrower_id, kinds=wanted, before=_place(before), limit=min(limit, MOST_ENTRIES) + 1
        )
        shown = keys[: min(limit, MOST_ENTRIES)]
        details = timeline_details.find_details(reads, reader.lender_id, borrower_id, _ids(shown)) if shown else {}
    telling = Telling(vault(), details, locale)
    entries = [entry for key in shown if (entry := telling.entry(key)) is not None]
    if telling.opened:
        with unit_of_work() as work:
            facts = {"texts": telling.opened, "from": "timeline"}
            add_audit(work.session, at=now, actor=reader.by, action="borrower.read", borrower_id=borrower_id, facts=facts)
    last = shown[-1] if len(keys) > len(shown) else None
    return Timeline(entries, None if last is None else (last.at, last.stream, last.row_id), telling.opened)


def _wanted(kinds: Collection[str], role: str) -> frozenset[str]:
    known = {*KINDS, READINGS}
    for kind in kinds:
        if kind not in known:
            raise refused_at("/query/kinds", f"kinds are of: {', '.join((*KINDS, READINGS))}.")
    if READINGS in kinds and not may(role, "audit.read"):
        raise ForbiddenError("Who read what is in the audit trail, which is read by compliance or admin.")
    return frozenset(kinds or KINDS)


def _place(before: tuple[datetime, str, str] | None) -> tuple[datetime, int, str]:
    if before is None:
        return _END, len(RANKS), FIRST_KEY
    at, stream, row_id = before
    return at, RANKS.get(stream, len(RANKS)), row_id


def _ids(keys: Collection[KeyFound]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        found[timeline_details.TABLES[key.stream]].add(key.row_id)
    return found
