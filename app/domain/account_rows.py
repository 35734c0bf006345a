"""The rows of an account: what is due, paid and open of each, what was levied on it, and what an entry did to it."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from app.domain.late_charges import ON_TIME, Lateness
from app.domain.splits import NOTHING, Split


class Allocation(NamedTuple):
    """What one entry did to one row. `row_no` None: outside the rows (principal balance, or what had nothing to apply to).

    What of a repayment is not applied is the borrower's money; of a waiver it is nothing.
    """

    entry_id: str
    row_no: int | None
    split: Split
    unapplied_minor: int = 0


class Levied(NamedTuple):
    """A charge on a row that is due on a day of its own."""

    due_on: date
    fees_minor: int
    penalties_minor: int
    entry_id: str


class AccountRow:
    """One row of the plan with what is due, what is open (by component, as in `Split`), and how late it is."""

    __slots__ = (
        "cut",
        "due",
        "due_on",
        "from_on",
        "late",
        "levied",
        "open",
        "paid_on",
        "row_no",
        "stated_interest_minor",
        "stopped_minor",
    )

    def __init__(self, row_no: int, due_on: date, due: Sequence[int], from_on: date | None = None) -> None:
        self.row_no = row_no
        self.due_on = due_on
        self.from_on = from_on
        """First day of its interest; None where no row and no contract says."""
        self.due = list(due)
        self.open = list(due)
        self.late: Lateness = ON_TIME
        self.levied: list[Levied] = []
        self.paid_on: date | None = None
        self.stated_interest_minor = 0
        """What of its interest the core said was paid, or was waived (see `early_settlement.py`)."""
        self.stopped_minor = 0
        """What of its interest the law stopped: it is not in `due`."""
        self.cut = NOTHING
        """What of it is above a cap and was open: it is not in `due` either."""

    @property
    def paid(self) -> Split:
        """What was paid of it."""
        return Split(*(due - still for due, still in zip(self.due, self.open, strict=True)))

    def due_ahead(self, on: date) -> list[int]:
        """Return the open charges that are due by `on` by a day of their own; the earliest of a kind is paid first."""
        if not self.levied:
            return [0, 0, 0, 0]
        fees = sum(each.fees_minor for each in self.levied if each.due_on <= on)
        penalties = sum(each.penalties_minor for each in self.levied if each.due_on <= on)
        return [0, 0, max(fees - self.due[2] + self.open[2], 0), max(penalties - self.due[3] + self.open[3], 0)]

    def add(self, component: int, amount_minor: int) -> None:
        """Make more (or less) of a component due."""
        self.due[component] += amount_minor
        self.open[component] += amount_minor

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AccountRow):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in AccountRow.__slots__)

    __hash__ = None  # type: ignore[assignment]
