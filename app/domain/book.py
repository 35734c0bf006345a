"""What a lender's core system tells us: lenders, borrowers, loans, plans and payments, as values of any door.

Files and the ingest API both turn into these, so a rule about the book is written once. Amounts are minor units; an
absent value is None and is never guessed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.domain.account_rows import Allocation
from app.domain.allocation import Surplus
from app.domain.consents import ConsentValues
from app.domain.errors import ValidationError
from app.domain.ledger import EntryKind
from app.domain.plans import PlanRow
from app.domain.splits import Split

BORROWER_FLAGS = ("deceased", "insolvent", "represented", "no_contact", "minor_or_unverified")
"""Restrictions a core may send; each stops reminders under the reason of its name."""

LOAN_STATUSES = ("active", "closed", "written_off", "cancelled")

PRODUCT_KINDS = ("instalment", "revolving", "hcstc", "single_payment", "secured_vehicle")
"""Kinds of credit by the law packs' words; hcstc: high-cost short-term credit."""

LENDER_ROLES = ("first_party", "third_party_collector")
"""Who asks for the money: the creditor (or who services in its name), or an outside collector."""

LICENCE_ROLES = ("lender", "guarantor", "platform", "collector")
"""What an institution is to the borrower by its licence."""

LONGEST: Mapping[str, int] = {
    "code": 64,
    "borrower_no": 64,
    "loan_no": 64,
    "reference": 120,
    "reverses_reference": 120,
    "name": 200,
    "email": 254,
    "national_id": 64,
    "locale": 16,
    "officer": 120,
    "product": 80,
    "channel": 40,
    "bank_reference": 120,
    "note": 500,
    "licence_kind": 40,
    "licence_no": 120,
    "regulator": 200,
    "complaints_contact": 200,
    "role_reason": 400,
    "legal_name": 200,
    "licence_role": 16,
}
"""How many characters a text of the book may have, by the name of its field; the tables hold no more."""
LONGEST_ADDRESS_LINE = 200

_NUMBERS = frozenset({"code", "borrower_no", "loan_no", "reference", "reverses_reference"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE = re.compile(r"[\t\n\r\x85\u2028\u2029]")


def check_texts(values: object) -> None:
    """Check every text that `values` has under a name of `LONGEST`, and address lines. Raises ValidationError."""
    for name in LONGEST:
        text = getattr(values, name, None)
        if isinstance(text, str):
            check_text(name, text)
    for line in getattr(values, "address_lines", ()):
        check_text("address_lines", line, LONGEST_ADDRESS_LINE)


def check_text(name: str, text: str, most: int | None = None) -> None:
    """Refuse a text that is too long or has control characters; a number is one line. Raises ValidationError without it."""
    most = most or LONGEST[name]
    if len(text) > most:
        raise ValidationError(f"{name} is longer than {most} characters.")
    if text.isprintable():
        return
    if _CONTROL.search(text):
        raise ValidationError(f"{name} has a control character in it.")
    if name in _NUMBERS and _LINE.search(text):
        raise ValidationError(f"{name} has an end of line or a tab in it.")


@dataclass(frozen=True, slots=True)
class LenderValues:
    """A lender with its licence block. `jurisdiction` is an ISO 3166 country or EU."""

    code: str
    name: str
    jurisdiction: str
    zone: str
    currency: str
    locale: str = "en"
    licence_kind: str = "unstated"
    licence_no: str | None = None
    regulator: str | None = None
    complaints_contact: str | None = None
    role: str | None = None
    """One of LENDER_ROLES; None: nobody said, and the stricter reading (third party) holds."""
    role_reason: str | None = None
    """Why it is first party; asked for with that role."""
    legal_name: str | None = None
    """As the licence says; None: `name` stands for it."""
    licence_role: str | None = None
    """One of LICENCE_ROLES; None: nobody said."""
    licensed_from: date | None = None
    licensed_until: date | None = None
    """Last day of the licence; None: it has no last day, or nobody said."""


@dataclass(frozen=True, slots=True)
class BorrowerValues:
    """A borrower as the core knows them. `phone` is E.164. Personal fields never appear in logs or errors."""

    borrower_no: str
    name: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    national_id: str | None = field(default=None, repr=False)
    address_lines: tuple[str, ...] = field(default=(), repr=False)
    country: str | None = None
    locale: str | None = None
    zone: str | None = None
    officer: str | None = None
    consents: Mapping[str, bool] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    purpose_consents: tuple[ConsentValues, ...] = ()
    """Consents to more than being contacted on a channel, which `consents` says."""


@dataclass(frozen=True, slots=True)
class LoanValues:
    """A loan with its contract. `recorded_at` None: known now. `zone` None: the lender's."""

    loan_no: str
    borrower_no: str
    currency: str
    principal_minor: int | None = None
    zone: str | None = None
    product: str | None = None
    status: str = "active"
    disbursed_on: date | None = None
    maturity_on: date | None = None
    contract: Mapping[str, Any] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    recorded_at: datetime | None = None
    product_kind: str | None = None
    """One of PRODUCT_KINDS; None: nobody said."""
    autopay: bool = False
    """A payment is expected to be drawn by itself when an instalment is due."""


@dataclass(frozen=True, slots=True)
class PlanValues:
    """A whole plan of one loan as given. `effective_on` None: from the start of the loan."""

    loan_no: str
    rows: tuple[PlanRow, ...]
    recorded_at: datetime | None = None
    effective_on: date | None = None


@dataclass(frozen=True, slots=True)
class PaymentValues:
    """One payment, reversal, waiver, refund or charge. `reference` is unique per lender and makes it idempotent.

    `recorded_at` None: known now. `row_no` and `split` are trusted when the source gives them. `due_on` is a charge's
    own day; `surplus` what the payer chose for money that is more than what is due.
    """

    reference: str
    loan_no: str
    amount_minor: int
    currency: str
    effective_on: date
    kind: EntryKind = EntryKind.REPAYMENT
    recorded_at: datetime | None = None
    row_no: int | None = None
    split: Split | None = None
    reverses_reference: str | None = None
    channel: str | None = None
    bank_reference: str | None = None
    note: str | None = None
    due_on: date | None = None
    surplus: Surplus | None = None


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of something put: neither `created` nor `changed` means it was the same again."""

    id: str
    created: bool = False
    changed: bool = False
    conflicts: tuple[str, ...] = ()
    """What was kept apart, by name: `phone-in-use` (another borrower signs in with that phone), `opt-out-kept`
    (the borrower refused to us what the source says is given), `contact-change-kept` (contact data were
    changed here with proof, and the source repeats what they were before)."""


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """What became of a payment: recorded, duplicate (sent before, nothing changed) or unmatched (kept for its loan)."""

    status: str
    entry_id: str | None = None
    loan_id: str | None = None
    allocations: tuple[Allocation, ...] = ()
