"""The statement of all that a loan costs: each item with its amount, how and by what standard it is taken, and by whom.

What is paid when the loan is paid on time stands apart from what only lateness brings. Fees that partners take are in it,
and in the annualised all-in rate. Source: NFRA and PBOC, Jin Gui [2026] No. 2, in force 2026-08-01 for new business (read in
five renderings, the text itself not).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from app.domain.charges import Fee, FeeBasis, FeeDue
from app.domain.errors import ValidationError
from app.domain.late_charges import LateTerms
from app.domain.plans import PlanRow
from app.domain.rates import AnnualisedRate, Flow, annualised_rate, flows_of_plan, percent, rounded

SOURCE = "NFRA and PBOC, Jin Gui [2026] No. 2"
EVIDENCE = "rendering"
IN_FORCE_FROM = date(2026, 8, 1)
"""For new business; shown of earlier loans too, which do not owe it."""

STANDARDS = (
    "as-planned", "rate-on-balance", "kept-back", "fixed", "share-of-principal", "share-of-instalment-principal",
    "share-of-instalment", "partner", "rate-when-late", "fee-when-late",
)  # fmt: skip
WAYS = ("instalments", "first_instalment", "upfront", "when_late", "at_partner")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the statement. `amount_minor` None: it depends on how late, or on figures that are not recorded."""

    name: str
    amount_minor: int | None
    way: str
    """One of `WAYS`."""
    standard: str
    """By what it is worked out: one of `STANDARDS`; `facts` has its figures."""
    collector: str | None
    """Who takes it; None: the lender."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Figures of the standard, as written: rates in per cent, days."""
    is_contingent: bool = False
    """Only lateness brings it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Items paid in normal performance, then contingent ones, and the annualised cost of the first in all."""

    items: tuple[Item, ...]
    contingent: tuple[Item, ...]
    annualised: AnnualisedRate | None
    """None: no rate can be made of the flows."""

    @property
    def total_minor(self) -> int:
        """All that is paid beside the principal in normal performance."""
        return sum(item.amount_minor or 0 for item in self.items)


@dataclass(frozen=True, slots=True)
class PartnerFee:
    """A fee that another firm takes for the loan, as the lender's core says. `on` None: with the payout."""

    name: str
    amount_minor: int
    collector: str
    on: date | None = None


def partner_fees(stored: Any) -> tuple[PartnerFee, ...]:
    """Read the contract's `partner_fees`; what cannot be read is left out. Raises nothing."""
    found: list[PartnerFee] = []
    for each in stored if isinstance(stored, list) else ():
        try:
            on = date.fromisoformat(each["on"]) if each.get("on") else None
            amount = each["amount_minor"]
            if isinstance(amount, int) and not isinstance(amount, bool) and amount >= 0:
                found.append(PartnerFee(str(each["name"])[:80], amount, str(each["collector"])[:200], on))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def all_in_statement(
    lent: tuple[date, int],
    fees_upfront_minor: int,
    rows: Sequence[PlanRow],
    fees: Sequence[Fee],
    partners: Sequence[PartnerFee],
    late: LateTerms | None,
    nominal: str | None,
) -> Statement:
    """Return the statement of a loan paid as planned. `nominal`: its nominal rate in per cent, as written."""
    standard = "as-planned" if nominal is None else "rate-on-balance"
    facts = {} if nominal is None else {"rate": nominal}
    items = [Item("interest", sum(row.due.interest for row in rows), "instalments", standard, None, facts)]
    if fees_upfront_minor:
        items.append(Item("fees_upfront", fees_upfront_minor, "upfront", "kept-back", None))
    named = [_fee(each, rows, lent[1]) for each in fees if not each.penalty]
    rest = sum(row.due.fees for row in rows) - sum(item.amount_minor or 0 for item in named)
    if rest < 0:  # the plan as given has not the contract's fees: it says what is really asked
        named, rest = [], sum(row.due.fees for row in rows)
    items += [item for item in named if item.amount_minor]
    if rest > 0:
        items.append(Item("fees", rest, "instalments", "as-planned", None))
    items += [Item(each.name, each.amount_minor, "at_partner", "partner", each.collector) for each in partners]
    return Statement(tuple(items), tuple(_when_late(late)), _annualised(lent, fees_upfront_minor, rows, partners))


def _annualised(
    lent: tuple[date, int], fees_upfront_minor: int, rows: Sequence[PlanRow], partners: Sequence[PartnerFee]
) -> AnnualisedRate | None:
    flows = [*flows_of_plan([lent], fees_upfront_minor, rows)]
    flows += [Flow(each.on or lent[0], -each.amount_minor) for each in partners]
    try:
        return annualised_rate(flows)
    except ValidationError:
        return None


def _fee(fee: Fee, rows: Sequence[PlanRow], lent_minor: int) -> Item:
    is_first = fee.due is FeeDue.FIRST_INSTALMENT
    amount = sum(fee.of(row, lent_minor) for row in (rows[:1] if is_first else rows))
    facts = {} if fee.basis is FeeBasis.FLAT else {"share": _percent(fee.share)}
    return Item(fee.name, amount, "first_instalment" if is_first else "instalments", _STANDARD_OF[fee.basis], None, facts)


_STANDARD_OF: Mapping[FeeBasis, str] = {
    FeeBasis.FLAT: "fixed",
    FeeBasis.PERCENT_OF_PRINCIPAL: "share-of-principal",
    FeeBasis.PERCENT_OF_INSTALMENT_PRINCIPAL: "share-of-instalment-principal",
    FeeBasis.PERCENT_OF_INSTALMENT: "share-of-instalment",
}


def _when_late(late: LateTerms | None) -> list[Item]:
    """Return what lateness brings; its sum depends on how late."""
    found: list[Item] = []
    if late is None:
        return found
    if late.annual_rate:
        facts = {"rate": _percent(late.annual_rate), "base": late.base.value, "days": str(late.grace_days)}
        if late.cap_rate is not None:
            facts["most"] = _percent(late.cap_rate)
        found.append(Item("overdue_interest", None, "when_late", "rate-when-late", None, facts, is_contingent=True))
    if late.fee_named:
        facts = {"days": str(late.fee_after_days), "base": late.fee_base.value}
        if late.fee_share:
            facts["share"] = _percent(late.fee_share)
        found.append(Item("late_fee", late.fee_minor or None, "when_late", "fee-when-late", None, facts, is_contingent=True))
    return found


def _percent(share: Fraction) -> str:
    return f"{percent(rounded(share)).normalize():f}"
