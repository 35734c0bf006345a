"""A plan: the contractual rows of instalments. A re-plan, or a corrected row, makes a new version."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple, Protocol, TypeVar

from app.domain.splits import Split


class PlanRow(NamedTuple):
    """One instalment as agreed: what falls due on `due_on` (a business date in the loan's zone)."""

    row_no: int
    due_on: date
    due: Split


class DueRow(Protocol):
    """A row of any kind that falls due on a day."""

    @property
    def due_on(self) -> date:
        """Its due date."""


R = TypeVar("R", bound=DueRow)


def without_down_payments(rows: Iterable[R], down_payment_days: Iterable[date]) -> list[R]:
    """Return the rows that are instalments. A down payment is the first row of its day, one for each payout of that day."""
    down = Counter(down_payment_days)
    found: list[R] = []
    for row in rows:
        if down[row.due_on]:
            down[row.due_on] -= 1
        else:
            found.append(row)
    return found


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """The rows as the book of record knew them from `recorded_at` on.

    `anchor_no` counts versions from 1 and is part of the key of every reminder decision. `effective_on` is the first day
    the version holds for; None means from the start of the loan (a correction, or the first plan).
    """

    anchor_no: int
    rows: tuple[PlanRow, ...]
    """Ascending by due date, then by number."""
    recorded_at: datetime
    effective_on: date | None = None
    given: bool = False
    """The core sent the rows: they stay as they are, also where the contract's interest follows the actual balance."""

    def __post_init__(self) -> None:
        rows = self.rows
        if any(after[1] <= before[1] for before, after in pairwise(rows)):
            object.__setattr__(self, "rows", tuple(sorted(rows, key=lambda row: (row.due_on, row.row_no))))


def version_for(versions: Sequence[PlanVersion], as_of: date, known_at: datetime | None) -> PlanVersion | None:
    """Return the newest version that was known at `known_at` (None: all are) and holds on `as_of`, else None."""
    holding = [
        version
        for version in versions
        if (known_at is None or version.recorded_at <= known_at)
        and (version.effective_on is None or version.effective_on <= as_of)
    ]
    return max(holding, key=lambda version: version.anchor_no, default=None)
