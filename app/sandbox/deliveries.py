"""What became of a borrower's messages: their states, the tries with their providers, and what these told."""

from collections import defaultdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.consents import CONTACT, said
from app.domain.policies import OUTWARD_CHANNELS
from app.domain.times import rfc3339
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.models.devices import EndpointRow
from app.persistence.models.messages import DeliveryAttemptRow, MessageRow
from app.services.consents import consents_of

MESSAGES_SHOWN = 12


def deliveries(session: Session, borrower_id: str) -> list[dict[str, Any]]:
    """Return the newest messages that left or should have, newest first; withdrawals are among them."""
    statement = (
        select(MessageRow)
        .where(MessageRow.borrower_id == borrower_id, MessageRow.channel.in_(OUTWARD_CHANNELS))
        .order_by(MessageRow.created_at.desc(), MessageRow.id.desc())
        .limit(MESSAGES_SHOWN)
    )
    messages = session.scalars(statement).all()
    ids = [message.id for message in messages]
    tries, told = defaultdict(list), defaultdict(list)
    attempts = select(DeliveryAttemptRow).where(DeliveryAttemptRow.message_id.in_(ids))
    for attempt in session.scalars(attempts.order_by(DeliveryAttemptRow.started_at, DeliveryAttemptRow.attempt_no)):
        tries[attempt.message_id].append(
            {"provider": attempt.provider, "outcome": attempt.outcome, "error": attempt.error_code, "raw": attempt.raw_code}
        )
    receipts = select(DeliveryReceiptRow).where(DeliveryReceiptRow.message_id.in_(ids))
    for receipt in session.scalars(receipts.order_by(DeliveryReceiptRow.received_at, DeliveryReceiptRow.id)):
        told[receipt.message_id].append(
            {"kind": receipt.kind, "told": receipt.told, "raw": receipt.raw_code, "outcome": receipt.outcome}
        )
    return [
        {
            "message_id": message.id,
            "channel": message.channel,
            "template": message.template,
            "withdraws": message.withdraws_id,
            "state": message.state,
            "reason": message.state_reason,
            "at": rfc3339(message.created_at),
            "attempts": tries[message.id],
            "receipts": told[message.id],
        }
        for message in messages
    ]


def stopped_channels(session: Session, borrower_id: str) -> dict[str, str]:
    """Return by channel why nothing goes there: the state of the address, or that the borrower has opted out."""
    statement = (
        select(EndpointRow.channel, EndpointRow.state)
        .where(EndpointRow.borrower_id == borrower_id, EndpointRow.state != "replaced")
        .order_by(EndpointRow.changed_at)
    )
    states: dict[str, str] = {}
    for row in session.execute(statement):
        if states.get(row.channel) != "active":  # an address that was given up does not count beside one that is well
            states[row.channel] = row.state
    states = {channel: state for channel, state in states.items() if state != "active"}
    consents = consents_of(session, borrower_id)
    ended = {channel: "opted_out" for channel in OUTWARD_CHANNELS if said(consents, CONTACT, channel) is False}
    return states | ended
