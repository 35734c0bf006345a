"""Whether what was frozen is still what it was: the chain of a snapshot worked out again from its rows."""

from typing import NamedTuple

from sqlalchemy.orm import Session

from app.domain.credit_snapshots import chained
from app.persistence.models.credit_reports import CreditReportRow
from app.persistence.queries.credit_snapshots import get_snapshot, page_chain

_PAGE = 1000


class Chain(NamedTuple):
    """What the rows give, and whether it is what was kept."""

    rows: int
    chain: str
    is_whole: bool


def check_chain(session: Session, snapshot_id: str) -> Chain:
    """Return the chain over the rows as they are now. Raises NotFoundError."""
    snapshot = get_snapshot(session, snapshot_id)
    chain, rows, is_whole, after = "", 0, True, None
    while page := page_chain(session, snapshot_id, after=after, limit=_PAGE):
        for row in page:
            chain = chained(chain, told_of(row))
            is_whole = is_whole and chain == row.sha256
        rows, after = rows + len(page), page[-1].loan_id
        session.expunge_all()
    return Chain(rows, chain, is_whole and chain == snapshot.chain_sha256)


def told_of(row: CreditReportRow) -> dict[str, object]:
    """Return what of a row is part of the chain: all but the people, who may be forgotten, and the snapshot itself."""
    return {
        column.key: getattr(row, column.key)
        for column in CreditReportRow.__table__.columns
        if column.key not in ("people_sealed", "sha256", "snapshot_id")
    }
