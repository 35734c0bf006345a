"""Figures of a sale that the lender's core tells otherwise than they were asked for, or booked.

Neither is lost: both stand with the sale. While it waits, whoever books it says whose figures are booked; after that a task
asks people to look at it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.domain.collateral_sales import FIGURES, TOLD, SaleState
from app.domain.errors import ConflictError, refused_at
from app.domain.money import Money
from app.persistence.models.collateral import CollateralSaleRow
from app.persistence.unit_of_work import Work
from app.services.collateral_sale_previews import SaleWished
from app.services.collateral_sale_rows import QUEUE, TASK, changed_sale
from app.services.tasks import NewTask, add_task


def settle_figures(row: CollateralSaleRow, figures: str | None) -> None:
    """Have the figures stand by which a sale is booked. Raises ConflictError where it is not said whose, ValidationError."""
    if figures is not None and figures not in FIGURES:
        raise refused_at("/figures", f"figures is one of {', '.join(FIGURES)}.")
    told = row.told
    if told is None:
        if figures == TOLD:
            raise ConflictError("Your core tells nothing else of this sale; book it as it was asked for.")
        return
    asked = {"proceeds_minor": row.proceeds_minor, "sold_on": row.sold_on.isoformat()}
    if figures is None:
        raise ConflictError(
            f"Your core tells another sale: {_written(told, row.currency)}; asked for was {_written(asked, row.currency)}. "
            "Say whose figures are booked, asked or told, or decline the sale."
        )
    if figures == TOLD:
        row.proceeds_minor, row.sold_on = told["proceeds_minor"], date.fromisoformat(told["sold_on"])
    elif told["sold_on"] != asked["sold_on"]:
        raise ConflictError(
            f"Your core tells that it was sold on {told['sold_on']}, and so it stands: book what is told, "
            "or decline the sale."
        )
    row.told = {**told, "taken": figures, "asked": asked}


def keep_told(work: Work, row: CollateralSaleRow, wished: SaleWished, *, reference: str, by: str, now: datetime) -> bool:
    """Keep figures that differ from those that stand; return whether they are new."""
    figures = {"proceeds_minor": wished.proceeds.minor, "sold_on": wished.sold_on.isoformat()}
    stands = {"proceeds_minor": row.proceeds_minor, "sold_on": row.sold_on.isoformat()}
    before = row.told or {}
    if figures == {name: before.get(name) for name in figures}:
        return False
    if figures == stands:
        if not before or row.state != SaleState.WAITING:
            return False
        row.told = None  # the core agrees by now: nothing is left to decide
        changed_sale(work, row, "agreed", by=by, now=now)
        return True
    row.told = {**figures, "reference": reference, "by": by[:90], "at": now.isoformat()}
    changed_sale(work, row, "told_otherwise", by=by, now=now)
    if row.state != SaleState.WAITING:
        facts = {"sale_id": row.id, "state": row.state, "currency": row.currency, "told": figures, "stands": stands}
        key = f"collateral_sale_told/{row.id}/{figures['proceeds_minor']}/{figures['sold_on']}"
        add_task(work, NewTask(key, row.borrower_id, TASK, QUEUE, due_at=now, facts=facts), now=now)
    return True


def _written(figures: Mapping[str, Any], currency: str) -> str:
    return f"{Money(figures['proceeds_minor'], currency).to_decimal()} {currency}, sold on {figures['sold_on']}"
