"""An e-mail as it goes over the wire: text and simple HTML of the same words, nothing remote, nothing that tracks.

Headers are written here by hand: Python's generator encodes long values such as List-Unsubscribe as words (RFC 2047) that no
reader takes for an address. What comes from outside is cleaned first, so that no value can begin another header.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.message import MIMEPart
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr
from html import escape

from app.channels.base import Outgoing
from app.channels.email.return_paths import ReturnPaths
from app.channels.email.words import link_words

_SEVEN_BIT = SMTP.clone(cte_type="7bit")
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>(),:;\"\\\[\]@]{1,64}@([^\s\x00-\x1f\x7f<>(),:;\"\\\[\]@]{1,253})")
_LINK = re.compile(r"https?://[\x21\x23-\x3b\x3d\x3f-\x7e]{1,900}")
_LONGEST_SUBJECT = 200
_LONGEST_NAME = 80
_FOLD = "\r\n"
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_PAGE_STYLE = "margin:0;padding:16px;background:#ffffff;color:#1a1a1a;font:16px/1.5 sans-serif"
_TEXT_STYLE = "max-width:600px;margin:0 auto"
_FOOT_STYLE = "margin-top:24px;border-top:1px solid #767676;padding-top:12px;font-size:14px"


class BadAddressError(ValueError):
    """The address is none that SMTP can carry. The text does not repeat it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What one message is handed to a relay with."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    token: str
    needs_utf8: bool
    content: bytes = field(repr=False)
    """Whole, with CRLF line ends, not dot-stuffed."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: header From, and where an answer goes."""

    header: str
    """For a message that does not say whose it is."""
    reply_to: str | None = None

    @classmethod
    def read(cls, from_header: str, reply_to: str | None) -> "Sender":
        """Return it from settings such as "Harbour Credit <service@lender.example>". Raises ValueError."""
        for name, value in (("from", from_header), ("reply_to", reply_to)):
            if value is not None and not _ADDRESS.fullmatch(parseaddr(value)[1]):
                raise ValueError(f"The smtp provider's {name} must hold an e-mail address.")
        return cls(_from_header(*parseaddr(from_header)), parseaddr(reply_to)[1] if reply_to else None)

    @property
    def address(self) -> str:
        """The From address: the same for all lenders, since the relay signs for its domain."""
        return parseaddr(self.header)[1]

    @property
    def domain(self) -> str:
        """The domain of the From address."""
        return self.address.rpartition("@")[2]

    def named(self, name: str | None) -> str:
        """Return header From with a name of the message's own."""
        return _from_header(name, self.address) if name and plain_line(name) else self.header


def compose(outgoing: Outgoing, sender: Sender, returns: ReturnPaths, *, now: datetime) -> Envelope:
    """Return a message ready for the wire. Raises BadAddressError."""
    recipient, needs_utf8 = wire_address(outgoing.target.address)
    link = outgoing.unsubscribe_url if _LINK.fullmatch(outgoing.unsubscribe_url or "") else None
    boundary = f"=_{outgoing.message_id}"
    headers = [
        ("From", sender.named(outgoing.sender_name)),
        *([("Reply-To", sender.reply_to)] if sender.reply_to else []),
        ("To", recipient),
        ("Subject", _encoded_subject(outgoing.title)),
        ("Date", format_datetime(now)),
        ("Message-ID", returns.header_id(outgoing.message_id)),
        ("Auto-Submitted", "auto-generated"),  # RFC 3834: no vacation notice answers it
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),
        ("Content-Language", _CONTROLS.sub("", outgoing.locale)[:35]),
        *_unsubscribe_headers(link, sender.reply_to),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("utf-8" if needs_utf8 else "ascii")
    parts = (_part(text_of(outgoing, link), "plain"), _part(html_of(outgoing, link), "html"))
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    content = head + b"\r\n" + body + b"--" + boundary.encode() + b"--\r\n"
    token = returns.token(outgoing.message_id)
    return Envelope(returns.envelope_sender(outgoing.message_id), recipient, token, needs_utf8, content)


def wire_address(address: str) -> tuple[str, bool]:
    """Return an address with its domain in ASCII (IDNA), and whether its mailbox needs SMTPUTF8. Raises BadAddressError."""
    match = _ADDRESS.fullmatch(address.strip())
    if match is None:
        raise BadAddressError("This is no e-mail address.")
    mailbox = address.strip().rpartition("@")[0]
    try:
        domain = match[1].encode("idna").decode("ascii")
    except UnicodeError:
        raise BadAddressError("The domain of the address cannot be.") from None
    if len(mailbox.encode()) > 64 or len(domain) > 253:
        raise BadAddressError("The address is too long.")
    return f"{mailbox}@{domain}", not mailbox.isascii()


def text_of(outgoing: Outgoing, link: str | None) -> str:
    """Return the plain text: the words, and the way to end such e-mails."""
    foot = f"\n\n--\n{link_words(outgoing.locale)}: {link}" if link else ""
    return "\n\n".join(_paragraphs(outgoing.body)) + foot + "\n"


def html_of(outgoing: Outgoing, link: str | None) -> str:
    """Return the same words as HTML that a screen reader reads in order: a language, a heading, paragraphs, one link."""
    language = escape(_CONTROLS.sub("", outgoing.locale)[:35])
    direction = "rtl" if outgoing.locale.partition("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"
    title = escape(plain_line(outgoing.title))
    paragraphs = "".join(f"<p>{escape(each)}</p>\n" for each in _paragraphs(outgoing.body))
    foot = (
        f'<footer style="{_FOOT_STYLE}"><p><a href="{escape(link)}">{escape(link_words(outgoing.locale))}</a></p></footer>\n'
        if link
        else ""
    )
    return (
        f'<!doctype html>\n<html lang="{language}" dir="{direction}">\n<head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>\n'
        f'<body style="{_PAGE_STYLE}">\n<div role="article" style="{_TEXT_STYLE}">\n'
        f'<h1 style="font-size:20px">{title}</h1>\n{paragraphs}{foot}</div>\n</body>\n</html>\n'
    )


def plain_line(text: str) -> str:
    """Return text on one line, without control characters."""
    return _CONTROLS.sub(" ", text).strip()[:_LONGEST_SUBJECT]


def _paragraphs(body: str) -> list[str]:
    return [line for each in body.splitlines() if (line := _CONTROLS.sub(" ", each).strip())]


def _from_header(name: str, address: str) -> str:
    line = plain_line(name)[:_LONGEST_NAME]
    if line.isascii():
        return formataddr((line, address))
    return f"{Header(line, 'utf-8', maxlinelen=76, header_name='From').encode(linesep=_FOLD)} <{address}>"


def _encoded_subject(title: str) -> str:
    line = plain_line(title)
    charset = "us-ascii" if line.isascii() else "utf-8"
    return Header(line, charset, maxlinelen=76, header_name="Subject").encode(linesep=_FOLD)


def _unsubscribe_headers(link: str | None, reply_to: str | None) -> list[tuple[str, str]]:
    """RFC 2369 and RFC 8058: a mail program ends such e-mails by one POST, or by a mail that says STOP."""
    if link is None:
        return []
    by_mail = f",\r\n <mailto:{reply_to}?subject=STOP>" if reply_to and reply_to.isascii() else ""
    return [("List-Unsubscribe", f"<{link}>{by_mail}"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")]


def _part(text: str, subtype: str) -> bytes:
    part = MIMEPart(policy=_SEVEN_BIT)
    part.set_content(text, subtype=subtype, charset="utf-8")
    return part.as_bytes(policy=_SEVEN_BIT)
