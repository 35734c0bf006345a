"""What staff see of a pledged thing, as plain values: a line of a list, and a page with all that is known."""

from dataclasses import dataclass
from datetime import date, datetime

from app.services.collateral_cost_views import ShownCost
from app.services.collateral_sale_views import ShownSale


@dataclass(frozen=True, slots=True)
class ShownPledge:
    """A loan that a thing secures."""

    loan_id: str
    loan_no: str
    rank: int
    limit_minor: int | None
    pledged_on: date
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class ListedThing:
    """A thing in a list: plate and VIN masked, and no place.

    Where it is kept stands on its page, whose opening is written down.
    """

    id: str
    currency: str
    reference: str
    kind: str
    borrower_no: str
    loan_nos: list[str]
    plate: str | None
    vin: str | None
    state: str
    state_on: date
    place: str | None
    in_custody_on: date | None
    days_in_custody: int
    costs_minor: int
    """Open until today, and in no ledger."""


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event. `is_standing` False: it was taken back, or takes one back."""

    id: str
    no: int
    kind: str
    effective_on: date
    recorded_at: datetime
    by: str
    origin: str
    reference: str
    from_state: str | None
    to_state: str | None
    reverses_id: str | None
    cost_kind: str | None
    amount_minor: int | None
    is_charged: bool
    reason: str | None
    proof: str | None
    """What proves that the notice was delivered: registered_post, receipt ...; None: nothing does."""
    place: str | None
    note: str | None
    is_standing: bool


@dataclass(frozen=True, slots=True)
class ShownAppraisal:
    """What somebody said that it was worth."""

    id: str
    reference: str
    currency: str
    value_minor: int
    valued_on: date
    source: str
    appraiser: str | None
    haircut: str


@dataclass(frozen=True, slots=True)
class ShownWorth:
    """The newest appraisal beside what is owed. `loan_to_value`: per cent."""

    value_minor: int
    counted_minor: int
    owed_minor: int
    loan_to_value: str | None
    shortfall_minor: int
    valued_on: date


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """An insurance of the thing; its number masked."""

    id: str
    reference: str
    cover: str
    policy_no: str | None
    valid_from: date | None
    valid_until: date
    insured_minor: int | None
    is_valid: bool


@dataclass(frozen=True, slots=True)
class ShownQuote:
    """What was quoted for getting it back."""

    id: str
    currency: str
    quoted_at: datetime
    by: str
    on: date
    expires_on: date
    basis: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CollateralPage:
    """Everything a lender knows of one thing."""

    thing: ListedThing
    currency: str
    about: str | None
    pledges: list[ShownPledge]
    costs: list[ShownCost]
    daily_minor: int
    costs_paid_minor: int
    charged_minor: int
    worth: ShownWorth | None
    is_insured: bool
    rule: str
    rule_source: str
    rule_grade: str
    redemption: str
    redemption_source: str
    redemption_grade: str
    not_looked_at: str | None
    events: list[ShownEvent]
    appraisals: list[ShownAppraisal]
    insurance: list[ShownPolicy]
    quotes: list[ShownQuote]
    sales: list[ShownSale]
