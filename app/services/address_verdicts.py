"""What a signed receipt says of the address a message went to, kept so that nothing else is sent there in vain."""

from datetime import datetime
from typing import Any

from app.domain.deliveries import DeliveryReport, Told
from app.persistence.ids import new_id
from app.persistence.models.messages import MessageRow
from app.persistence.queries.endpoints import Address, find_addresses, put_state, put_state_by_id
from app.persistence.unit_of_work import Work
from app.services import agenda
from app.services.opt_outs import opt_out

VERDICTS = ("invalid", "suspect", "opted_out", "blocked")
_OWN = {"sms": "phone", "voice": "phone", "email": "email"}
"""Channel -> the borrower's own field that is its address; on others a message goes to a stored endpoint."""


def apply_verdict(
    work: Work, message: MessageRow, attempt: Any, report: DeliveryReport, *, before: str, now: datetime
) -> bool:
    """Keep what a receipt says of the address; return whether that changed anything.

    A message that arrived after all clears what its own failure was taken for.
    """
    if report.told is Told.DELIVERED and before == "failed":
        state, reason = "active", None
    elif report.told is Told.FAILED and report.verdict in VERDICTS and message.state == "failed":
        state, reason = report.verdict, report.error_code or "PROVIDER_REJECTED"
    else:
        return False
    own = _OWN.get(message.channel)
    if own is None:
        changed = attempt.endpoint_id is not None and put_state_by_id(
            work.session,
            attempt.endpoint_id,
            state=state,
            reason=reason,
            unchanged_since=_since(attempt, state, now),
            now=now,
        )
    else:
        address = _own_address(work, message, attempt, own)
        changed = address is not None and put_state(work.session, address, state=state, reason=reason, now=now)
    if changed:
        agenda.touch(work, [message.borrower_id], now=now)
    if state == "opted_out":  # they told the provider; it is their word all the same
        changed = opt_out(work, message.borrower_id, message.channel, by="provider", now=now, evidence="provider") or changed
    return changed


def _since(attempt: Any, state: str, now: datetime) -> datetime:
    """An address that was changed after the hand-over is another one; what a receipt marked is cleared by a later one."""
    started_at: datetime = attempt.started_at
    return now if state == "active" else started_at


def _own_address(work: Work, message: MessageRow, attempt: Any, kind: str) -> Address | None:
    """Return the borrower's own address, if it is surely still the one the message went to."""
    row = find_addresses(work.session, [message.borrower_id]).get(message.borrower_id)
    if row is None or row.updated_at > attempt.started_at:
        return None
    text = work.vault.open(getattr(row, f"{kind}_sealed"), place=f"borrowers.{kind}:{row.id}")
    if not text:
        return None
    return address_of(work, message.borrower_id, message.channel, kind, text)


def address_of(work: Work, borrower_id: str, channel: str, kind: str, text: str) -> Address:
    """Return an address as endpoints keep it."""
    endpoint_id = new_id()
    digests = [each.digest for each in work.vault.search_hashes("endpoint", text)]
    sealed = work.vault.seal(text, place=f"endpoints.address:{endpoint_id}") or b""
    return Address(borrower_id, channel, kind, digests, endpoint_id, sealed)
