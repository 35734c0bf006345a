"""What a search for borrowers answers, as values."""

from dataclasses import dataclass, field
from typing import Final

KINDS: Final = (
    "phone",
    "phone_last4",
    "email",
    "loan_no",
    "borrower_no",
    "name",
    "payment_reference",
    "transfer_reference",
)
"""Kinds of words that are looked for. A search that names none tries those that its text can be."""
MOST_HITS = 20
"""Rows of an answer. There are no pages: who has more is told to add a word."""


@dataclass(frozen=True, slots=True)
class BorrowerHit:
    """One borrower in a list. Personal data masked as docs/desk-borrowers.md says."""

    borrower_id: str
    borrower_no: str
    matched_by: list[str]
    """Kinds that found them."""
    name_shown: str | None = field(repr=False)
    """Whole where what was typed names a person; masked where many share it (last four digits, two characters)."""
    phone_masked: str | None
    email_masked: str | None
    locale: str | None
    flags: list[str]
    loans: int
    """Of this lender."""
    active_loans: int
    loan_nos: list[str]
    """Up to three, the active ones first."""
    worst_days_past_due: int
    holds: list[str]
    """Kinds of holds that stand now."""
    open_disputes: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Who was found. `has_more`: there are further ones, or the words are too common to look at all: add another word."""

    hits: list[BorrowerHit]
    kinds: list[str]
    """Kinds that were tried."""
    has_more: bool
