"""Files that borrowers hand in: which kinds, how large, what their bytes must look like, and what may become of one.

What a file is said to be is never believed: its first and last bytes are looked at, and a file that is two things at once
(a picture that is an archive or a page as well) is refused. Nothing here opens or renders a file.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

MIB = 1024 * 1024
PURPOSES = ("dispute", "hardship", "conversation")


class State(StrEnum):
    """Where a file stands."""

    REGISTERED = "registered"
    """Announced; its bytes have not come."""
    SCANNING = "scanning"
    """Kept; the scanner has not answered yet."""
    CLEAN = "clean"
    UNSCANNED = "unscanned"
    """Kept; this installation has no scanner."""
    REFUSED = "refused"
    """The scanner found something; the bytes are gone."""
    EXPIRED = "expired"
    """Its bytes did not come in time."""


MOVES: Mapping[State, frozenset[State]] = {
    State.REGISTERED: frozenset({State.SCANNING, State.UNSCANNED, State.EXPIRED}),
    State.SCANNING: frozenset({State.CLEAN, State.REFUSED}),
    State.UNSCANNED: frozenset({State.SCANNING}),
    State.CLEAN: frozenset(),
    State.REFUSED: frozenset(),
    State.EXPIRED: frozenset(),
}
"""What may become of a file. One that was kept without a scanner is scanned once there is one."""
KEPT = frozenset({State.SCANNING, State.CLEAN, State.UNSCANNED})
"""States in which there are bytes."""


class ScannerError(Exception):
    """The scanner cannot be reached or said nothing that is known: nobody knows what is in the file."""


@dataclass(frozen=True, slots=True)
class AttachmentRules:
    """How much may be handed in."""

    most_bytes: int = 10 * MIB
    most_unclaimed: int = 20
    """Files of one borrower that belong to nothing yet."""
    most_in_a_day: int = 60
    """Files of one borrower, used or not: what is used and taken back again and again fills no disk."""
    hours_to_upload: int = 1
    hours_unclaimed: int = 24
    """After which a file that belongs to nothing is forgotten."""


RULES = AttachmentRules()


@dataclass(frozen=True, slots=True)
class _Kind:
    extension: str
    looks_right: Callable[[bytes], bool]


_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
_PDF_TAIL = 1024
_HEAD = 1024
"""So far into a file readers of PDF look for its header, and browsers for HTML (WHATWG MIME sniffing: 1445 bytes)."""
_SNIFFED = 1445
_MARKUP = re.compile(
    rb"<(?:!doctype|!--|\?php|html|head|body|script|iframe|svg|table|style|title|a |img|meta|object|embed)", re.I
)
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES, _ZIP_COMMENT = 22, 65_535


def _is_pdf(content: bytes) -> bool:
    if not re.match(rb"%PDF-[12]\.\d", content):
        return False
    end = content.rfind(b"%%EOF", max(len(content) - _PDF_TAIL, 0))
    return end >= 0 and not content[end + 5 :].strip(b"\r\n\t \0")


def _is_jpeg(content: bytes) -> bool:
    """Cameras write their own data after the end of the picture, so that only its beginning is asked for, and an end."""
    return content[:3] == b"\xff\xd8\xff" and content[3:4] >= b"\xc0" and content[3] != 0xFF and b"\xff\xd9" in content[4:]


def _is_png(content: bytes) -> bool:
    return content[:16] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" and content.endswith(_PNG_END)


def _is_heif(content: bytes) -> bool:
    size = int.from_bytes(content[:4])
    if content[4:8] != b"ftyp" or not 16 <= size <= min(len(content), _HEAD):
        return False
    return bool({content[8:12], *(content[at : at + 4] for at in range(16, size, 4))} & _HEIF_BRANDS)


KINDS: Mapping[str, _Kind] = {
    "application/pdf": _Kind("pdf", _is_pdf),
    "image/jpeg": _Kind("jpg", _is_jpeg),
    "image/png": _Kind("png", _is_png),
    "image/heic": _Kind("heic", _is_heif),
}
MEDIA_TYPES = tuple(KINDS)


def content_problem(media_type: str, content: bytes) -> str | None:
    """Return why these bytes are not a plain file of that type, as a stable word; None: they are."""
    if not KINDS[media_type].looks_right(content):
        return "wrong_type"
    if _MARKUP.search(content, 0, _SNIFFED):
        return "holds_markup"
    if media_type != "application/pdf" and content.find(b"%PDF-", 0, _HEAD) >= 0:
        return "is_pdf_too"
    return "is_archive_too" if _ends_as_archive(content) else None


def media_type_of(content: bytes) -> str | None:
    """Return which of the types that are taken these bytes look like; None: none of them."""
    return next((media_type for media_type, kind in KINDS.items() if kind.looks_right(content)), None)


def _ends_as_archive(content: bytes) -> bool:
    """Whether a ZIP ends where the file ends, wherever it begins: what unpackers, Java and Office open.

    The end record is followed by a comment of the length that it states, which ends with the file.
    """
    at = len(content) - _ZIP_END_BYTES
    lowest = max(at - _ZIP_COMMENT, 0)
    while at >= lowest and (at := content.rfind(_ZIP_END, lowest, at + 4)) >= 0:
        if at + _ZIP_END_BYTES + int.from_bytes(content[at + 20 : at + 22], "little") == len(content):
            return True
        at -= 1
    return False


def shown_name(name: str, media_type: str) -> str:
    """Return a name that is safe to keep a file under: no path, nothing hidden, and the extension of what it is.

    "../../etc/passwd" of a PDF is "passwd.pdf", "invoice.exe" is "invoice.pdf".
    """
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(char if char.isprintable() and char not in '<>:"|?*;%' else " " for char in last)
    stem = " ".join(kept.split()).strip(". ")
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", stem).strip(". ")[:80] or "attachment"
    return f"{stem}.{KINDS[media_type].extension}"
