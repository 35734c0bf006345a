"""Complaints: feedback reports (ARF, RFC 5965) that a mailbox provider sends when somebody presses "this is spam".

Who complains wants no more e-mail; that is an opt-out. Whose it is follows from our token in the message that the report
returns, never from an address it names: many providers black the recipient out, and a forged report must not end another's.
"""

from collections.abc import Mapping
from email.message import Message
from typing import Any

from app.channels.email.received import header, instant_of, parts_of, raw_text
from app.channels.email.return_paths import ReturnPaths
from app.domain.deliveries import EndpointEvent

_MEANT = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "other", "virus"})
"""Feedback types that ask for an end; not-spam takes one back, auth-failure is about our DNS."""


def is_complaint(mail: Message) -> bool:
    """Return whether a mail is a feedback report."""
    return any(part.get_content_type() == "message/feedback-report" for part in parts_of(mail))


def complaints_of(mail: Message, returns: ReturnPaths, recipient: str) -> list[EndpointEvent]:
    """Return the complaint, with our message id in `detail` and no address; nothing where it does not hold our token."""
    parts = list(parts_of(mail))
    fields = _fields(next(part for part in parts if part.get_content_type() == "message/feedback-report"))
    kind = fields.get("feedback-type", "").lower()
    returned = [raw_text(part) for part in parts if part.get_content_type() in ("message/rfc822", "text/rfc822-headers")]
    message_id = returns.find(
        fields.get("original-mail-from", ""), fields.get("original-envelope-id", ""), *returned, recipient
    )
    if kind not in _MEANT or message_id is None:
        return []
    return [
        EndpointEvent(
            event_key=f"arf:{message_id}",
            channel="email",
            address_kind="email",
            address="",
            kind="complained",
            detail={"message_id": message_id, "feedback_type": kind},
            at=instant_of(fields.get("arrival-date", "")) or instant_of(header(mail, "Date")),
        )
    ]


def _fields(part: Message) -> Mapping[str, str]:
    payload: Any = part.get_payload()
    if isinstance(payload, list):
        return {name.lower(): header(each, name) for each in reversed(payload) for name in each}
    pairs = (line.partition(":") for line in raw_text(part).splitlines() if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
