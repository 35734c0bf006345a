"""Signed deep links: what a message outside the app carries, to open the place it speaks of.

A link holds the id of the message, when it ends and a signature: nothing about a person or a debt. It opens nothing by
itself: the app asks for the place signed in as the borrower the message was written to, and that is recorded as the click.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.errors import LinkExpiredError, NotFoundError
from app.domain.inbox import ACTIONS, Subject, action_place, place_of
from app.domain.times import EPOCH, from_micros
from app.persistence.queries import inbox as reads
from app.persistence.queries import inbox_marks as queries
from app.persistence.queries.notices import find_inbox_id_of_push
from app.persistence.unit_of_work import unit_of_work
from app.persistence.vault import Vault
from app.services.inbox_marks import mark_in

SCHEME = "duecourse://open/"
_ID_BYTES, _TIME_BYTES, _MAC_BYTES = 16, 5, 16


class Target(NamedTuple):
    """What a link opens, and until when: exclusive, whole seconds."""

    message_id: str
    expires_at: datetime
    action: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Where the app goes. `message_id`: of the inbox message that says it, if there is one."""

    deep_link: str
    message_id: str | None
    action: str | None


def link_to(ring: Vault, message_id: str, *, expires_at: datetime, action: str | None = None, base: str = SCHEME) -> str:
    """Return the link to put into a message: about 70 characters. `action`: one of `domain.inbox.ACTIONS`.

    `base`: what it begins with, ours or an address of the web that the app claims.
    """
    return base + link_token(ring, message_id, expires_at=expires_at, action=action)


def link_token(ring: Vault, message_id: str, *, expires_at: datetime, action: str | None = None) -> str:
    """Return the last part of the link, which is all that the app sends us of it."""
    seconds = (expires_at - EPOCH).days * 86400 + (expires_at - EPOCH).seconds
    number = 0 if action is None else ACTIONS.index(action) + 1
    said = UUID(message_id).bytes + seconds.to_bytes(_TIME_BYTES, "big") + bytes([number])
    key_id = ring.current_key_id
    return base64.urlsafe_b64encode(said + _mac(ring, key_id, said) + key_id.encode()).decode().rstrip("=")


def read_token(ring: Vault, token: str) -> Target | None:
    """Return what a token of ours opens, also when its time is over; None for anything else."""
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        end = _ID_BYTES + _TIME_BYTES + 1
        said, mac, key_id = text[:end], text[end : end + _MAC_BYTES], text[end + _MAC_BYTES :].decode()
        if key_id not in ring.key_ids or not hmac.compare_digest(mac, _mac(ring, key_id, said)):
            return None
        seconds, number = int.from_bytes(said[_ID_BYTES:-1], "big"), said[-1]
        action = ACTIONS[number - 1] if number else None
        return Target(str(UUID(bytes=said[:_ID_BYTES])), from_micros(seconds * 1_000_000), action)
    except (ValueError, binascii.Error, IndexError):
        return None


def open_link(ring: Vault, borrower_id: str, token: str, *, now: datetime) -> Opened:
    """Return where a link goes, and record the first click on its message and on the one in the inbox.

    Raises NotFoundError for a link that was not made here or is about another borrower's message, LinkExpiredError.
    """
    target = read_token(ring, token)
    if target is None:
        raise NotFoundError("This is no link of ours.")
    with unit_of_work() as work:
        session = work.session
        queries.lock_states(session, [borrower_id])  # first, as every change of an inbox does
        message = queries.find_any_message(session, borrower_id, target.message_id)
        if message is None:
            raise NotFoundError("This is no link of ours.")
        if now >= target.expires_at:
            raise LinkExpiredError("This link has run out; open the app instead.")
        inbox_id = queries.find_inbox_id(session, message.id, message.contact_id)
        if inbox_id is None and message.contact_id is None:
            inbox_id = find_inbox_id_of_push(session, message.id)
        if message.channel != "in_app":
            queries.mark_clicked(session, message.id, now=now)
        if inbox_id is not None:
            item = mark_in(work, borrower_id, inbox_id, "click", now=now).item
            own = item.place if target.action is None else None
            return Opened(own or _place(target.action, inbox_id, list(item.about)), inbox_id, target.action)
        found = reads.find_subjects(session, borrower_id, [message.contact_id]) if message.contact_id else ()
        about = [Subject(each.loan_id, each.row_no) for each in found]
        return Opened(_place(target.action, message.id, about), None, target.action)


def _place(action: str | None, message_id: str, about: list[Subject]) -> str:
    if action is not None:
        return action_place(action, message_id, about)
    return place_of(about) if about else "duecourse://inbox"


def _mac(ring: Vault, key_id: str, said: bytes) -> bytes:
    return bytes.fromhex(ring.mac("link", said.hex(), key_id=key_id))[:_MAC_BYTES]
