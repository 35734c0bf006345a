"""Sales of pledged things as they are shown: who asked, who decided, and how the money was divided."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.persistence.vault import Vault
from app.services.collateral_sale_rows import reason_of, reversal_reason_of


@dataclass(frozen=True, slots=True)
class ShownShare:
    """What a loan got of a sale, and what is still owed on it."""

    loan_no: str
    rank: int
    paid_minor: int
    left_minor: int


@dataclass(frozen=True, slots=True)
class ShownTold:
    """What the lender's core tells of a sale otherwise. `taken`: whose figures were booked, `asked` or `told`."""

    currency: str
    proceeds_minor: int
    sold_on: date
    by: str
    at: datetime
    taken: str | None


@dataclass(frozen=True, slots=True)
class ShownReversal:
    """That somebody asked to take a booked sale back. `state`: waiting, declined, done."""

    state: str
    asked_by: str
    asked_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class ShownSale:
    """A sale; how it was divided is shown once it is booked. `version`: to say at its approval what was looked at."""

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
    version: int
    told: ShownTold | None
    reversal: ShownReversal | None


def shown_sale(ring: Vault, row: Any) -> ShownSale:
    """Return a sale as it is shown to staff."""
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
        reason_of(ring, row),
        row.version,
        _told(row),
        _reversal(ring, row),
    )


def _told(row: Any) -> ShownTold | None:
    told = row.told
    if told is None:
        return None
    sold_on, at = date.fromisoformat(told["sold_on"]), datetime.fromisoformat(told["at"])
    return ShownTold(row.currency, told["proceeds_minor"], sold_on, told["by"], at, told.get("taken"))


def _reversal(ring: Vault, row: Any) -> ShownReversal | None:
    if row.reversal_state is None:
        return None
    reason = reversal_reason_of(ring, row)
    return ShownReversal(row.reversal_state, row.reversal_asked_by, row.reversal_asked_at, reason)
