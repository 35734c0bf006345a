"""What providers tell of addresses rather than of messages: blocked, opted out, consents, links.

Only what is signed is believed. What belongs to one channel alone is taken by that channel's own service, named in `TAKERS`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from app.domain.deliveries import EndpointEvent
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.queries.endpoints import lift_state, put_state
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.address_verdicts import address_of
from app.services.inbound import whose
from app.services.opt_outs import opt_out

Taker = Callable[[Work, EndpointEvent, datetime], str]
"""Takes one event; returns applied, no_change or ignored."""

TAKERS: Mapping[str, Taker] = {}
"""Kind of event -> who takes it."""


def apply_event(work: Work, row: DeliveryReceiptRow, event: EndpointEvent, *, now: datetime) -> str:
    """Take what happened to an address; return applied, no_change, untrusted or ignored (nobody has it)."""
    if not row.is_signed:
        return "untrusted"
    taker = TAKERS.get(event.kind)
    if taker is not None:
        return taker(work, event, now)
    owners = whose(work, event.channel, event.address_kind, event.address)
    if not owners:
        return "ignored"
    if len(owners) == 1:
        row.borrower_id = owners[0]
    changed = [_take(work, borrower_id, event, now) for borrower_id in owners]
    return "applied" if any(changed) else "no_change"


def _take(work: Work, borrower_id: str, event: EndpointEvent, now: datetime) -> bool:
    agenda.touch(work, [borrower_id], now=now)
    address = address_of(work, borrower_id, event.channel, event.address_kind, event.address)
    if event.kind == "blocked":
        return put_state(work.session, address, state="blocked", reason="blocked", now=now)
    if event.kind in ("unblocked", "subscribed"):
        return lift_state(work.session, address, lifted=("blocked",), now=now)
    if event.kind in ("opted_out", "complained"):
        return opt_out(work, borrower_id, event.channel, by="provider", now=now, evidence=event.kind)
    return False
