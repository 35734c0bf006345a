"""Mail as it comes in, read without trust: broken headers, unknown character sets and endless nesting raise nothing."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

_MOST_PARTS = 50
_LONGEST_TEXT = 100_000
_LONGEST_HEADER = 4000
_QUOTES = frozenset({"blockquote", "style", "script", "head", "title"})
_BREAKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3"})


def read_mail(raw: bytes) -> Message | None:
    """Return the message, or None for what is none."""
    try:
        mail = message_from_bytes(raw)
    except Exception:  # the standard parser promises not to raise and does, on some garbage
        return None
    return mail if mail.keys() else None


def header(mail: Message, name: str) -> str:
    """Return a header on one line, decoded; "" where it is missing."""
    raw = next((str(value) for each, value in mail.raw_items() if each.lower() == name.lower()), "")
    plain = raw[:_LONGEST_HEADER].encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # UTF-8 that nobody encoded
    try:
        text = str(make_header(decode_header(plain)))
    except Exception:  # an unknown character set, broken base64
        text = plain
    return " ".join(text.split())


def address_of(text: str) -> str:
    """Return the address in a header such as From, in lower case; "" where there is none."""
    try:
        address = parseaddr(text)[1].strip().strip("<>").lower()
    except RecursionError:  # of comments within comments
        return ""
    return address if re.fullmatch(r"[^\s@]{1,64}@[^\s@]{1,253}", address) else ""


def instant_of(text: str) -> datetime | None:
    """Return the instant of a Date header in UTC; None for one without a zone or that cannot be read."""
    try:
        at = parsedate_to_datetime(text)
        return None if at.tzinfo is None else at.astimezone(UTC)
    except Exception:  # the standard parser raises what it likes
        return None


def parts_of(mail: Message) -> Iterator[Message]:
    """Yield the leaves and messages within, outermost first, up to fifty."""
    waiting, count = [mail], 0
    while waiting and count < _MOST_PARTS:
        part = waiting.pop(0)
        count += 1
        yield part
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting[:0] = [each for each in payload if isinstance(each, Message)]


def text_of(mail: Message) -> str:
    """Return what a person wrote: the first text part, else the first HTML part without its marks; or ""."""
    html = ""
    for part in parts_of(mail):
        kind = part.get_content_type()
        if "attachment" in str(part.get("Content-Disposition", "")).lower():
            continue
        if kind == "text/plain" and (found := _decoded(part)).strip():
            return found
        if kind == "text/html" and not html:
            html = _without_marks(_decoded(part))
    return html


def raw_text(part: Message) -> str:
    """Return the text of a leaf, or the header fields of a message within."""
    payload: Any = part.get_payload()
    if isinstance(payload, list):
        return "\n\n".join("\n".join(f"{name}: {each.get(name)}" for name in each) for each in payload)
    return _decoded(part)


def _decoded(part: Message) -> str:
    try:
        raw = part.get_payload(decode=True)
    except Exception:  # a transfer encoding that is none
        return ""
    if not isinstance(raw, bytes):
        return ""
    try:
        return raw[:_LONGEST_TEXT].decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):
        return raw[:_LONGEST_TEXT].decode("utf-8", "replace")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._quoted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _QUOTES:
            self._quoted += 1
        if tag in _BREAKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _QUOTES:
            self._quoted = max(0, self._quoted - 1)

    def handle_data(self, text: str) -> None:
        if not self._quoted:
            self.pieces.append(re.sub(r"\s+", " ", text))


def _without_marks(html: str) -> str:
    reader = _Reader()
    try:
        reader.feed(html)
    except Exception:  # marks that cannot be
        return ""
    return "".join(reader.pieces)
