"""Delivery status notifications: RFC 3464 reports, and what old servers write instead.

A bounce may come days after the relay took the message. Only one that holds our token is believed, see `return_paths.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from app.channels.base import EndpointVerdict
from app.channels.email.answers import status_of, told_of_address
from app.channels.email.received import header, instant_of, parts_of, raw_text, text_of
from app.channels.email.return_paths import ReturnPaths
from app.domain.deliveries import DeliveryReport, Told

_MOST_RECIPIENTS = 20
_TOLD = {
    "failed": Told.FAILED,
    "delayed": Told.ACCEPTED,
    "delivered": Told.DELIVERED,
    "relayed": Told.SENT,
    "expanded": Told.SENT,
}
"""Action -> what it tells. Relayed and expanded: it went on to a system that sends no receipts."""
_POSTMASTERS = re.compile(r"(mailer-daemon|postmaster|mail delivery (sub)?system)", re.IGNORECASE)
_REPLY_CODE = re.compile(r"(?m)(?:^|[:;]\s*|said:\s*|#)\s*(5\d\d)[ -]")


@dataclass(frozen=True, slots=True)
class _Finding:
    action: str
    raw: str
    """The mail system's status."""
    code: str | None = None
    verdict: EndpointVerdict = EndpointVerdict.KEEP


def is_bounce(mail: Message) -> bool:
    """Return whether a mail is a delivery status notification, or what a mail system writes that knows none."""
    report = mail.get_content_type() == "multipart/report" and mail.get_param("report-type") == "delivery-status"
    return report or any(part.get_content_type() == "message/delivery-status" for part in parts_of(mail)) or _is_old(mail)


def reports_of(mail: Message, returns: ReturnPaths, recipient: str) -> list[DeliveryReport]:
    """Return what a bounce tells of our message; nothing where it does not hold its token. `recipient`: of the envelope."""
    parts = list(parts_of(mail))
    said = [raw_text(part) for part in parts if part.get_content_type().startswith(("message/", "text/rfc822"))]
    within = [f"{header(part, 'Message-ID')} {header(part, 'Return-Path')}" for part in parts[1:]]
    message_id = returns.find(recipient, header(mail, "To"), header(mail, "References"), *within, *said)
    if message_id is None:
        return []
    told = list(_told(parts))
    if not told and _is_old(mail):
        told = [_old(text_of(mail))]
    at = instant_of(header(mail, "Date"))
    found = [
        DeliveryReport(
            event_key=f"dsn:{message_id}:{each.action}:{each.raw}"[:200],
            told=_TOLD[each.action],
            message_id=message_id,
            at=at,
            error_code=each.code,
            raw_code=each.raw[:60] or None,
            verdict=each.verdict.value,
        )
        for each in told
    ]
    return list({report.event_key: report for report in found}.values())


def _told(parts: list[Message]) -> Iterator[_Finding]:
    """Yield what is told for each recipient of each report."""
    for part in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        for fields in _blocks(part)[:_MOST_RECIPIENTS]:
            action = fields.get("action", "").split(" ")[0].lower()
            if action not in _TOLD:
                continue
            diagnosis = fields.get("diagnostic-code", "")
            stated = status_of(fields.get("status", ""))
            said = status_of(diagnosis)
            if said is not None and (stated is None or stated[1] in ("0.0", "1.0", "2.0", "3.0")):
                stated = said  # many relays state 5.0.0 and quote the true one
            raw = f"{stated[0]}.{stated[1]}" if stated else (fields.get("status") or diagnosis)[:40]
            yield _finding(action, raw, stated)


def _finding(action: str, raw: str, status: tuple[str, str] | None) -> _Finding:
    """Add our word for a failure or a delay, and what it says of the address. A delay says nothing of it."""
    if action not in ("failed", "delayed"):
        return _Finding(action, raw)
    if status is None:
        return _Finding(action, raw, "unknown")
    told = told_of_address(status[1]) or ("unreachable", EndpointVerdict.KEEP)
    final = action == "failed" and status[0] == "5"  # 4.X.X that failed at last: it was tried until the relay gave up
    code = told[0] if final or told[0] == "mailbox_full" else "unreachable"
    return _Finding(action, raw, code, told[1] if final else EndpointVerdict.KEEP)


def _blocks(part: Message) -> list[dict[str, str]]:
    """Return the groups of fields of a message/delivery-status part, names in lower case."""
    payload = part.get_payload()
    if isinstance(payload, list):
        return [{name.lower(): header(each, name) for name in each} for each in payload if isinstance(each, Message)]
    groups = re.split(r"\n\s*\n", raw_text(part).replace("\r\n", "\n"))
    pairs = [[line.partition(":") for line in group.split("\n") if ":" in line] for group in groups]
    return [{name.strip().lower(): value.strip() for name, _, value in group} for group in pairs]


def _is_old(mail: Message) -> bool:
    return mail.get_content_type() != "multipart/report" and _POSTMASTERS.search(header(mail, "From")) is not None


def _old(text: str) -> _Finding:
    """Read a bounce that is prose: the first status or reply code in it."""
    status = status_of(text)
    if status is not None and status[0] == "2":
        status = None
    code = _REPLY_CODE.search(text)
    raw = f"{status[0]}.{status[1]}" if status else code[1] if code else ""
    return _finding("delayed" if status is not None and status[0] == "4" else "failed", raw, status)
