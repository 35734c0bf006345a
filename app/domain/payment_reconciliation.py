"""Holding a provider's money against the ledger, to the cent: by payment, and in sums by provider and currency.

Three books speak of one payment: what the provider told us (the intent, the refund), what our ledger holds, and the payout
report that the provider writes for its own accounts. Each pair is compared by the same rule.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.domain.errors import DomainError, ValidationError
from app.domain.money import minor_from_text

REPORT_COLUMNS = ("reference", "kind", "amount", "currency", "paid_on")
"""Of a payout report: the provider's reference of the payment or refund (or ours), `payment` or `refund`, a decimal amount
above nothing, ISO 4217, and the day (ISO 8601). Other columns are left alone; fees are no payments and are not in it."""
PAYMENT, REFUND = KINDS = ("payment", "refund")
_MOST_LINES = 100_000


class Fault(StrEnum):
    """What is wrong with one payment."""

    MISSING_IN_LEDGER = "missing_in_ledger"
    """The provider has it; the ledger does not, or it was reversed there."""
    MISSING_AT_PROVIDER = "missing_at_provider"
    """The ledger has it by that provider's name; the provider does not."""
    MISSING_IN_REPORT = "missing_in_report"
    """The provider told us of it and its own report does not list it."""
    MISSING_HERE = "missing_here"
    """The report lists it and the provider never told us."""
    OTHER_AMOUNT = "other_amount"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Line:
    """One movement in one book. `amount_minor`: above nothing, of a refund too. `keys`: every name it goes by."""

    provider: str
    kind: str
    currency: str
    amount_minor: int
    keys: tuple[str, ...]
    on: date


@dataclass(frozen=True, slots=True)
class Difference:
    """One payment on which two books do not agree. Amounts in minor units; None: that book has none."""

    fault: Fault
    provider: str
    kind: str
    currency: str
    reference: str
    ours_minor: int | None
    theirs_minor: int | None


@dataclass(frozen=True, slots=True)
class Total:
    """Sums of one provider and currency: payments less refunds, in minor units, and how many movements made them."""

    provider: str
    currency: str
    theirs_minor: int
    ours_minor: int
    theirs_count: int
    ours_count: int

    @property
    def is_equal(self) -> bool:
        """Whether the sums agree to the cent."""
        return self.theirs_minor == self.ours_minor


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What two books say of each other; no differences: they are equal, payment by payment."""

    totals: Sequence[Total]
    differences: Sequence[Difference]

    @property
    def is_equal(self) -> bool:
        """Whether the books are equal."""
        return not self.differences and all(total.is_equal for total in self.totals)


def reconcile(theirs: Sequence[Line], ours: Sequence[Line], *, no_ours: Fault, no_theirs: Fault) -> Reconciliation:
    """Compare two books. `no_ours`, `no_theirs`: what it is called when one of them lacks a payment."""
    differences: list[Difference] = []
    by_key: dict[tuple[str, str, str], int] = {}
    for index, line in enumerate(ours):
        for key in line.keys:
            by_key.setdefault((line.provider, line.kind, key), index)
    met: set[int] = set()
    for line in theirs:
        found = next((i for key in line.keys if (i := by_key.get((line.provider, line.kind, key))) is not None), None)
        if found is None:
            differences.append(_difference(no_ours, line, None, line.amount_minor))
        elif found in met:
            differences.append(_difference(Fault.TWICE, line, ours[found].amount_minor, line.amount_minor))
        else:
            met.add(found)
            if (ours[found].amount_minor, ours[found].currency) != (line.amount_minor, line.currency):
                differences.append(_difference(Fault.OTHER_AMOUNT, line, ours[found].amount_minor, line.amount_minor))
    differences += (
        _difference(no_theirs, line, line.amount_minor, None) for index, line in enumerate(ours) if index not in met
    )
    ordered = sorted(differences, key=lambda each: (each.provider, each.currency, each.reference, each.fault))
    return Reconciliation(_totals(theirs, ours), ordered)


def read_report(text: str, provider: str) -> list[Line]:
    """Read a provider's payout report, CSV with a header of `REPORT_COLUMNS`. Raises ValidationError that names the line."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in REPORT_COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ValidationError(f"The report lacks the column {', '.join(missing)}; it has {', '.join(REPORT_COLUMNS)}.")
    lines: list[Line] = []
    for number, row in enumerate(reader, start=2):
        if number > _MOST_LINES:
            raise ValidationError(f"The report has more than {_MOST_LINES} lines; give it by the day.")
        lines.append(_line(row, number, provider))
    return lines


def _line(row: Mapping[str, str | None], number: int, provider: str) -> Line:
    said = {name: (row.get(name) or "").strip() for name in REPORT_COLUMNS}
    try:
        amount_minor = minor_from_text(said["amount"], said["currency"])
        on = date.fromisoformat(said["paid_on"])
    except (DomainError, ValueError) as error:
        raise ValidationError(f"Line {number} of the report: {error}") from None
    if said["kind"] not in KINDS or not said["reference"] or amount_minor <= 0:
        raise ValidationError(f"Line {number} of the report: a reference, payment or refund, and an amount above nothing.")
    return Line(provider, said["kind"], said["currency"], amount_minor, (said["reference"],), on)


def _totals(theirs: Iterable[Line], ours: Iterable[Line]) -> list[Total]:
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for place, lines in enumerate((theirs, ours)):
        for line in lines:
            each = sums[line.provider, line.currency]
            each[place] += line.amount_minor if line.kind == PAYMENT else -line.amount_minor
            each[2 + place] += 1
    return [Total(provider, currency, *sums[provider, currency]) for provider, currency in sorted(sums)]


def _difference(fault: Fault, line: Line, ours_minor: int | None, theirs_minor: int | None) -> Difference:
    return Difference(fault, line.provider, line.kind, line.currency, line.keys[0], ours_minor, theirs_minor)
