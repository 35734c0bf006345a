"""Whether what was frozen is still what it was: the chain of a snapshot worked out again from its rows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
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
            chain = chain_on(chain, row)
            is_whole = is_whole and chain == row["sha256"]
        rows, after = rows + len(page), page[-1]["loan_id"]
    return Chain(rows, chain, is_whole and chain == snapshot.chain_sha256)


_UNCHAINED = frozenset({"snapshot_id", "people_sealed", "people_mark", "terms_mark", "sha256"})
"""The snapshot itself, the people, who may be forgotten, and what only helps the month after."""
_CHAINED = tuple(column.key for column in CreditReportRow.__table__.columns if column.key not in _UNCHAINED)


def chain_on(before: str, row: Mapping[str, Any]) -> str:
    """Return the chain's hash with one more row, by the names of its columns."""
    return chained(before, orjson.dumps({name: row[name] for name in _CHAINED}, option=orjson.OPT_SORT_KEYS))
