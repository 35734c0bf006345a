"""The audit trail: append-only, each row with a keyed hash of what it says, all of them a chain once they are sealed."""

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import orjson
from sqlalchemy import Connection, Table, and_, bindparam, func, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.domain.times import to_micros
from app.persistence.bulk import add_rows
from app.persistence.db import vault
from app.persistence.ids import new_id
from app.persistence.models.audit import AuditHeadRow, AuditRow
from app.persistence.models.loans import LoanRow
from app.persistence.vault import Vault

PURPOSE = "audit"
acting_for: ContextVar[str | None] = ContextVar("acting_for", default=None)
"""The lender for whom this request acts, set when its credential is proved; it stands in every row that it writes."""
_COLUMNS = (
    AuditRow.id, AuditRow.at, AuditRow.actor, AuditRow.action, AuditRow.borrower_id, AuditRow.facts, AuditRow.lender_id,
    AuditRow.key_id, AuditRow.mac, AuditRow.seq, AuditRow.chain,
)  # fmt: skip
_HEAD = 1


def add_audit(
    session: Session, *, at: datetime, actor: str, action: str, borrower_id: str | None, facts: dict[str, Any] | None = None
) -> None:
    """Append who did what; `facts` hold ids and counts, never personal data."""
    ring = vault()
    row = AuditRow(
        id=new_id(), at=at, actor=actor, action=action, borrower_id=borrower_id, facts=facts or {},
        lender_id=acting_for.get(), key_id=ring.current_key_id,
    )  # fmt: skip
    row.mac = content_mac(ring, row, row.key_id)
    session.add(row)


def add_audits(
    session: Session, entries: Sequence[tuple[str | None, Mapping[str, Any]]], *, at: datetime, actor: str, action: str
) -> None:
    """Append one act on many people, as (borrower, facts) of each, in one statement."""
    ring, lender_id = vault(), acting_for.get()
    rows = []
    for borrower_id, facts in entries:
        row: dict[str, Any] = {
            "id": new_id(), "at": at, "actor": actor, "action": action, "borrower_id": borrower_id, "facts": dict(facts),
            "lender_id": lender_id, "key_id": ring.current_key_id,
        }  # fmt: skip
        rows.append({**row, "mac": content_mac(ring, SimpleNamespace(**row), row["key_id"])})
    add_rows(session, cast(Table, AuditRow.__table__), rows)


def content_mac(ring: Vault, row: Any, key_id: str | None) -> str:
    """Return the keyed hash of all that a row says, however the database writes it."""
    said = [row.id, to_micros(row.at), row.actor, row.action, row.borrower_id, row.facts, row.lender_id]
    return ring.mac(PURPOSE, orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode(), key_id=key_id)


# -- sealing -----------------------------------------------------------------------------------------------------------


def lock_head(session: Session, now: datetime) -> AuditHeadRow:
    """Return where the chain ends and hold it until the end of the transaction."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = dialect.insert(AuditHeadRow).values(id=_HEAD, seq=0, chain="", sealed_at=now)
    session.execute(first.on_conflict_do_nothing(index_elements=["id"]))
    return session.scalars(select(AuditHeadRow).where(AuditHeadRow.id == _HEAD).with_for_update()).one()


def find_head(session: Session) -> AuditHeadRow | None:
    """Return where the chain ends, or None while nothing is sealed."""
    return session.get(AuditHeadRow, _HEAD)


def find_chain_at(session: Session, seq: int) -> str | None:
    """Return the chain at a place, "" before the first."""
    return "" if seq == 0 else session.scalar(select(AuditRow.chain).where(AuditRow.seq == seq))


def find_unsealed(session: Session, limit: int) -> Sequence[Any]:
    """Return rows that are in no chain yet, by id."""
    return session.execute(select(*_COLUMNS).where(AuditRow.seq.is_(None)).order_by(AuditRow.id).limit(limit)).all()


def count_unsealed(session: Session) -> int:
    """Return how many rows are in no chain yet."""
    return session.scalar(select(func.count()).select_from(AuditRow).where(AuditRow.seq.is_(None))) or 0


def set_links(session: Session, links: Sequence[dict[str, Any]]) -> None:
    """Give rows their place: `b_id`, `b_seq`, `b_chain`."""
    table: Any = AuditRow.__table__
    statement = update(table).where(table.c.id == bindparam("b_id"), table.c.seq.is_(None))
    session.connection().execute(statement.values(seq=bindparam("b_seq"), chain=bindparam("b_chain")), links)


def each_sealed(session: Session, chunk: int = 2000) -> Iterator[Any]:
    """Yield every sealed row by its place, in constant memory."""
    after = 0
    while True:
        statement = select(*_COLUMNS).where(AuditRow.seq > after).order_by(AuditRow.seq).limit(chunk)
        rows = session.execute(statement).all()
        yield from rows
        if len(rows) < chunk:
            return
        after = rows[-1].seq


def each_unsealed(session: Session, chunk: int = 2000) -> Iterator[Any]:
    """Yield every row that is in no chain, by id, in constant memory."""
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        statement = select(*_COLUMNS).where(AuditRow.seq.is_(None), AuditRow.id > after).order_by(AuditRow.id)
        rows = session.execute(statement.limit(chunk)).all()
        yield from rows
        if len(rows) < chunk:
            return
        after = rows[-1].id


# -- reading -----------------------------------------------------------------------------------------------------------


def page_audit(
    reads: Connection | Session,
    *,
    lender_id: str,
    borrower_id: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> Sequence[Any]:
    """Return what was done for a lender, and what borrowers of theirs alone and the engine did, newest first by (at, id).

    `action` is whole (`hold.put`) or a noun (`hold`). What a borrower of two lenders does names neither, and may be about
    the other one's loan: it is in the trail of neither (`flask audit verify` covers it all the same).
    """
    # As values and not by EXISTS: that is turned into a hash of all loans, however few rows are looked at.
    of_borrower = select(LoanRow.lender_id).where(LoanRow.borrower_id == AuditRow.borrower_id).limit(1).correlate(AuditRow)
    owes = of_borrower.where(LoanRow.lender_id == lender_id).scalar_subquery()
    owes_others = of_borrower.where(LoanRow.lender_id != lender_id).scalar_subquery()
    theirs = and_(owes == lender_id, owes_others.is_(None))
    statement = (
        select(*_COLUMNS)
        .where(or_(AuditRow.lender_id == lender_id, and_(AuditRow.lender_id.is_(None), theirs)))
        .order_by(AuditRow.at.desc(), AuditRow.id.desc())
        .limit(limit)
    )
    if borrower_id is not None:
        statement = statement.where(AuditRow.borrower_id == borrower_id)
    if actor is not None:
        statement = statement.where(AuditRow.actor == actor)
    if action is not None:
        whole = "." in action
        statement = statement.where(AuditRow.action == action if whole else AuditRow.action.startswith(f"{action}."))
    if since is not None:
        statement = statement.where(AuditRow.at >= since)
    if until is not None:
        statement = statement.where(AuditRow.at < until)
    if before is not None:
        statement = statement.where(tuple_(AuditRow.at, AuditRow.id) < before)
    return reads.execute(statement).all()
