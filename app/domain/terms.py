"""What of a contract matters once the plan is made: how payments are spread, what lateness costs, how early money counts."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.allocation import STANDARD, Strategy
from app.domain.contracts import Contract, Disbursement
from app.domain.late_charges import LateTerms


class EarlySettlement(StrEnum):
    """What interest is owed by who pays everything back early."""

    AS_PLANNED = "as_planned"
    """All rows as they stand."""
    ACTUAL_PERIOD = "actual_period"
    """Interest up to the day of payment only. Source: PRC Civil Code art. 677."""


@dataclass(frozen=True, slots=True)
class LoanTerms:
    """How a loan's history is replayed. `contract` is set where interest follows the balance really owed."""

    strategy: Strategy = STANDARD
    late: LateTerms | None = None
    early_settlement: EarlySettlement = EarlySettlement.AS_PLANNED
    contract: Contract | None = None
    remembers_arrears: bool = False
    """Whether a position must know how late rows were that are paid by now (see `delinquency.Cure`)."""
    paid_out_later: tuple[Disbursement, ...] = ()
    """What is lent on top of the loan's principal, each part from its day on."""

    starts_on: date | None = None
    """First day of the first row's interest; None: not known."""
    settles_from: date | None = None
    """First day whose money may settle the loan early: earlier money counts as it did under the plan before. None: any."""
    down_payment_days: tuple[date, ...] = ()
    """The days on which down payments fall due; no charge falls due with one."""

    @property
    def paid_out_later_minor(self) -> int:
        """All of it, whether or not its day has come."""
        return sum(each.amount_minor for each in self.paid_out_later)

    def to_be_paid_out_minor(self, as_of: date) -> int:
        """Return what of it is still to come at the end of that day."""
        return sum(each.amount_minor for each in self.paid_out_later if each.on > as_of)


PLAIN = LoanTerms()
"""The terms of a loan whose contract names none: rows as given, the oldest first, nothing added for lateness."""
