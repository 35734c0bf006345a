"""What becomes of a sale when its teller takes that back: what waits is let be, what is booked has to be reversed."""

from datetime import datetime

from app.domain.collateral_sales import SaleState
from app.domain.errors import ConflictError
from app.persistence.queries import collateral_sales as queries
from app.persistence.unit_of_work import Work
from app.services.collateral_sale_rows import move_sale, seal_said
from app.services.tasks import finish_task

REASON = "what was told is taken back"


def sale_task(sale_id: str) -> str:
    """Return the key of the task that asks for a sale to be decided."""
    return f"collateral_sale/{sale_id}"


def require_not_booked(work: Work, sale_id: str, *, lender_id: str) -> None:
    """Refuse to take back by hand what a booked sale wrote into a thing's events. Raises ConflictError."""
    if queries.get_sale(work.session, sale_id, lender_id=lender_id).state == SaleState.BOOKED:
        raise ConflictError("A booked sale wrote this; have the sale taken back, that takes this back as well.")


def withdraw_sales(work: Work, event_id: str, *, by: str, now: datetime) -> None:
    """Let the sale be that waits because of an event which is taken back now. The caller holds the agenda row.

    Raises ConflictError where it is booked: its money is in the ledger, and the thing would be in custody again.
    """
    for sale in queries.find_sales_of_events(work.session, [event_id]):
        if sale.state == SaleState.BOOKED:
            raise ConflictError("The sale is booked; have it reversed first, that takes its money back as well.")
        sale.reason_sealed = seal_said(work.vault, sale.id, "reason", REASON)
        move_sale(work, sale, SaleState.DECLINED, by=by, now=now)
        finish_task(work, sale_task(sale.id), reason="declined", by=by, now=now)
