"""Batches: thousands of letters made beforehand, by any number of workers, each chunk with its count in one commit.

A worker that is killed leaves what it had committed; any other goes on. What is made is still only a document: a letter
leaves through the outbox like every message, and is held against the facts once more when it does (letter_documents.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from app.domain.book import check_text
from app.domain.errors import ConflictError, refused_at
from app.domain.letters import LetterRefusedError
from app.persistence.ids import new_id
from app.persistence.models.letters import LetterBatchRow
from app.persistence.queries import letters as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work, reading, unit_of_work
from app.services.letters import make_letters, pdf_of, refuse

CHUNK = 25
"""Letters of one commit: some 50 ms, during which their messages are locked (on SQLite: the whole database)."""
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is. `total`: letters that waited when it was begun."""

    batch_id: str
    name: str
    state: str
    total: int
    made: int
    failed: int


def begin_batch(work: Work, name: str, *, by: str, now: datetime) -> str:
    """Begin a batch of all letters that wait and have no document; return its id. Raises ValidationError."""
    check_text("name", name, _LONGEST_NAME)
    if not name.strip():
        raise refused_at("/name", "name is empty.")
    batch_id = new_id()
    work.session.add(
        LetterBatchRow(
            id=batch_id, name=name, total=queries.count_unmade(work.session, now), made=0, failed=0, state="making", by=by,
            created_at=now, changed_at=now,
        )
    )  # fmt: skip
    work.session.flush()
    add_audit(work.session, at=now, actor=by, action="letters.batch", borrower_id=None, facts={"batch_id": batch_id})
    return batch_id


def run_batch(
    batch_id: str, *, clock: Callable[[], datetime], chunk: int = CHUNK, told: Callable[[Progress], None] = lambda _: None
) -> Progress:
    """Make what waits, chunk by chunk, until nothing does; any number may run at once. Raises NotFoundError, ConflictError.

    `told` hears after each commit. Run it again after a kill: nothing is made twice and nothing is left out.
    """
    after: tuple[datetime, str] | None = None
    refusals: list[tuple[str, LetterRefusedError]] = []
    while True:
        with unit_of_work() as work:
            batch = queries.get_batch(work.session, batch_id)
            if batch.state == "stopped":
                raise ConflictError("The batch was stopped.")
            until = batch.created_at
            claimed = queries.claim_unmade(work.session, until, after, limit=chunk)
            outcome = make_letters(work, [row.id for row in claimed], now=clock(), batch_id=batch_id)
            refusals += outcome.refused.items()
            if outcome.made:
                queries.count_up_batch(work.session, batch_id, made=outcome.made, failed=0, now=clock())
        for message_id, refusal in refusals:  # apart: the agenda is locked before messages, never after
            with unit_of_work() as work:
                if refuse(work, message_id, refusal, now=clock()):
                    queries.count_up_batch(work.session, batch_id, made=0, failed=1, now=clock())
        refusals.clear()
        told(progress_of(batch_id))
        if len(claimed) < chunk:
            if after is None:
                break
            after = None  # from the start once more: what another worker gave up, what was put back meanwhile
            continue
        after = (claimed[-1].next_attempt_at, claimed[-1].id)
    with unit_of_work() as work:
        is_done = queries.count_unmade(work.session, until) == 0  # else another worker still has some in hand, and ends it
        if is_done and queries.get_batch(work.session, batch_id, lock=True).state == "making":
            queries.mark_batch(work.session, batch_id, "ready", now=clock())
    return progress_of(batch_id)


def stop_batch(work: Work, batch_id: str, *, by: str, now: datetime) -> None:
    """Have nothing more made for a batch; what is made stays."""
    queries.get_batch(work.session, batch_id, lock=True)
    queries.mark_batch(work.session, batch_id, "stopped", now=now)
    add_audit(work.session, at=now, actor=by, action="letters.batch_stopped", borrower_id=None, facts={"batch_id": batch_id})


def progress_of(batch_id: str) -> Progress:
    """Return how far a batch is. Raises NotFoundError."""
    with reading() as session:
        row = queries.get_batch(session, batch_id)
        return Progress(row.id, row.name, row.state, row.total, row.made, row.failed)


def iterate_documents(batch_id: str, *, page: int = 50) -> Iterator[tuple[dict[str, object], bytes]]:
    """Yield what the manifest says of each letter of a batch, and its document; letters that were cancelled are left out."""
    after: str | None = None
    while True:
        with unit_of_work() as work:
            rows = queries.page_batch_letters(work.session, batch_id, after=after, limit=page)
            made = [
                (
                    {
                        "letter_id": row.id, "message_id": row.message_id, "sha256": row.sha256, "pages": row.pages,
                        "template": row.template, "locale": row.locale, "jurisdiction": row.jurisdiction, "state": row.state,
                    },
                    pdf_of(work, row),
                )
                for row, message_state in rows
                if message_state not in ("cancelled", "expired") and row.state != "cancelled"
            ]  # fmt: skip
            after = rows[-1][0].id if rows else None
        yield from made
        if len(rows) < page:
            return
