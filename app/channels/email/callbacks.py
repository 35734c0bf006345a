"""What the relay posts to us: each mail that came to the return path or the reply address, whole, as message/rfc822.

The relay signs with the key of the smtp provider, see signed_posts.py; `Duecourse-Recipient` may name the recipient of the
envelope. A mail that tells nothing or is garbage is answered 200: another try would not make it better.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from app.channels.callbacks import CallbackParser, CallbackRequest, MalformedError
from app.channels.email.bounces import is_bounce, reports_of
from app.channels.email.complaints import complaints_of, is_complaint
from app.channels.email.received import address_of, header, instant_of, read_mail, text_of
from app.channels.email.replies import is_automatic, own_words
from app.channels.email.return_paths import ReturnPaths
from app.channels.email.smtp import return_paths
from app.channels.signed_posts import check_signature
from app.domain.deliveries import Callback, DeliveryReport, InboundMessage, Told

PROVIDER = "email"
_LONGEST_SUBJECT = 200
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\([^()]*\)')
_DMARC = re.compile(r"\s*dmarc\s*=\s*([a-z]+)")


class MailParser:
    """Reads the relay's posts."""

    provider = PROVIDER

    def __init__(self, key: str, returns: ReturnPaths, *, authserv_id: str | None = None) -> None:
        """`authserv_id`: who writes Authentication-Results (RFC 8601) at the relay: whose sender passed DMARC is believed,
        what failed it is not heard."""
        self._key = key.encode()
        self._returns = returns
        self._authserv_id = authserv_id

    def read(self, request: CallbackRequest) -> Callback:
        """Return what one mail says. Raises ForgedError, MalformedError."""
        check_signature(request, self._key)
        if not request.body:
            raise MalformedError("There is no mail in the body.")
        mail = read_mail(request.body)
        heard = self._heard(mail, request) if mail is not None else Callback(PROVIDER)
        return Callback(PROVIDER, heard.reports, heard.inbound, heard.events, is_signed=True)

    def _heard(self, mail: Message, request: CallbackRequest) -> Callback:
        recipient = request.headers.get("duecourse-recipient", "")[:500]
        if is_complaint(mail):
            events = complaints_of(mail, self._returns, recipient)
            arrived = [
                DeliveryReport(
                    f"arf-arrived:{each.detail['message_id']}", Told.DELIVERED, message_id=each.detail["message_id"]
                )
                for each in events
            ]
            return Callback(PROVIDER, arrived, (), events)
        if is_bounce(mail):
            return Callback(PROVIDER, reports_of(mail, self._returns, recipient))
        if is_automatic(mail) or "fail" in self._dmarc(mail):
            return Callback(PROVIDER)
        reply = self._reply(mail, request)
        return Callback(PROVIDER, (), [reply] if reply is not None else ())

    def _reply(self, mail: Message, request: CallbackRequest) -> InboundMessage | None:
        address = address_of(header(mail, "From"))
        subject = header(mail, "Subject")[:_LONGEST_SUBJECT]
        words = own_words(text_of(mail)) or ("" if subject.lower().startswith(("re:", "回复", "答复")) else subject)
        if not address or not words:
            return None
        own_id = header(mail, "Message-ID") or hashlib.sha256(request.body).hexdigest()
        return InboundMessage(
            event_key=f"reply:{hashlib.sha256(f'{address} {own_id}'.encode()).hexdigest()[:40]}",
            channel="email",
            address_kind="email",
            address=address,
            text=words,
            at=instant_of(header(mail, "Date")) or datetime.fromtimestamp(request.now_seconds, UTC),
            in_reply_to=self._returns.find(header(mail, "In-Reply-To"), header(mail, "References"), header(mail, "To")),
            subject=subject,
            is_sender_proven=self._dmarc(mail) == {"pass"},
        )

    def _dmarc(self, mail: Message) -> set[str]:
        """Return what the relay says of DMARC; nothing where it is not known by which name it says so."""
        first = header(mail, "Authentication-Results").lower()  # the topmost: the relay's own
        plain = _QUOTED.sub("", first)  # what the sender chose stands in quotes or has no semicolon
        authserv_id, *results = plain.split(";")
        if self._authserv_id is None or authserv_id.split()[:1] != [self._authserv_id.lower()]:
            return set()
        return {found[1] for each in results if (found := _DMARC.match(each))}


def parser(entry: Mapping[str, Any]) -> CallbackParser:
    """Return the parser for the smtp provider's entry in the providers file. Raises KeyError, ValueError."""
    return MailParser(str(entry["key"]), return_paths(entry), authserv_id=entry.get("authserv_id"))
