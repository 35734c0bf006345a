"""Quotes for getting a pledged thing back, as they are shown: to its borrower and at the desk alike."""

from dataclasses import dataclass
from datetime import date, datetime

from app.domain.errors import NotFoundError
from app.persistence.queries import collateral as queries
from app.persistence.unit_of_work import Work
from app.services.collateral_cost_views import ShownCost
from app.services.collateral_redemptions import quote_redemption

BORROWER = "borrower"


@dataclass(frozen=True, slots=True)
class QuotedLoan:
    """What is to be paid on one loan, and what of it is what."""

    loan_id: str
    loan_no: str
    owed_minor: int
    principal_minor: int
    interest_minor: int
    fees_minor: int
    penalties_minor: int


@dataclass(frozen=True, slots=True)
class RedemptionQuote:
    """What it takes to get a thing back when it is paid on `on`.

    `basis`: `arrears`, what is due by then, or `payoff`, all that is owed; by the rule named, with its source and how well
    that was read (P, R, U, H). `costs` are all until then, `costs_open` what of them is not paid.
    `not_looked_at`: what else may be the law there, of which nothing was read.
    """

    id: str
    thing_id: str
    currency: str
    quoted_at: datetime
    on: date
    expires_on: date
    basis: str
    total_minor: int
    costs: list[ShownCost]
    costs_open_minor: int
    daily_minor: int
    loans: list[QuotedLoan]
    rule: str
    source: str
    grade: str
    not_looked_at: str | None


def quote_own(work: Work, borrower_id: str, thing_id: str, on: date | None, *, now: datetime) -> RedemptionQuote:
    """Quote for the borrower's own thing. Raises NotFoundError, ConflictError, ValidationError."""
    thing = queries.find_own_thing(work.session, borrower_id, thing_id)
    if thing is None:
        raise NotFoundError("There is no such thing.")
    return _quoted(work, thing, on, by=BORROWER, now=now)


def quote_at_desk(work: Work, thing_id: str, on: date | None, *, lender_id: str, by: str, now: datetime) -> RedemptionQuote:
    """Quote at the desk. Raises NotFoundError, ConflictError, ValidationError."""
    thing = queries.get_thing(work.session, thing_id, lender_id=lender_id)
    return _quoted(work, thing, on, by=by, now=now)


def _quoted(work: Work, thing: object, on: date | None, *, by: str, now: datetime) -> RedemptionQuote:
    row, found = quote_redemption(work, thing, on, by=by, now=now)
    return RedemptionQuote(
        id=row.id,
        thing_id=found.thing_id,
        currency=found.currency,
        quoted_at=row.quoted_at,
        on=found.on,
        expires_on=found.expires_on,
        basis=row.basis,
        total_minor=found.total_minor,
        costs=[ShownCost(kind, minor) for kind, minor in sorted(found.costs.by_kind.items())],
        costs_open_minor=found.costs.open_minor,
        daily_minor=found.costs.daily_minor,
        loans=[QuotedLoan(part.loan_id, part.loan_no, part.owed.total, *part.owed) for part in found.loans],
        rule=found.order.name,
        source=found.order.redemption_source,
        grade=found.order.redemption_grade,
        not_looked_at=found.order.not_looked_at,
    )
