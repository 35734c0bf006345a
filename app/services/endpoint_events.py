"""What providers tell of addresses rather than of messages: blocked, opted out, consents, links.

Only what is signed is believed. A channel whose addresses have more to them takes its events itself, see `TAKERS`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from app.domain.deliveries import EndpointEvent
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.queries.conversations import find_message
from app.persistence.queries.endpoints import lift_state, put_state
from app.persistence.unit_of_work import Work
from app.services import agenda, wechat_accounts
from app.services.address_verdicts import address_of
from app.services.inbound import whose
from app.services.opt_outs import opt_out, receive_text

START_WORD = "START"


class Taker(Protocol):
    """Takes one event; returns applied, no_change or ignored."""

    def __call__(self, work: Work, event: EndpointEvent, *, now: datetime) -> str:
        """Take it."""
        ...


TAKERS: Mapping[str, Taker] = {"wechat": wechat_accounts.apply_event}
"""Channel -> who takes its events."""


def apply_event(work: Work, row: DeliveryReceiptRow, event: EndpointEvent, *, now: datetime) -> str:
    """Take what happened to an address; return applied, no_change, untrusted or ignored (nobody has it)."""
    if not row.is_signed:
        return "untrusted"
    taker = TAKERS.get(event.channel)
    if taker is not None:
        return taker(work, event, now=now)
    owners = _owners(work, event)
    if not owners:
        return "ignored"
    if len(owners) == 1:
        row.borrower_id = owners[0]
    changed = [_take(work, borrower_id, event, now) for borrower_id in owners]
    return "applied" if any(changed) else "no_change"


def _owners(work: Work, event: EndpointEvent) -> Sequence[str]:
    """Return whose address it is. A complaint may hide it, and name our message instead."""
    if event.address:
        return whose(work, event.channel, event.address_kind, event.address)
    message = find_message(work.session, event.detail.get("message_id", ""))
    return () if message is None else (message.borrower_id,)


def _take(work: Work, borrower_id: str, event: EndpointEvent, now: datetime) -> bool:
    agenda.touch(work, [borrower_id], now=now)
    if event.kind in ("opted_out", "complained"):
        return opt_out(work, borrower_id, event.channel, by="provider", now=now, evidence=event.kind)
    address = address_of(work, borrower_id, event.channel, event.address_kind, event.address)
    if event.kind == "subscribed":  # a START in a word of the account's own, which the text alone does not tell
        lifted = lift_state(work.session, address, lifted=("opted_out", "blocked"), now=now)
        received = receive_text(work, channel=event.channel, text=START_WORD, now=now, borrower_id=borrower_id)
        return bool(received.changed) or lifted
    if event.kind == "blocked":
        return put_state(work.session, address, state="blocked", reason="blocked", now=now)
    if event.kind == "unblocked":
        return lift_state(work.session, address, lifted=("blocked",), now=now)
    return False
