"""Early settlement for the actual period: who pays a loan back early owes interest up to that day only.

Interest of rows not yet due is earned pro rata of their days. Once what is still open is no more than what is not earned,
the loan is paid back: the unearned interest is dropped, and what was paid of it ahead counts for the rest. So it makes no
difference in how many parts the money came. Source: PRC Civil Code art. 677.
"""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from app.domain.stops import Span, days_within


class InterestRow(Protocol):
    """What is needed of a row: its days, and by component what is due and what is open."""

    due_on: date
    due: list[int]
    open: list[int]

    @property
    def from_on(self) -> date | None:
        """First day of its interest; None: not known, so nothing of it is earned before its due date."""

    @property
    def stated_interest_minor(self) -> int:
        """What of its interest the core said was paid, or was waived: it is never given back."""


def interest_days(from_on: date, on: date, stopped: Sequence[Span] = ()) -> int:
    """Return for how many days interest is owed by who pays back on `on`, which bears none, nor do stopped ones."""
    return (on - from_on).days - days_within(stopped, from_on, on)


def interest_kept(row: InterestRow, on: date, stopped: Sequence[Span] = ()) -> int:
    """Return what of a row's interest stays owed when the loan is paid back on that day, in minor units, rounded up.

    `stopped` are the days that bear none, which `due` has without them.
    """
    if row.due_on <= on or not row.due[1]:
        return row.due[1]
    earned = 0
    if row.from_on is not None and row.from_on < on:
        bearing = interest_days(row.from_on, row.due_on, stopped)
        earned = -(-row.due[1] * interest_days(row.from_on, on, stopped) // bearing) if bearing else 0
    stated = min(row.stated_interest_minor, row.due[1] - row.open[1])
    return min(max(earned, stated), row.due[1])


def paid_back(rows: Sequence[InterestRow], on: date, stopped: Sequence[Span] = ()) -> bool:
    """Whether what is open is no more than the interest that is not earned by that day."""
    still_open = sum(sum(row.open) for row in rows)
    if still_open > sum(row.due[1] for row in rows if row.due_on > on):
        return False  # nearly every payment, so nothing is worked out for it
    return still_open <= sum(row.due[1] - interest_kept(row, on, stopped) for row in rows if row.due_on > on)


def drop_unearned(rows: Sequence[InterestRow], on: date, stopped: Sequence[Span] = ()) -> dict[int, int]:
    """Take the unearned interest off the rows; return, by index of row, what had been paid of it, in minor units."""
    paid_ahead: dict[int, int] = {}
    for index, row in enumerate(rows):
        if row.due_on > on:
            kept, paid = interest_kept(row, on, stopped), row.due[1] - row.open[1]
            row.due[1], row.open[1] = kept, max(kept - paid, 0)
            if paid > kept:
                paid_ahead[index] = paid - kept
    return paid_ahead
