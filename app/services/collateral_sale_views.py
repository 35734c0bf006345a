"""Sales of pledged things as they are shown: who asked, who decided, and how the money was divided."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ShownShare:
    """What a loan got of a sale, and what is still owed on it."""

    loan_no: str
    rank: int
    paid_minor: int
    left_minor: int


@dataclass(frozen=True, slots=True)
class ShownSale:
    """A sale; how it was divided is shown once it is booked."""

    id: str
    currency: str
    state: str
    sold_on: date
    proceeds_minor: int
    sale_costs_minor: int
    method: str
    sold_by: str
    rule: str
    costs_minor: int
    claims_minor: int
    loans: list[ShownShare]
    surplus_minor: int
    shortfall_minor: int
    refund_id: str | None
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


def shown_sale(row: Any) -> ShownSale:
    """Return a sale as it is shown."""
    division = row.division
    return ShownSale(
        row.id,
        row.currency,
        row.state,
        row.sold_on,
        row.proceeds_minor,
        row.sale_costs_minor,
        row.method,
        row.sold_by,
        row.rule,
        division.get("costs_minor", 0),
        sum(division.get("claims_minor", [])),
        [
            ShownShare(each["loan_no"], each["rank"], sum(each["paid"].values()), sum(each["left"].values()))
            for each in division.get("loans", [])
        ],
        row.surplus_minor,
        row.shortfall_minor,
        row.refund_id,
        row.requested_by,
        row.requested_at,
        row.decided_by,
        row.decided_at,
        row.reason,
    )
