"""What of a contract matters once the plan is made: how payments are spread, what lateness costs, how early money counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from app.domain.allocation import STANDARD, Strategy
from app.domain.ceilings import Ceiling
from app.domain.contracts import Contract, Disbursement
from app.domain.late_charges import LateTerms
from app.domain.stops import NOT_STOPPED, Stop, Stopped, stopped_by


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
    stopped: Stopped = NOT_STOPPED
    """Days that bear no interest by law, as known; `late` carries the same."""
    stops: tuple[Stop, ...] = ()
    """All that was ever known of such days."""
    ceiling: Ceiling | None = None
    """The cap of law on what the loan may cost, where one applies."""

    @property
    def paid_out_later_minor(self) -> int:
        """All of it, whether or not its day has come."""
        return sum(each.amount_minor for each in self.paid_out_later)

    def to_be_paid_out_minor(self, as_of: date) -> int:
        """Return what of it is still to come at the end of that day."""
        return sum(each.amount_minor for each in self.paid_out_later if each.on > as_of)


def with_stops(terms: LoanTerms, stops: Sequence[Stop], known_at: datetime | None = None) -> LoanTerms:
    """Return the terms with these stops, as now known (None) or as known at an instant."""
    stopped = stopped_by(stops, known_at)
    late = terms.late if terms.late is None else replace(terms.late, stopped=stopped)
    return replace(terms, late=late, stopped=stopped, stops=tuple(stops))


def known_terms(terms: LoanTerms, known_at: datetime | None) -> LoanTerms:
    """Return the terms with the stops that were known at an instant; None: as they are."""
    return terms if known_at is None or not terms.stops else with_stops(terms, terms.stops, known_at)


def stops_known_at(terms: LoanTerms) -> list[datetime]:
    """Return the instants at which what is known of stops changed."""
    return sorted({at for stop in terms.stops for at in (stop.recorded_at, stop.replaced_at) if at is not None})


PLAIN = LoanTerms()
"""The terms of a loan whose contract names none: rows as given, the oldest first, nothing added for lateness."""
