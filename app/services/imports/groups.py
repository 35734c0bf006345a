"""Staged rows of one file, grouped by what they are about, in batches of a size for one unit of work."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from app.services.imports.staging import Stage, StagedRow
from app.services.imports.values import Context, contexts_of

_GROUPS = 300
_ROWS = 6000


@dataclass
class Group:
    """The rows of one loan (or one borrower, lender, payment ...), in order."""

    key: str
    rows: list[StagedRow]
    contexts: list[Context]

    @property
    def line(self) -> int:
        """Where the group begins in the file."""
        return self.rows[0].line


def batches(stage: Stage) -> Iterator[list[Group]]:
    """Yield the staged rows, grouped, in batches of a size for one unit of work."""
    batch: list[Group] = []
    count = 0
    for key, found in groupby(stage.rows(), key=lambda row: row.group):
        rows = list(found)
        batch.append(Group(key, rows, contexts_of([row.values for row in rows])))
        count += len(rows)
        if len(batch) >= _GROUPS or count >= _ROWS:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch
