"""Breaking text into lines: between words, and between Han characters by the rules of what may begin or end a line.

Source of the rules: GB/T 15834-2011 5.1 (marks that may not stand at a line's beginning or end).
"""

import re
from functools import cache, lru_cache
from typing import Any

from app.wording.pdf_fonts import loaded_font

_HAN = "⺀-鿿豈-﫿＀-￯\U00020000-\U0003ffff"
_PIECES = re.compile(rf"[^\S ]+| +|[{_HAN}]|[^\s{_HAN}]+")
_NEVER_FIRST = frozenset("，。、；：！？）》〉」』】〕”’％…—·,.;:!?)%]}")
_NEVER_LAST = frozenset("（《〈「『【〔“‘([{")


@cache
def _widths() -> Any:
    return loaded_font().face.charWidths


def measured(text: str) -> float:
    """Return how wide a text is in thousandths of its size; characters the font lacks count as nothing."""
    widths = _widths()
    return float(sum(widths.get(ord(character), 0) for character in text))


@lru_cache(maxsize=2048)
def broken(text: str, size: float, width: float) -> tuple[str, ...]:
    """Return text as lines of at most `width` points. A word wider than a line is cut. The empty text is one empty line."""
    room = width * 1000 / size
    lines: list[str] = []
    line, used, blank = "", 0.0, ""
    for unit in _units(text):
        if unit[0] == " ":
            blank = " " if line else ""
            continue
        wide = measured(unit)
        gap = measured(blank)
        if line and used + gap + wide > room:
            lines.append(line)
            line, used, blank, gap = "", 0.0, "", 0.0
        line, used, blank = line + blank + unit, used + gap + wide, ""
        while used > room and len(line) > 1:
            fitting = _fitting(line, room)
            lines.append(line[:fitting])
            line = line[fitting:]
            used = measured(line)
    lines.append(line)
    return tuple(lines)


def _units(text: str) -> list[str]:
    """Return what is not broken: words, and Han characters with the marks that must stay at them."""
    units: list[str] = []
    glue = False
    for piece in _PIECES.findall(text.replace("\u00a0", " ")):
        if piece.isspace():
            units.append(" ")
            glue = False
            continue
        if units and units[-1] != " " and (glue or piece in _NEVER_FIRST):
            units[-1] += piece
        else:
            units.append(piece)
        glue = piece[-1] in _NEVER_LAST
    return units


def _fitting(line: str, room: float) -> int:
    used, widths = 0.0, _widths()
    for number, character in enumerate(line):
        used += widths.get(ord(character), 0)
        if used > room:
            return max(number, 1)
    return len(line)
