"""The orders of law by which proceeds are divided, read from `content/collateral/orders.yaml`."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from app.domain.collateral_sales import Basis, ProceedsOrder, Step
from app.domain.splits import Split
from app.persistence.queries.collateral import find_country

_FILE = Path(__file__).resolve().parents[1] / "content" / "collateral" / "orders.yaml"
_HOUSE = ""
_ALIASES = {"GB": "UK"}


def order_for(jurisdiction: str | None) -> ProceedsOrder:
    """Return the order of a jurisdiction or country; the house's where none is written down."""
    code = (jurisdiction or _HOUSE).upper()
    return orders().get(_ALIASES.get(code, code)) or orders()[_HOUSE]


def order_of_thing(reads: Connection | Session, thing: Any) -> ProceedsOrder:
    """Return the order that governs a thing: of its borrower's country, else the lender's, as law packs do."""
    return order_for(find_country(reads, thing.borrower_id, thing.lender_id))


@lru_cache(maxsize=1)
def orders() -> dict[str, ProceedsOrder]:
    """Return the orders by jurisdiction. Raises ValueError for a file that says what cannot be."""
    found: dict[str, ProceedsOrder] = {}
    for each in yaml.safe_load(_FILE.read_text(encoding="utf-8"))["orders"]:
        order = ProceedsOrder(
            **{
                **each,
                "steps": tuple(Step(step) for step in each["steps"]),
                "components": tuple(each["components"]),
                "redemption": Basis(each["redemption"]),
            }
        )
        if set(order.components) != set(Split._fields) or order.jurisdiction in found:
            raise ValueError(f"{order.key}: each component once, each jurisdiction once")
        found[order.jurisdiction] = order
    return found
