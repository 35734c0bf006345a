"""The ledger of a letter: what is asked for, instalment by instalment and component by component, and what it comes to.

A letter that asks for money shows how the sum is made up, and the parts make the sum, to the cent. Here they are held
against the position of the account, which is computed by another path; a letter whose parts do not make it is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from app.domain.letters import refused
from app.domain.splits import Split, total_of


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One instalment that was missed: what is open of it, by component, and how many days it is late."""

    row_no: int
    due_on: date
    days_late: int
    open: Split


@dataclass(frozen=True, slots=True)
class LetterLedger:
    """One loan's ledger as of the end of a day. Amounts are minor units of `currency`; rates are fractions a year."""

    loan_no: str
    currency: str
    as_of: date
    rows: tuple[LedgerRow, ...]
    total: Split
    """What the account says is past due and unpaid."""
    interest_rate: Fraction | None = None
    late_rate: Fraction | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the rows make the total, in every component."""
        return total_of([row.open for row in self.rows]) == self.total


def require_whole(ledgers: Sequence[LetterLedger]) -> None:
    """Refuse a letter whose ledger does not make its sum, or has nothing in it. Raises LetterRefusedError."""
    for ledger in ledgers:
        if not ledger.is_whole:
            raise refused("ledger", f"The ledger of loan {ledger.loan_no} does not make the sum that the account owes.")
    if not any(ledger.rows for ledger in ledgers):
        raise refused("ledger", "Nothing is past due: there is no ledger to show.")
