"""The link in an e-mail that ends such e-mails: a signed address that needs no sign-in, and counts as a STOP.

The address holds whose it is, which channel, and a keyed hash of both; nothing is stored. It does not run out: whoever finds
an e-mail years later may still end them, and more than that a link cannot do.
"""

import base64
import binascii
import hmac
import uuid
from datetime import datetime

from app.domain.consents import CONSENT_CHANNELS
from app.domain.errors import NotFoundError
from app.persistence.queries.agenda import lock_agenda
from app.persistence.unit_of_work import Work
from app.persistence.vault import Vault
from app.services.opt_outs import opt_out

PATH = "/v1/unsubscribe/"
_PURPOSE = "unsubscribe"
_MAC_BYTES = 16
_TOKEN_BYTES = 16 + 1 + _MAC_BYTES


def url_for(vault: Vault, public_url: str, borrower_id: str, channel: str) -> str:
    """Return the address by which a borrower ends a channel. Raises ValueError for a channel that cannot be ended."""
    place = bytes([CONSENT_CHANNELS.index(channel)])
    token = uuid.UUID(borrower_id).bytes + place + _mac(vault, borrower_id, channel, vault.current_key_id)
    return f"{public_url.rstrip('/')}{PATH}{base64.urlsafe_b64encode(token).decode().rstrip('=')}"


def read_token(vault: Vault, token: str) -> tuple[str, str]:
    """Return (borrower id, channel) of a genuine token, signed by any key of the ring. Raises NotFoundError."""
    try:
        raw = base64.urlsafe_b64decode(token[:100] + "=" * (-len(token[:100]) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) == _TOKEN_BYTES and raw[16] < len(CONSENT_CHANNELS):
        borrower_id, channel = str(uuid.UUID(bytes=raw[:16])), CONSENT_CHANNELS[raw[16]]
        if any(hmac.compare_digest(_mac(vault, borrower_id, channel, key), raw[17:]) for key in vault.key_ids):
            return borrower_id, channel
    raise NotFoundError("The link is not one of ours, or a part of it is missing.")


def unsubscribe(work: Work, token: str, *, now: datetime) -> bool:
    """End the channel for the borrower of a token; return whether that was new. Raises NotFoundError."""
    borrower_id, channel = read_token(work.vault, token)
    if not lock_agenda(work.session, [borrower_id]):
        raise NotFoundError("Nobody is known by this link any more.")
    return opt_out(work, borrower_id, channel, by="borrower", now=now, evidence="unsubscribe link")


def _mac(vault: Vault, borrower_id: str, channel: str, key_id: str) -> bytes:
    return bytes.fromhex(vault.mac(_PURPOSE, f"{borrower_id}\0{channel}", key_id=key_id))[:_MAC_BYTES]
