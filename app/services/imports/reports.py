"""What became of a file, for a person and for a program."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LISTED = 1000
"""How many rejected rows and adjustments a report names; the rest is counted. A report must not grow with the file."""
MASK = "•••"


class Rejection(NamedTuple):
    """A row that was not taken in. `row` is its line in the file; the value of a personal column is masked."""

    row: int
    column: str | None
    value: str | None
    reason: str


@dataclass
class ImportReport:
    """Counts by what happened. `read` = accepted + duplicates + rejected + passed over; skipped rows are no data.

    Passed-over rows are data about something else, as the map says; they are shown among the skipped.
    """

    map: str
    lender: str | None = None
    as_of: str | None = None
    sha256: str = ""
    read: int = 0
    duplicates: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    total_minor: int | None = None
    currency: str | None = None
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    """loans_created, plans_changed, payments_recorded, ... : what was written."""
    adjustments: list[dict[str, Any]] = field(default_factory=list)
    differing: int = 0
    """Loans of a tape on which the core's newest figures are not ours; `flask book mismatches` lists them."""

    def reject(self, row: int, column: str | None, value: str | None, reason: str) -> None:
        """Count a row that is not taken in, and name it while there is room."""
        self.rejected += 1
        if len(self.rejections) < LISTED:
            self.rejections.append(Rejection(row, column, value, reason))

    def add(self, batch: "ImportReport") -> None:
        """Add what became of one batch."""
        self.done += batch.done
        self.rejected += batch.rejected
        self.differing += batch.differing
        self.rejections += batch.rejections[: LISTED - len(self.rejections)]
        self.adjustments += batch.adjustments[: LISTED - len(self.adjustments)]

    @property
    def accepted(self) -> int:
        """Rows that were taken in."""
        return self.read - self.duplicates - self.rejected - self.passed_over.total()

    def counts(self) -> dict[str, Any]:
        """Return the counts alone, as the run is stored."""
        return {
            "read": self.read,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "skipped": dict(sorted((self.skipped + self.passed_over).items())),
            "total_minor": self.total_minor,
            "done": dict(sorted(self.done.items())),
            "differing": self.differing,
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "map": self.map,
            "lender": self.lender,
            "as_of": self.as_of,
            "sha256": self.sha256,
            "currency": self.currency,
            **self.counts(),
            "rejections": [rejection._asdict() for rejection in self.rejections],
            "adjustments": self.adjustments,
        }
