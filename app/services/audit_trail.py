"""The audit trail as a chain: sealing what was written, and finding what somebody has changed, taken out or put in.

Each row carries a keyed hash of what it says, made when it is written. It is then sealed: it gets the next place and a
keyed hash over the chain before it. So a changed row, one that is gone and one put between are all found, and by
whoever has the key ring only, and nobody without it can mend the hashes. Sealing is apart from writing, so that transactions
never wait for each other at the end of the chain; until then the row's own hash guards it. What the chain cannot tell by
itself is that its end was cut off together with the head: `head()` is logged, to be kept elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app import logs
from app.domain.times import rfc3339
from app.persistence.db import vault
from app.persistence.queries import audit as queries
from app.persistence.queries.borrowers import find_borrower_nos
from app.persistence.unit_of_work import reading, unit_of_work
from app.persistence.vault import Vault

BATCH = 500
_log = logs.logger()


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends: to be written down elsewhere, and compared later."""

    seq: int
    chain: str
    sealed_at: datetime | None
    unsealed: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what, as it is shown."""

    id: str
    at: datetime
    actor: str
    action: str
    borrower_no: str | None
    facts: dict[str, Any]
    seq: int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that should not be. `seq` None: of a row outside the chain."""

    what: str
    """changed, chain, missing, cut, keyless, unknown-key."""
    seq: int | None
    row_id: str | None
    words: str


def seal(*, now: datetime) -> int:
    """Give every row that has none its place in the chain; return how many. Any number of processes may do it at once."""
    with reading() as session:  # mostly there is nothing, which takes no write lock to see
        if not queries.find_unsealed(session, 1):
            return 0
    done = 0
    while True:
        with unit_of_work() as work:
            head = queries.lock_head(work.session, now)
            rows = queries.find_unsealed(work.session, BATCH)
            links = []
            for row in rows:
                head.seq += 1
                head.chain = _link(work.vault, head.chain, head.seq, row)
                if head.keyed_from is None and row.mac is not None:
                    head.keyed_from = head.seq
                links.append({"b_id": row.id, "b_seq": head.seq, "b_chain": head.chain})
            head.sealed_at = now
            if links:
                queries.set_links(work.session, links)
                done += len(links)
                _log.info("audit trail sealed", seq=head.seq, chain=short(head.chain))
        if len(rows) < BATCH:
            return done


def page_audit(session: Session, **asked: Any) -> list[Entry]:
    """Return a page of one lender's trail, newest first; see queries/audit.page_audit for what may be asked."""
    rows = queries.page_audit(session, **asked)
    numbers = find_borrower_nos(session, {row.borrower_id for row in rows if row.borrower_id})
    return [Entry(row.id, row.at, row.actor, row.action, numbers.get(row.borrower_id), row.facts, row.seq) for row in rows]


def head(session: Session) -> Head:
    """Return where the chain ends and how many rows wait."""
    found = queries.find_head(session)
    waiting = queries.count_unsealed(session)
    return Head(0, "", None, waiting) if found is None else Head(found.seq, short(found.chain), found.sealed_at, waiting)


def short(chain: str) -> str:
    """Return the first half of a chain's hash, written like an id, which logs leave as it is."""
    return str(UUID(chain[:32])) if chain else ""


def holds(session: Session, told: str) -> bool:
    """Return whether a head told earlier (`SEQ:CHAIN`) is part of the trail."""
    seq, _, chain = told.partition(":")
    found = queries.find_chain_at(session, int(seq)) if seq.isdigit() else None
    return found is not None and short(found) == chain


def verify(session: Session) -> Iterator[Finding]:
    """Yield everything about the trail that cannot be as it was written, in constant memory. Read in one state."""
    ring, known = vault(), queries.find_head(session)
    place = 0
    chain: str | None = ""
    keyed_from = known.keyed_from if known else None
    for row in queries.each_sealed(session):
        if row.seq != place + 1:
            lost = f"{place + 1}" if row.seq == place + 2 else f"{place + 1} to {row.seq - 1}"
            yield Finding("missing", place + 1, None, f"No row has the place {lost}: what was there is gone.")
            chain = None
        yield from _look(ring, row, must_have=keyed_from is not None and row.seq >= keyed_from)
        if chain is not None and _chained(ring, chain, row) is False:
            words = f"{_named(row)} does not follow from the row before it: one of the two was changed, or one was put in."
            yield Finding("chain", row.seq, row.id, words)
        place, chain = row.seq, row.chain
    if known is not None and (known.seq, known.chain) != (place, chain or ""):
        yield Finding("cut", known.seq, None, f"The chain ends at {place}, and was sealed up to {known.seq}.")
    for row in queries.each_unsealed(session):
        yield from _look(ring, row, must_have=keyed_from is not None)


def _look(ring: Vault, row: Any, *, must_have: bool) -> Iterator[Finding]:
    """Compare a row with the hash it was written with."""
    if row.mac is None:
        if must_have:
            yield Finding("keyless", row.seq, row.id, f"{_named(row)} has no hash of its own: it was put in from outside.")
    elif row.key_id not in ring.key_ids:
        yield Finding(
            "unknown-key", row.seq, row.id, f"{_named(row)} was written under the key {row.key_id}, not in the ring."
        )
    elif queries.content_mac(ring, row, row.key_id) != row.mac:
        yield Finding("changed", row.seq, row.id, f"{_named(row)} was changed after it was written.")


def _chained(ring: Vault, before: str, row: Any) -> bool | None:
    """Return whether a row follows from the chain before it; None where that cannot be told, for want of its key."""
    key_id = row.key_id or ring.key_ids[-1]
    return None if key_id not in ring.key_ids else _link(ring, before, row.seq, row) == row.chain


def _link(ring: Vault, before: str, seq: int, row: Any) -> str:
    """Return the chain at a row, under the key that the row was written with: a later key needs no new chain."""
    key_id = row.key_id or ring.key_ids[-1]
    content = row.mac or queries.content_mac(ring, row, key_id)
    return ring.mac(queries.PURPOSE, f"{before}\0{seq}\0{content}", key_id=key_id)


def _named(row: Any) -> str:
    place = "not sealed yet" if row.seq is None else f"place {row.seq}"
    return f"Row {row.id} ({place}: {row.action} by {row.actor} at {rfc3339(row.at)})"
