"""Fees that a contract asks for: with every instalment or with the first.

What is kept back from the money paid out is the contract's `fees_upfront`, which no row asks for. Charges levied later (a
bounced payment, a letter) are ledger entries; what lateness costs is in `late_charges.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from app.domain.plans import PlanRow
from app.domain.rounding import Rounding, divide


class FeeBasis(StrEnum):
    """What a fee is worked out from."""

    FLAT = "flat"
    PERCENT_OF_PRINCIPAL = "percent_of_principal"
    """Of all that is lent, what is paid out later included."""
    PERCENT_OF_INSTALMENT_PRINCIPAL = "percent_of_instalment_principal"
    PERCENT_OF_INSTALMENT = "percent_of_instalment"
    """Of the row's principal and interest."""


class FeeDue(StrEnum):
    """With which rows a fee falls due."""

    EACH_INSTALMENT = "each_instalment"
    FIRST_INSTALMENT = "first_instalment"


@dataclass(frozen=True, slots=True)
class Fee:
    """A fee of the contract. `amount_minor` is for FLAT; `share` (a fraction of one) for the others."""

    name: str
    basis: FeeBasis = FeeBasis.FLAT
    due: FeeDue = FeeDue.EACH_INSTALMENT
    amount_minor: int = 0
    share: Fraction = Fraction(0)
    penalty: bool = False
    """Counts among penalties rather than fees."""

    def of(self, row: PlanRow, lent_minor: int, rounding: Rounding = Rounding.HALF_EVEN) -> int:
        """Return what it comes to in one row, in minor units."""
        if self.basis is FeeBasis.FLAT:
            return self.amount_minor
        if self.basis is FeeBasis.PERCENT_OF_PRINCIPAL:
            base = lent_minor
        elif self.basis is FeeBasis.PERCENT_OF_INSTALMENT_PRINCIPAL:
            base = row.due.principal
        else:
            base = row.due.principal + row.due.interest
        return divide(base * self.share.numerator, self.share.denominator, rounding)


def with_fees(
    rows: Sequence[PlanRow], fees: Sequence[Fee], lent_minor: int, rounding: Rounding = Rounding.HALF_EVEN
) -> list[PlanRow]:
    """Return the rows with the contract's fees in them. Source for rows: Fineract, no charge on a down payment (PR 3406)."""
    charged: list[PlanRow] = []
    for index, row in enumerate(rows):
        due = row.due
        for fee in fees:
            if fee.due is FeeDue.EACH_INSTALMENT or index == 0:
                minor = fee.of(row, lent_minor, rounding)
                due = due._replace(penalties=due.penalties + minor) if fee.penalty else due._replace(fees=due.fees + minor)
        charged.append(row._replace(due=due))
    return charged
