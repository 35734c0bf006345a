"""Subsets of the documents' font that many documents share: made and compressed once, then only copied.

A letter's words are nearly all those of its template. They are one subset, the same in every letter of its kind; what is a
letter's own (a name, an address, amounts) is a second, small one. Each subset is a CID font: two bytes a character, so that
one font holds all of them. The bytes follow from the characters alone.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.wording.pdf_fonts import loaded_font

_FLAGS_SYMBOLIC = 4
_MORE_COMPONENTS, _WORDS, _SCALE, _XY_SCALE, _TWO_BY_TWO = 32, 1, 8, 64, 128
_TABLES = ("cvt ", "fpgm", "prep")


@dataclass(frozen=True, slots=True)
class Subset:
    """Some characters of the font, ready to be put into documents. `codes`: character -> its two bytes in hex."""

    codes: Mapping[str, str]
    name: str
    """PostScript name with its tag, e.g. QAZWSX+DuecourseSans."""
    file: bytes
    """The font as a stream, compressed."""
    file_bytes: int
    """As it is uncompressed."""
    to_unicode: bytes
    """Compressed."""
    widths: str
    """The W array of the CID font."""


@lru_cache(maxsize=256)
def shared_subset(characters: str) -> Subset:
    """Return the subset of these characters (sorted, each once). Kept: meant for what many documents share."""
    return own_subset(characters)


def own_subset(characters: str) -> Subset:
    """Return the subset of these characters (sorted, each once), made anew."""
    face = loaded_font().face
    glyphs = [0, *(face.charToGlyph[ord(character)] for character in characters)]
    codes = {character: f"{number:04X}" for number, character in enumerate(characters, start=1)}
    file = _font_file(face, glyphs)
    name = f"{_tag(characters)}+{face.name.decode() if isinstance(face.name, bytes) else face.name}"
    scale = 1000 / face.unitsPerEm
    widths = " ".join(f"{face.hmetrics[glyph][0] * scale:g}" for glyph in glyphs)
    return Subset(
        codes,
        name,
        zlib.compress(file, 6),
        len(file),
        zlib.compress(_to_unicode(name, codes), 6),
        f"[0 [{widths}]]",
    )


def characters_of(texts: Iterable[str]) -> str:
    """Return the characters of some texts, sorted, each once."""
    return "".join(sorted(set().union(*texts)))


def add_subset(document: Any, subset: Subset, resource: str) -> None:
    """Put a subset into a ReportLab document under a name that its pages use, e.g. "B"."""
    from reportlab.pdfbase import pdfdoc

    face = loaded_font().face

    def add(written: bytes, what: str) -> str:
        reference: bytes = document.Reference(written, f"{what}:{resource}").format(document)
        return reference.decode()

    file = add(_stream(f"/Length1 {subset.file_bytes}", subset.file), "font_file")
    to_unicode = add(_stream("", subset.to_unicode), "to_unicode")
    box = " ".join(f"{value:g}" for value in face.bbox)
    descriptor = add(
        f"<</Type/FontDescriptor/FontName/{subset.name}/Flags {_FLAGS_SYMBOLIC}/FontBBox[{box}]/ItalicAngle 0/Ascent "
        f"{face.ascent:g}/Descent {face.descent:g}/CapHeight {face.capHeight:g}/StemV {face.stemV:g}"
        f"/FontFile2 {file}>>".encode(),
        "descriptor",
    )
    descendant = add(
        f"<</Type/Font/Subtype/CIDFontType2/BaseFont/{subset.name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
        f"/Supplement 0>>/FontDescriptor {descriptor}/DW 1000/W {subset.widths}/CIDToGIDMap/Identity>>".encode(),
        "cid_font",
    )
    font = (
        f"<</Type/Font/Subtype/Type0/BaseFont/{subset.name}/Encoding/Identity-H/DescendantFonts[{descendant}]"
        f"/ToUnicode {to_unicode}>>"
    )
    document.idToObject[pdfdoc.BasicFonts].dict[resource] = document.Reference(font.encode(), f"font:{resource}")


def _stream(entries: str, compressed: bytes) -> bytes:
    head = f"<</Filter/FlateDecode/Length {len(compressed)}{entries}>>stream\n"
    return head.encode() + compressed + b"\nendstream"


def _tag(characters: str) -> str:
    """Return six capitals that tell this subset from others, as PDF asks for."""
    number = zlib.crc32(characters.encode())
    letters = []
    for _ in range(6):
        number, rest = divmod(number, 26)
        letters.append(chr(65 + rest))
    return "".join(letters)


def _font_file(face: Any, wanted: list[int]) -> bytes:
    """Return a TrueType font of these glyphs in this order, with the tables that PDF asks for (ISO 32000-1, table 126)."""
    outlines, positions = face.get_table("glyf"), face.glyphPos
    glyphs: list[int] = list(wanted)
    numbers: dict[int, int] = {}
    for number, glyph in enumerate(glyphs):
        numbers.setdefault(glyph, number)
    offsets, parts, at, number = [0], [], 0, 0
    while number < len(glyphs):  # grows while parts of composed glyphs are found
        outline = outlines[positions[glyphs[number]] : positions[glyphs[number] + 1]]
        if len(outline) > 1 and outline[0] & 0x80:
            outline = _composed(outline, glyphs, numbers)
        outline += b"\0" * (-len(outline) % 4)
        parts.append(outline)
        at += len(outline)
        offsets.append(at)
        number += 1
    metrics = [face.hmetrics[glyph] for glyph in glyphs]
    tables = {
        "glyf": b"".join(parts),
        "head": _with_short(face.get_table("head"), 50, 1),  # indexToLocFormat: long
        "hhea": _with_short(face.get_table("hhea"), 34, len(glyphs)),
        "hmtx": struct.pack(f">{2 * len(metrics)}H", *(int(each) & 0xFFFF for pair in metrics for each in pair)),
        "loca": struct.pack(f">{len(offsets)}I", *offsets),
        "maxp": _with_short(face.get_table("maxp"), 4, len(glyphs)),
    }
    for tag in _TABLES:
        if tag in face.table:
            tables[tag] = face.get_table(tag)
    return _assembled(tables)


def _composed(outline: bytes, glyphs: list[int], numbers: dict[int, int]) -> bytes:
    """Return a composed glyph with its parts renumbered; parts not wanted so far are added."""
    changed, place = bytearray(outline), 10
    while True:
        flags, part = struct.unpack_from(">HH", changed, place)
        if part not in numbers:
            numbers[part] = len(glyphs)
            glyphs.append(part)
        struct.pack_into(">H", changed, place + 2, numbers[part])
        place += 8 if flags & _WORDS else 6
        place += 2 if flags & _SCALE else 4 if flags & _XY_SCALE else 8 if flags & _TWO_BY_TWO else 0
        if not flags & _MORE_COMPONENTS:
            return bytes(changed)


def _with_short(table: bytes, place: int, value: int) -> bytes:
    return table[:place] + struct.pack(">H", value) + table[place + 2 :]


def _assembled(tables: Mapping[str, bytes]) -> bytes:
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    head = struct.pack(">IHHHH", 0x00010000, count, power * 16, power.bit_length() - 1, count * 16 - power * 16)
    place, directory, bodies = len(head) + 16 * count, [], []
    for tag, table in sorted(tables.items()):
        padded = table + b"\0" * (-len(table) % 4)
        directory.append(struct.pack(">4sIII", tag.encode(), _checksum(padded), place, len(table)))
        bodies.append(padded)
        place += len(padded)
    return b"".join((head, *directory, *bodies))


def _checksum(padded: bytes) -> int:
    words = array("I", padded)
    if sys.byteorder == "little":
        words.byteswap()
    return sum(words) & 0xFFFFFFFF


def _to_unicode(name: str, codes: Mapping[str, str]) -> bytes:
    """Return the CMap that reads the characters back."""
    lines = [f"<{code}> <{character.encode('utf-16-be').hex().upper()}>" for character, code in codes.items()]
    blocks = []
    for start in range(0, len(lines), 100):
        some = lines[start : start + 100]
        blocks += [f"{len(some)} beginbfchar", *some, "endbfchar"]
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            f"/CMapName /{name} def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<0000> <FFFF>",
            "endcodespacerange",
            *blocks,
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        ]
    ).encode("ascii")
