"""What a pledged thing has cost until today, as it is shown to staff and to its borrower alike."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from app.domain.collateral_events import CostSheet
from app.domain.times import business_date
from app.persistence.queries.lenders import get_lender


@dataclass(frozen=True, slots=True)
class ShownCost:
    """A kind of cost until today."""

    kind: str
    amount_minor: int


def shown_costs(costs: CostSheet) -> list[ShownCost]:
    """Return what a thing has cost, by kind."""
    return [ShownCost(kind, minor) for kind, minor in sorted(costs.by_kind.items())]


def today_of(session: Session, lender_id: str, now: datetime) -> date:
    """Return the lender's own day."""
    return business_date(now, get_lender(session, lender_id).zone)
