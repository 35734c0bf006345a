"""A lender's licence as it is shown to borrowers: what it says, which rule on rates governs it, and what is wrong with it.

A licence that is over, or of which something is not known, is shown with that said beside it, never left out. Source of the
block's content: the study of contact law §6 (what a licence block should show); rules on rates as in `caps.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.domain.caps import (
    CN_SCOPE_SOURCE,
    CN_SOURCE,
    FINANCIAL_INSTITUTIONS,
    LOCAL_FINANCIAL_ORGANISATIONS,
    PRIVATE_LENDER,
)

FLAGS: Mapping[str, str] = {
    "kind-unstated": "The kind of licence is not recorded.",
    "number-missing": "The number of the licence is not recorded.",
    "regulator-missing": "The authority that supervises the institution is not recorded.",
    "complaints-missing": "Where to complain is not recorded.",
    "role-missing": "What the institution is to the borrower (lender, guarantor, platform, collector) is not recorded.",
    "validity-missing": "From when the licence is valid is not recorded.",
    "not-yet-valid": "The licence is not valid yet.",
    "expired": "The licence is over.",
}
"""What may be wrong, for machines and for people."""

RATE_RULES: Mapping[str, tuple[str, str | None, str]] = {
    "four-times-lpr": (
        "Interest, overdue interest and fees together: at most four times the one-year LPR of the day of signing.",
        CN_SOURCE,
        "primary",
    ),
    "licensed-lender": (
        "Outside the rule on private lending; the rate is the market's. That courts lower above 24 % a year is recalled.",
        CN_SCOPE_SOURCE,
        "primary",
    ),
    "kind-unclear": (
        "Whether the rule on private lending governs is not told by the kind of licence.",
        CN_SCOPE_SOURCE,
        "primary",
    ),
    "no-rule-on-record": ("No rule on the rate is on record for this jurisdiction.", None, "recalled"),
}
"""Code -> the rule that governs the rate, its paragraph, how well it was read."""
NO_LICENCE_NEEDED = frozenset({PRIVATE_LENDER})
"""Kinds that lend without a licence: for them a missing number, regulator or validity is no fault."""


@dataclass(frozen=True, slots=True)
class Licence:
    """What is on record of a lender's licence; None: nobody said."""

    lender_code: str
    legal_name: str
    kind: str
    number: str | None
    regulator: str | None
    complaints_contact: str | None
    jurisdiction: str
    role: str | None
    valid_from: date | None
    valid_until: date | None
    """Last day."""

    def flags(self, today: date) -> tuple[str, ...]:
        """Return what is wrong with it on a day: codes of `FLAGS`, in their order."""
        needs = self.kind not in NO_LICENCE_NEEDED
        wrong = {
            "kind-unstated": self.kind == "unstated",
            "number-missing": needs and not self.number,
            "regulator-missing": needs and not self.regulator,
            "complaints-missing": not self.complaints_contact,
            "role-missing": self.role is None,
            "validity-missing": needs and self.valid_from is None,
            "not-yet-valid": self.valid_from is not None and today < self.valid_from,
            "expired": self.valid_until is not None and self.valid_until < today,
        }
        return tuple(code for code in FLAGS if wrong[code])

    @property
    def rate_rule(self) -> str:
        """Which rule on rates governs a lender of this kind today: a code of `RATE_RULES`."""
        if self.jurisdiction != "CN":
            return "no-rule-on-record"
        if self.kind == PRIVATE_LENDER:
            return "four-times-lpr"
        if self.kind in FINANCIAL_INSTITUTIONS | LOCAL_FINANCIAL_ORGANISATIONS:
            return "licensed-lender"
        return "kind-unclear"
