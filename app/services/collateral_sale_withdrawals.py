"""What becomes of a sale when its teller takes that back: what waits is let be, what is booked has to be reversed."""

from datetime import datetime

from app.domain.collateral_sales import SaleState
from app.domain.errors import ConflictError
from app.persistence.queries import collateral_sales as queries
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.services.tasks import finish_task

REASON = "what was told is taken back"


def sale_task(sale_id: str) -> str:
    """Return the key of the task that asks for a sale to be decided."""
    return f"collateral_sale/{sale_id}"


def withdraw_sales(work: Work, event_id: str, *, by: str, now: datetime) -> None:
    """Let the sale be that waits because of an event which is taken back now. The caller holds the agenda row.

    Raises ConflictError where it is booked: its money is in the ledger, and the thing would be in custody again.
    """
    for sale in queries.find_sales_of_events(work.session, [event_id]):
        if sale.state == SaleState.BOOKED:
            raise ConflictError("The sale is booked; have it reversed first, that takes its money back as well.")
        sale.state, sale.decided_by, sale.decided_at, sale.reason = SaleState.DECLINED.value, by[:90], now, REASON
        sale.version += 1
        work.session.flush()
        facts = {"sale_id": sale.id, "thing_id": sale.thing_id, "event_id": event_id}
        add_audit(
            work.session, at=now, actor=by, action="collateral_sale.declined", borrower_id=sale.borrower_id, facts=facts
        )
        finish_task(work, sale_task(sale.id), reason="declined", by=by, now=now)
