"""Messages of which nobody knows whether they left, settled by a person who found out. None is ever sent a second time.

A person's word is kept and applied as a receipt is: it moves the message forward through the same table, and a later receipt
of the provider is still heard. One that did not arrive wakes its borrower, and `decide` says whether and what comes next.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.book import check_text
from app.domain.deliveries import DeliveryReport, Told
from app.domain.errors import ConflictError, refused_at
from app.domain.free_text import without_card_numbers
from app.persistence.ids import new_id
from app.persistence.models.deliveries import DeliveryReceiptRow
from app.persistence.queries import uncertain_messages as queries
from app.persistence.queries.agenda import lock_agenda
from app.persistence.queries.audit import add_audit
from app.persistence.unit_of_work import Work
from app.services.delivery_receipts import apply_reports
from app.services.reminders import review

LONGEST_REASON = 200
DELIVERED, NOT_DELIVERED = "delivered", "not_delivered"
OUTCOMES = (DELIVERED, NOT_DELIVERED)
_TOLD = {DELIVERED: Told.DELIVERED, NOT_DELIVERED: Told.FAILED}
_STATE = {DELIVERED: "delivered", NOT_DELIVERED: "failed"}
BY_HAND = "by_hand"
"""The provider's own code in a receipt that a person gave."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a message was made."""

    message_id: str
    state: str
    state_reason: str | None


def settle_by_hand(
    work: Work, lender_id: str, message_id: str, *, outcome: str, reason: str, by: str, now: datetime
) -> Settled:
    """Say of an uncertain message whether it arrived. `reason`: how that is known. Saying the same twice changes nothing.

    Raises NotFoundError, ValidationError, ConflictError (it is not uncertain, or was settled the other way).
    """
    if outcome not in OUTCOMES:
        raise refused_at("/outcome", f"outcome is not one of {', '.join(OUTCOMES)}.")
    check_text("reason", reason, LONGEST_REASON)
    if not reason.strip():
        raise refused_at("/reason", "reason is empty; say how it is known, for whoever looks at it later.")
    shown = queries.get_message(work.session, lender_id, message_id)
    lock_agenda(work.session, [shown.borrower_id])
    last = queries.find_tries(work.session, [message_id]).get(message_id, [])
    message = queries.get_message(work.session, lender_id, message_id)
    if message.state == _STATE[outcome]:
        return Settled(message_id, message.state, message.state_reason)
    if message.state != "uncertain" or not last:
        raise ConflictError(f"The message is {message.state}; only one that is uncertain is settled by hand.")
    report = DeliveryReport(f"desk:{message_id}:{outcome}", _TOLD[outcome], message_id=message_id, raw_code=BY_HAND)
    row = DeliveryReceiptRow(
        id=new_id(), provider=last[-1].provider, event_key=report.event_key, kind="report", received_at=now,
        told=report.told.value, raw_code=BY_HAND, is_signed=False, outcome="applied", applied_at=now,
    )  # fmt: skip
    work.session.add(row)
    work.session.flush()
    row.outcome = apply_reports(work, [(row, report)], now=now).get(row.id, "ignored")
    settled = queries.lock_message(work.session, message_id)
    if settled.state != _STATE[outcome]:
        raise ConflictError(f"The message is {settled.state}; look at it again.")
    facts = {
        "message_id": message_id,
        "outcome": outcome,
        "channel": message.channel,
        "reason": without_card_numbers(reason),
    }
    add_audit(work.session, at=now, actor=by, action="message.settled", borrower_id=message.borrower_id, facts=facts)
    if outcome == NOT_DELIVERED:
        settled.state_reason = "NO_RECEIPT"  # no provider refused it
        work.session.flush()
        review(work, [message.borrower_id], now=now)
    return Settled(message_id, settled.state, settled.state_reason)


def look_at(reads: Any, lender_id: str, message_id: str) -> tuple[Any, list[Any], Any]:
    """Return (message, its tries, what was told of it). Raises NotFoundError."""
    message = queries.get_message(reads, lender_id, message_id)
    tries = queries.find_tries(reads, [message_id]).get(message_id, [])
    return message, tries, queries.find_receipts(reads, message_id)
