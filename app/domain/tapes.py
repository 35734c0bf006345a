"""What a core says of its loans on one day (a tape), and the figures in it that ours can be held against.

Facts are kept under the names of docs/import-maps.md, amounts in minor units of the loan's currency. A figure the core does
not give is None and is never guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class TapeValues:
    """What the core says of one loan. `currency` None: amounts are in the loan's."""

    loan_no: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class StandingOrderValues:
    """An order by which a bank pays from an account by itself. `reference` is unique per lender."""

    reference: str
    account_no: str
    amount_minor: int
    currency: str


class DayRange(NamedTuple):
    """Days past due as a core states them: a number (both ends alike) or a band; `most` None has no end."""

    least: int
    most: int | None

    def nearest(self, days: int) -> int:
        """Return the number in the range nearest to `days`."""
        return max(self.least, days if self.most is None else min(days, self.most))


@dataclass(frozen=True, slots=True)
class CoreFigures:
    """The core's figures at the end of `as_of`, in minor units, in the sense of `positions.Position`."""

    as_of: date
    principal_balance_minor: int | None = None
    outstanding_minor: int | None = None
    overdue_minor: int | None = None
    days_past_due: DayRange | None = None


def figures_of(facts: Mapping[str, Any], as_of: date) -> CoreFigures:
    """Return the figures in the facts of a tape.

    outstanding is total_due, else the principal balance with interest_due (and fees_due, penalties_due where given). days
    past due are days_past_due, else the band from days_past_due_from to days_past_due_to. Nothing overdue and no days past
    due are the same thing said once.
    """
    principal, outstanding = facts.get("principal_balance"), facts.get("total_due")
    if outstanding is None and principal is not None and facts.get("interest_due") is not None:
        outstanding = principal + sum(facts.get(name) or 0 for name in ("interest_due", "fees_due", "penalties_due"))
    overdue, days = facts.get("amount_past_due"), _days(facts)
    if overdue == 0 and days is None:
        days = DayRange(0, 0)
    if overdue is None and days == DayRange(0, 0):
        overdue = 0
    return CoreFigures(as_of, principal, outstanding, overdue, days)


def _days(facts: Mapping[str, Any]) -> DayRange | None:
    if (days := facts.get("days_past_due")) is not None:
        return DayRange(days, days)
    if (least := facts.get("days_past_due_from")) is not None:
        return DayRange(least, facts.get("days_past_due_to"))
    return None
