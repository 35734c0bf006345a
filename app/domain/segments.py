"""How many SMS a text is: what a network carries and a provider bills.

Source: 3GPP TS 23.038 (the 7-bit alphabet and its extension table), 3GPP TS 23.040 (the header by which parts are joined
takes 6 of 140 bytes, so a part of several holds 153 septets or 67 UTF-16 units); Alibaba Cloud SMS, "Message sending rules"
(mainland: every character one, the signature with its brackets included, 70 and 67).
"""

from collections.abc import Iterator
from dataclasses import dataclass

_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Each is two septets: an escape and the character."""


@dataclass(frozen=True, slots=True)
class Segments:
    """`encoding`: gsm7 or ucs2; `units`: septets or UTF-16 units in all; `count`: SMS, at least 1."""

    encoding: str
    units: int
    count: int


def segments_of(text: str) -> Segments:
    """Return how a text is carried: in the 7-bit alphabet where every character of it is there, else in UCS-2.

    No national language tables: phones and gateways do not agree on them, and the count must not be too low.
    """
    if all(char in _GSM_BASIC or char in _GSM_EXTENSION for char in text):
        sizes, alone, joined, encoding = [2 if char in _GSM_EXTENSION else 1 for char in text], 160, 153, "gsm7"
    else:
        sizes, alone, joined, encoding = list(_utf16_sizes(text)), 70, 67, "ucs2"
    return Segments(encoding, sum(sizes), _parts(sizes, alone, joined))


def mainland_segments_of(text: str, signature: str) -> Segments:
    """Return how a text to mainland China is billed: in UCS-2 whatever it holds, after 【signature】.

    Source: Alibaba Cloud SMS, "Message sending rules": 70 characters, else 67 each. That a character outside the basic
    plane (an emoji) counts two, as on the air, is not said there.
    """
    sizes = list(_utf16_sizes(f"【{signature}】{text}"))
    return Segments("ucs2", sum(sizes), _parts(sizes, 70, 67))


def _utf16_sizes(text: str) -> Iterator[int]:
    return (2 if ord(char) > 0xFFFF else 1 for char in text)


def _parts(sizes: list[int], alone: int, joined: int) -> int:
    """Count the parts; neither an escape with its character nor a surrogate pair is split over two."""
    if sum(sizes) <= alone:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > joined:
            parts, used = parts + 1, 0
        used += size
    return parts
