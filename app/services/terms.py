"""What a stored contract means for a loan's position: read once for each contract, plain for a loan that names no terms."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import orjson

from app.domain.caps import cap_for
from app.domain.ceilings import Ceiling
from app.domain.contract_forms import late_terms, read_stored, read_terms, terms_of
from app.domain.contracts import Contract
from app.domain.delinquency import USUAL, DelinquencyRule, Pause
from app.domain.stops import unpacked
from app.domain.terms import PLAIN, LoanTerms, with_stops
from app.persistence.models.lenders import LenderRow
from app.services import base_rates

STATUTORY: Mapping[str, Mapping[str, Any]] = {
    "CN": {"allocation": "cn-civil-code-561", "early_settlement": "actual_period"},
}
"""Terms that hold by law where a contract agrees nothing else, by jurisdiction. PRC Civil Code art. 561 and 677."""


def terms_at_signing(contract: Mapping[str, Any], lender: LenderRow) -> dict[str, Any]:
    """Return the contract with what the law supplies; written into the loan, so a later change here changes no loan."""
    return {**STATUTORY.get(lender.jurisdiction, {}), **contract}


def cap_at_signing(
    contract: Mapping[str, Any],
    disbursed_on: date | None,
    lender: LenderRow,
    *,
    today: date,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the cap on what the loan may cost, as stored with it. Never refuses a loan for it.

    Without a day of signing, the day of disbursement stands for it. What is above the cap is not collected from `today` on,
    or from the day that `before`, what was stored until now, says for the same rate: what was paid earlier stays booked.
    """
    signed_on = read_stored(contract).signed_on or disbursed_on
    cap = cap_for(lender.jurisdiction, lender.licence_kind, signed_on, base_rates.fixings())
    rate = None if cap.annual_rate is None else str(cap.annual_rate)
    since = before.get("kept_from") if before is not None and before.get("annual_rate") == rate else None
    return {
        "status": cap.status,
        "annual_rate": rate,
        "kept_from": None if rate is None else since or today.isoformat(),
        "code": cap.code,
        "fixed_on": None if cap.fixed_on is None else cap.fixed_on.isoformat(),
        "may_bind": cap.may_bind,
    }


class Contracted(Protocol):
    """A loan with its contract; a `LoanRow` has it."""

    @property
    def principal_minor(self) -> int | None: ...  # noqa: D102
    @property
    def disbursed_on(self) -> date | None: ...  # noqa: D102
    @property
    def contract(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def cap(self) -> dict[str, Any] | None: ...  # noqa: D102
    @property
    def stops(self) -> list[list[Any]] | None: ...  # noqa: D102


class KernelTerms(NamedTuple):
    """How a loan is replayed and how its lateness is counted."""

    terms: LoanTerms
    rule: DelinquencyRule
    pauses: Sequence[Pause]


_PLAIN = KernelTerms(PLAIN, USUAL, ())


def kernel_terms(loan: Contracted) -> KernelTerms:
    """Return the terms of a loan. What was stored before a term was known by its name is left aside."""
    cap, stops = loan.cap, loan.stops
    if not loan.contract and not stops and not (cap and cap.get("kept_from")):
        return _PLAIN
    packed = orjson.dumps([loan.contract, cap, stops], option=orjson.OPT_SORT_KEYS)
    return _kernel_terms(packed, loan.principal_minor, loan.disbursed_on)


@lru_cache(maxsize=4096)
def _kernel_terms(packed: bytes, principal_minor: int | None, starts_on: date | None) -> KernelTerms:
    stored, cap, stops = orjson.loads(packed)
    read = read_stored(stored)
    late = late_terms(read, cap)
    terms = terms_of(read, read.contract(principal_minor, starts_on), late, starts_on)
    terms = replace(terms, ceiling=_ceiling(stored, cap, terms, principal_minor))
    return KernelTerms(with_stops(terms, unpacked(stops)) if stops else terms, read.rule, read.pauses)


def _ceiling(
    stored: Mapping[str, Any], cap: Mapping[str, Any] | None, terms: LoanTerms, principal_minor: int | None
) -> Ceiling | None:
    """Return the cap as a replay needs it; None where none is known to apply, or what was lent when is not known."""
    if not cap or not cap.get("kept_from") or not principal_minor or terms.starts_on is None:
        return None
    upfront_minor = stored.get("fees_upfront_minor", 0)
    if not isinstance(upfront_minor, int) or not 0 <= upfront_minor <= principal_minor:
        return None
    later = [(each.on, each.amount_minor) for each in terms.paid_out_later]
    return Ceiling(
        annual_rate=Fraction(cap["annual_rate"]),
        from_on=date.fromisoformat(cap["kept_from"]),
        lent=((terms.starts_on, principal_minor), *later),
        fees_upfront_minor=upfront_minor,
    )


def contract_of(loan: Contracted) -> Contract | None:
    """Return the loan's contract, or None where too little of it is known to make a plan. Raises ValidationError."""
    return read_terms(loan.contract).contract(loan.principal_minor, loan.disbursed_on)
