"""What a credit report says of one loan on its as-of date, as a value of any format: Metro 2 and PBOC are written from it.

Everything is stated, nothing looked up later: a month's values are frozen as they are, and the files of that month can be
written again to the byte. Amounts are minor units of `currency`; a fact that is not known is None and never guessed.
Personal data is apart, in `CreditConsumer`, so that it can be kept sealed (`facts_of`, `consumers_of`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

HISTORY_MONTHS = 24
"""Months of a Metro 2 payment history. Source: contact-law study §7 (moov-io/metro2 base_segment.go)."""
MONTH_CODES = 60
"""Months of status codes that a PBOC report shows: five years (regulation on the credit industry, article 16)."""


class Standing(StrEnum):
    """What has become of the loan; how late an open one is follows from its days past due."""

    OPEN = "open"
    IN_COLLECTION = "in_collection"
    """Given to people whose work is collection, inside or outside."""
    CHARGED_OFF = "charged_off"
    """Given up as lost in the lender's books; owed still."""
    REPOSSESSED = "repossessed"
    SURRENDERED = "surrendered"
    """The thing pledged was given back of the borrower's own will."""
    PAID = "paid"
    SETTLED = "settled"
    """Closed for less than was owed; the rest was given up."""
    TRANSFERRED = "transferred"
    """Sold or moved to another holder; nothing is owed to this one."""
    DELETED = "deleted"
    DELETED_FRAUD = "deleted_fraud"


CLOSED = frozenset({Standing.PAID, Standing.SETTLED, Standing.TRANSFERRED})
"""Nothing is owed here any more."""
LOSSES = frozenset({Standing.IN_COLLECTION, Standing.CHARGED_OFF, Standing.REPOSSESSED, Standing.SURRENDERED})
"""Derogatory whatever the days past due."""
BANKRUPT = frozenset("ABCDEFGHZ") | {"1A", "V", "W", "X", "Y"}
"""Indicators that give a current account a date of first delinquency, the petition's. Source: base_segment.go, field 25."""
DELETED = frozenset({Standing.DELETED, Standing.DELETED_FRAUD})


class Arrangement(StrEnum):
    """A way to pay that was agreed beside the contract; the reports remark on it."""

    PLAN = "plan"
    """Paying under a partial or modified plan of payment."""
    FORBEARANCE = "forbearance"
    DEFERRED = "deferred"
    DISASTER = "disaster"
    """Affected by a natural or declared disaster."""


class FiveGrade(StrEnum):
    """Class of a loan by risk, with the code of the PBOC records (codes recalled, unread: 1 to 5 in this order)."""

    NORMAL = "1"
    SPECIAL_MENTION = "2"
    SUBSTANDARD = "3"
    DOUBTFUL = "4"
    LOSS = "5"


class OverduePrincipal(NamedTuple):
    """Principal overdue by its own age in days past due, in minor units; `to_30` is not reported but makes the sum whole."""

    to_30: int = 0
    from_31_to_60: int = 0
    from_61_to_90: int = 0
    from_91_to_180: int = 0
    over_180: int = 0


class CreditAddress(NamedTuple):
    """Where a consumer lives; `region` is a state's two letters in the US."""

    line_1: str
    city: str
    region: str
    postcode: str
    line_2: str = ""
    country: str = "US"


NOTHING_OVERDUE = OverduePrincipal()


@dataclass(frozen=True, slots=True)
class CreditConsumer:
    """A person that a report names. Personal data, all of it: kept sealed, printed in no log."""

    surname: str
    first_name: str
    address: CreditAddress | None = None
    middle_name: str = ""
    generation: str = ""
    id_kind: str = ""
    """`ssn` (nine digits) or `cn_id` (18 characters); empty without a number."""
    id_number: str = ""
    born_on: date | None = None
    telephone: str = ""
    relation: str = "1"
    """ECOA code: 1 alone, 2 joint, 5 co-signer by convention (the library lists no meanings), X deceased, Z delete."""
    indicator: str = ""
    """Consumer information indicator: a bankruptcy's chapter and stage (letters recalled, see docs/credit-files.md)."""
    indicator_on: date | None = None
    """Day of the petition or the notice that the indicator stands for."""
    has_own_address: bool = False
    """Of an associated consumer: lives elsewhere than the first, so that the address must be told (J2)."""

    def __repr__(self) -> str:
        return "CreditConsumer(…)"


class HolderChange(NamedTuple):
    """Sold to, or bought from, another holder. `kind`: sold_to | purchased_from."""

    kind: str
    name: str
    changed_on: date


class NumberChange(NamedTuple):
    """The account's or the furnisher's number has changed since the last report; what is new, empty where the same."""

    account_no: str = ""
    furnisher_no: str = ""


@dataclass(frozen=True, slots=True)
class CreditAccount:
    """One loan on `as_of_on` (a month's last day, or the day it closed). Money in minor units, dates inclusive.

    `history` is the Metro 2 profile of the 24 months before the month of `as_of_on`, newest first. `month_codes` are the
    PBOC codes up to and with that month, newest first, at most 60.
    """

    lender_code: str
    loan_id: str
    loan_no: str
    """The number the furnisher gives the account: the same every month, at most 30 characters."""
    borrower_id: str
    currency: str
    as_of_on: date
    opened_on: date
    product: str
    """One of `book.PRODUCT_KINDS`."""
    original_minor: int
    """Principal lent."""
    terms: int
    """Number of instalments of the contract."""
    consumer: CreditConsumer
    standing: Standing = Standing.OPEN
    frequency: str = "M"
    """How often a term falls due, by Metro 2's letters: M monthly, W weekly, B every two weeks, P once, Q, S, Y ..."""
    ends_on: date | None = None
    """Last day of the contract."""
    scheduled_minor: int = 0
    """The regular instalment of a month."""
    due_minor: int = 0
    """What fell due in the month of `as_of_on`."""
    due_on: date | None = None
    """Day it fell due."""
    paid_minor: int = 0
    """What was paid in the month of `as_of_on`, all payments that stand."""
    last_paid_on: date | None = None
    balance_minor: int = 0
    """All that is owed: principal, and what of interest and charges is due."""
    principal_balance_minor: int = 0
    overdue_minor: int = 0
    """All that is overdue, from the first day."""
    past_due_minor: int = 0
    """What is overdue by 30 days and more, charges with it: Metro 2's amount past due."""
    days_past_due: int = 0
    """Since the oldest due date unpaid; of a closed loan, on the day it closed, as it stood before it was paid."""
    terms_overdue: int = 0
    """Instalments overdue in part or whole."""
    terms_left: int = 0
    overdue_principal: OverduePrincipal = NOTHING_OVERDUE
    first_delinquent_on: date | None = None
    """Day of the first 30-day lateness that led to the present state, never moved by a sale or a plan; None: no such."""
    set_aside_on: date | None = None
    """First delinquency of a stretch that a new plan ended without the money: it counts again if the loan is late before
    `to_make_good_minor` has come in, so that no plan makes a delinquency younger."""
    to_make_good_minor: int = 0
    history: str = "B" * HISTORY_MONTHS
    month_codes: str = ""
    five_grade: FiveGrade = FiveGrade.NORMAL
    closed_on: date | None = None
    """Day it was paid, settled or transferred."""
    lost_on: date | None = None
    """Day it was charged off, repossessed, surrendered or given to collection."""
    days_when_lost: int = 0
    """Days past due on the day it was lost."""
    was: Standing = Standing.OPEN
    """Of a closed loan: what it stood as before (paid *after* charge-off, repossession ...)."""
    charge_off_minor: int = 0
    """What was first charged to loss, whatever was paid since."""
    written_off_minor: int = 0
    """Of a loan settled: what was given up."""
    arrangement: Arrangement | None = None
    is_secured: bool = False
    is_sold_collateral: bool = False
    """The thing pledged was sold; what is owed still is the shortfall."""
    condition_code: str = ""
    """Legal mark (Metro 2): XA, XB, XC, XH ... or XR to remove; empty says nothing new."""
    condition_standing: str = ""
    """The mark that stands from earlier reports: XR needs one."""
    associated: tuple[CreditConsumer, ...] = ()
    """Others who owe it too."""
    holder_change: HolderChange | None = None
    number_change: NumberChange | None = None
    original_creditor: str = ""
    """Of a collector's or buyer's account: the name of who lent."""
    is_correction: bool = False
    """Replaces what was reported for the same day."""

    @property
    def is_derogatory(self) -> bool:
        """Return whether it says something against the person: 30 days late or more, a loss, or settled for less."""
        return self.standing in LOSSES or self.standing is Standing.SETTLED or self.was in LOSSES or self.days_past_due >= 30

    @property
    def is_overdue(self) -> bool:
        """Return whether anything is overdue, from the first day (what PBOC counts); a loss counts."""
        return self.overdue_minor > 0 or self.standing in LOSSES


_PEOPLE = ("consumer", "associated")
_DATES = frozenset(part.name for part in fields(CreditAccount) if part.name.endswith("_on"))
_FACTS = tuple(part.name for part in fields(CreditAccount) if part.name not in _PEOPLE)
_OF_PERSON = tuple(part.name for part in fields(CreditConsumer))


def facts_of(account: CreditAccount) -> dict[str, Any]:
    """Return all but the people, as JSON takes it: dates in ISO form, money as whole numbers."""
    facts = {name: getattr(account, name) for name in _FACTS}
    for name in _DATES:
        facts[name] = facts[name].isoformat() if facts[name] is not None else None
    change = account.holder_change
    facts["overdue_principal"] = list(account.overdue_principal)
    facts["holder_change"] = [change.kind, change.name, change.changed_on.isoformat()] if change else None
    facts["number_change"] = list(account.number_change) if account.number_change else None
    return facts


def consumers_of(account: CreditAccount) -> list[dict[str, Any]]:
    """Return the people, the borrower first, as JSON takes it. Personal data: to be kept sealed."""
    return people_of((account.consumer, *account.associated))


def people_of(consumers: Iterable[CreditConsumer]) -> list[dict[str, Any]]:
    """Return people as JSON takes them, as `consumers_of` does those of an account."""
    people = []
    for person in consumers:
        told = {name: getattr(person, name) for name in _OF_PERSON}
        told["born_on"] = person.born_on.isoformat() if person.born_on else None
        told["indicator_on"] = person.indicator_on.isoformat() if person.indicator_on else None
        told["address"] = list(person.address) if person.address else None
        people.append(told)
    return people


def account_from(facts: Mapping[str, Any], people: list[Mapping[str, Any]]) -> CreditAccount:
    """Return the account that `facts_of` and `consumers_of` told. A field added since has its default."""
    first, *others = people_from(people)
    return account_of(facts, first, tuple(others))


def account_of(
    facts: Mapping[str, Any], consumer: CreditConsumer, associated: tuple[CreditConsumer, ...] = ()
) -> CreditAccount:
    """Return the account that `facts_of` told, of these people. A field added since has its default."""
    told = {name: facts[name] for name in _FACTS if name in facts}
    for name in _DATES:
        if told.get(name) is not None:
            told[name] = date.fromisoformat(told[name])
    told["standing"] = Standing(facts["standing"])
    told["was"] = Standing(facts.get("was", Standing.OPEN))
    told["five_grade"] = FiveGrade(facts.get("five_grade", FiveGrade.NORMAL))
    told["arrangement"] = Arrangement(facts["arrangement"]) if facts.get("arrangement") else None
    told["overdue_principal"] = OverduePrincipal(*facts.get("overdue_principal", ()))
    change = facts.get("holder_change")
    told["holder_change"] = HolderChange(change[0], change[1], date.fromisoformat(change[2])) if change else None
    number = facts.get("number_change")
    told["number_change"] = NumberChange(*number) if number else None
    return CreditAccount(**told, consumer=consumer, associated=associated)


def people_from(people: Iterable[Mapping[str, Any]]) -> list[CreditConsumer]:
    """Return the people that `people_of` told. A field added since has its default."""
    return [_person(person) for person in people]


def _person(told: Mapping[str, Any]) -> CreditConsumer:
    values = {name: told[name] for name in _OF_PERSON if name in told}
    values["born_on"], values["indicator_on"] = _day(told.get("born_on")), _day(told.get("indicator_on"))
    values["address"] = CreditAddress(*told["address"]) if told.get("address") else None
    return CreditConsumer(**values)


def _day(told: str | None) -> date | None:
    return date.fromisoformat(told) if told else None
