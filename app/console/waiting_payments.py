"""Money that is told of and not booked: what the core sent, what payment providers said, what is under way."""

from flask import Response

from app.console.frame import page, pages
from app.console.lists import SIZE, after, listed, one_of
from app.domain.money import Money
from app.persistence.queries.operations import page_unmatched_payments, page_waiting_intents
from app.persistence.queries.payment_intents import page_events
from app.web.auth import desk, permits
from app.web.pagination import Key
from app.web.reads import reads

EVENT_STATES = ("refused", "applied", "duplicate", "unknown")


@pages.get("/payments/waiting")
@permits("payment_events.read")
def waiting_payments() -> Response:
    """List payments the core told of that wait: for a loan, for what they reverse, for money that covers them."""
    rows = page_unmatched_payments(reads(), desk().lender_id, after=after(), limit=SIZE + 1)
    shown = [(row, Money(row.payload["amount_minor"], row.payload["currency"])) for row in rows]
    return page("waiting_money/waiting.html", found=listed(shown, [Key(row.received_at, row.id) for row in rows]))


@pages.get("/payments/events")
@permits("payment_events.read")
def payment_events() -> Response:
    """List what payment providers told, at first what was not believed."""
    state = one_of("state", EVENT_STATES, "refused")
    rows = page_events(reads(), desk().lender_id, state=state, after=after(state=state), limit=SIZE + 1)
    found = listed(rows, [Key(row.received_at, row.id) for row in rows], state=state)
    return page("waiting_money/events.html", found=found, state=state, states=EVENT_STATES)


@pages.get("/payments/intents")
@permits("payment_intents.read")
def waiting_intents() -> Response:
    """List payments that borrowers began and that have not ended, oldest first."""
    rows = page_waiting_intents(reads(), desk().lender_id, limit=SIZE)
    return page("waiting_money/intents.html", rows=rows, most=SIZE)
