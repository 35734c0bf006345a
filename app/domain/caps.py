"""Caps of law on what a loan may cost: on the sum of interest, overdue interest and fees, never on each alone.

One is known here: in mainland China a private lender may ask four times the one-year loan prime rate (LPR) that held when
the contract was signed. Sources: Supreme People's Court, provisions on private lending (second amendment of 2020), art. 1
(scope), 25 (agreed rate), 28 and 29 (overdue interest, damages and fees under the same cap), 31 (earlier contracts); its
reply on the scope, in force from 2021-01-01. Where nothing is known, nothing is claimed: the status is `unknown`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from app.domain.errors import ValidationError

YEAR_DAYS = 365
OVER_CAP = "over_cap"
"""The kind of task of a loan that asks more than its cap allows, and of the follow-up that looks at a loan's cap."""
CAP_UNKNOWN = "cap_unknown"
"""The kind of task of a loan whose cap may bind and is not known."""
APPLIES, OUTSIDE, UNKNOWN = "applies", "outside", "unknown"


class Fixing(NamedTuple):
    """A published LPR: fractions per year. It holds from the whole of its day until the next fixing."""

    fixed_on: date
    one_year: Decimal
    five_year: Decimal


@dataclass(frozen=True, slots=True)
class CapRule:
    """The figures of the Chinese rule, each with its source."""

    factor: int = 4
    """Art. 25."""
    from_on: date = date(2020, 8, 20)
    """Art. 31: earlier contracts are judged by when a claim was filed."""
    scope_from_on: date = date(2021, 1, 1)
    """The reply that counts seven kinds of local financial organisation as licensed."""
    stale_after: timedelta = timedelta(days=45)
    """Fixings are monthly: a longer gap means that one is missing from the table."""


CN_RULE = CapRule()
CN_SOURCE = "SPC provisions on private lending (2nd amendment of 2020), art. 25, 28, 29"
CN_SCOPE_SOURCE = "SPC provisions on private lending (2nd amendment of 2020), art. 1; SPC reply in force from 2021-01-01"
CN_EARLIER_SOURCE = "SPC provisions on private lending (2nd amendment of 2020), art. 31"

PRIVATE_LENDER = "private_lender"
FINANCIAL_INSTITUTIONS = frozenset({"bank", "consumer_finance"})
LOCAL_FINANCIAL_ORGANISATIONS = frozenset(
    {
        "micro_loan",
        "microloan",
        "financing_guarantee",
        "regional_equity_market",
        "pawn",
        "leasing",
        "factoring",
        "local_amc",
    }
)
"""The seven kinds of the reply; `microloan` is another spelling of the first."""


@dataclass(frozen=True, slots=True)
class Cap:
    """What the law says of one loan. `annual_rate` is a fraction, present only where the cap `applies`."""

    status: str
    """applies, outside (the rule does not govern this lender), or unknown."""
    annual_rate: Decimal | None
    source: str | None
    """The paragraph, where there is one."""
    reason: str
    """Why so, or what is missing, for people; English."""
    code: str
    """The same for machines: one of `CODES`."""
    fixed_on: date | None = None
    """The day of the fixing that the cap is made from."""
    may_bind: bool = False
    """A cap may govern but its figure is missing: then overdue interest of our own computing is not collected."""
    facts: Mapping[str, str | date] = field(default_factory=dict, compare=False)
    """What the reason names, by name, for its words in other languages."""
    is_of_fixing_day: bool = False
    """Signed on the day of the fixing: the new rate counts for the whole of that day."""


CODES = (
    "four-times-lpr",
    "licensed-lender",
    "no-rule-on-record",
    "licence-kind-unclear",
    "signing-date-missing",
    "signed-before-rule",
    "scope-unsettled",
    "fixing-missing",
    "fixing-stale",
)


@dataclass(frozen=True, slots=True)
class CapCheck:
    """Whether a sum keeps a cap; all None where no cap is known to apply."""

    most_minor: int | None
    """The most that may be charged, rounded down: a fraction of a unit more would be above the cap."""
    excess_minor: int | None
    """How much of the sum is above it; 0 where it is kept."""

    @property
    def is_kept(self) -> bool | None:
        """Whether nothing is above the cap; None: not known."""
        return None if self.excess_minor is None else self.excess_minor == 0


def cap_for(
    jurisdiction: str,
    licence_kind: str,
    signed_on: date | None,
    fixings: Sequence[Fixing],
    rule: CapRule = CN_RULE,
) -> Cap:
    """Return the cap of a loan by its lender and the day it was signed. Never raises: a loan is not refused for it.

    `jurisdiction` is an ISO 3166 country, or EU. `fixings` may be in any order, and may be empty.
    """
    if jurisdiction != "CN":
        reason = f"No cap is on record for jurisdiction {jurisdiction}."
        return Cap(UNKNOWN, None, None, reason, "no-rule-on-record", facts={"jurisdiction": jurisdiction})
    if licence_kind in FINANCIAL_INSTITUTIONS:
        return _licensed()
    if licence_kind not in (PRIVATE_LENDER, *LOCAL_FINANCIAL_ORGANISATIONS):
        reason = f"Licence kind {licence_kind!r} does not say whether the rule on private lending governs."
        return _may_bind(CN_SCOPE_SOURCE, "licence-kind-unclear", reason, licence_kind=licence_kind)
    if signed_on is None:
        source = CN_SOURCE if licence_kind == PRIVATE_LENDER else CN_SCOPE_SOURCE
        return _may_bind(source, "signing-date-missing", "The day of signing is not recorded.")
    if licence_kind != PRIVATE_LENDER:
        if signed_on >= rule.scope_from_on:
            return _licensed()
        reason = f"Whether this lender counts as licensed is settled for contracts from {rule.scope_from_on} on only."
        return _may_bind(CN_SCOPE_SOURCE, "scope-unsettled", reason, from_on=rule.scope_from_on)
    if signed_on < rule.from_on:
        reason = f"Contracts signed before {rule.from_on} are judged by when a claim was filed, which is not recorded."
        return _may_bind(CN_EARLIER_SOURCE, "signed-before-rule", reason, from_on=rule.from_on)
    return _four_times(signed_on, fixings, rule)


def within_cap(cap: Cap, charged_minor: int, principal_days: int) -> CapCheck:
    """Return the most that may be charged and what is above it.

    `charged_minor` is the sum of interest, overdue interest, fees and penalties. `principal_days` adds up the outstanding
    principal in minor units over the days it was outstanding; a year has 365. Raises ValidationError for negative values.
    """
    if charged_minor < 0 or principal_days < 0:
        raise ValidationError("What is charged and the principal over its days must not be negative.")
    if cap.annual_rate is None:
        return CapCheck(None, None)
    most_minor = int(Fraction(cap.annual_rate) * principal_days / YEAR_DAYS)
    return CapCheck(most_minor, max(charged_minor - most_minor, 0))


def principal_days(advances: Sequence[tuple[date, int]], repayments: Sequence[tuple[date, int]]) -> int:
    """Return the principal in minor units, added up over the days it is outstanding: what `within_cap` wants.

    What is repaid on a day is outstanding until the day before. Repaying more than is outstanding leaves 0, not less.
    """
    moves = sorted([(on, amount_minor) for on, amount_minor in advances] + [(on, -minor) for on, minor in repayments])
    balance = total = 0
    for (on, amount_minor), (until, _) in pairwise(moves):
        balance += amount_minor
        total += max(balance, 0) * (until - on).days
    return total


def capped_late_rate(contract_rate: Decimal, late_rate: Decimal | None, cap: Cap) -> Decimal | None:
    """Return the annual rate of overdue interest that may be collected: the late rate agreed, else the contract's (art. 28).

    A cap that applies bounds it; where one may bind that cannot be worked out, nothing of our own computing is collected,
    which is None. The bound on the rate is not the whole rule: `within_cap` bounds the sum.
    """
    if cap.may_bind:
        return None
    agreed = contract_rate if late_rate is None else late_rate
    return agreed if cap.annual_rate is None else min(agreed, cap.annual_rate)


def _licensed() -> Cap:
    reason = "Licensed lenders are outside the rule on private lending."
    return Cap(OUTSIDE, None, CN_SCOPE_SOURCE, reason, "licensed-lender")


def _may_bind(source: str, code: str, reason: str, **facts: str | date) -> Cap:
    return Cap(UNKNOWN, None, source, reason, code, may_bind=True, facts=facts)


def fixing_on(fixings: Sequence[Fixing], on: date) -> Fixing | None:
    """Return the newest fixing published on or before that day, of fixings in any order; None when there was none."""
    return max((fixing for fixing in fixings if fixing.fixed_on <= on), default=None)


def multiple_of(fixing: Fixing, factor: Decimal | int = CN_RULE.factor) -> Decimal:
    """Return the annual rate, a fraction, of so many times the one-year rate."""
    return fixing.one_year * factor


def _four_times(signed_on: date, fixings: Sequence[Fixing], rule: CapRule) -> Cap:
    fixing = fixing_on(fixings, signed_on)
    if fixing is None:
        return _may_bind(CN_SOURCE, "fixing-missing", "The table of fixings has none for the day of signing.")
    if signed_on - fixing.fixed_on > rule.stale_after:
        reason = f"The newest fixing known for the day of signing is of {fixing.fixed_on}, too old to rely on."
        return _may_bind(CN_SOURCE, "fixing-stale", reason, fixed_on=fixing.fixed_on)
    reason = f"Four times the one-year LPR of {fixing.fixed_on}, which held on the day of signing."
    same_day = signed_on == fixing.fixed_on
    if same_day:
        # Published at 09:00 (before 2024-07-22: 09:15). A contract signed earlier that morning is not told apart.
        reason += " Signed on the day of the fixing: the new rate counts for the whole of that day."
    return Cap(
        APPLIES,
        multiple_of(fixing, rule.factor),
        CN_SOURCE,
        reason,
        "four-times-lpr",
        fixing.fixed_on,
        facts={"fixed_on": fixing.fixed_on},
        is_of_fixing_day=same_day,
    )
