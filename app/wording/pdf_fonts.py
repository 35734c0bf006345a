"""The font of documents: embedded as the subset a document uses, with every character readable again as text.

content/fonts/README.md says what it is made of. ReportLab is loaded where a document is made, and nowhere else.
"""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

FONT_NAME = "DuecourseSans"
_FILE = Path(__file__).resolve().parents[1] / "content" / "fonts" / "DuecourseSans-Regular.ttf"
_LACKING = "□"
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_PIECES = re.compile(r"\s+|[⺀-鿿豈-﫿＀-￯\U00020000-\U0003ffff]|[^\s⺀-鿿豈-﫿＀-￯\U00020000-\U0003ffff]+")
"""Blanks, single Han characters (a line may break after each), and words of other scripts."""
_NEVER_FIRST = frozenset("，。、；：！？）》」』】”’,.;:!?)%")

_BEYOND_BMP = re.compile("<([0-9A-F]{5,6})>")

making = Lock()
"""Held while a document is made: ReportLab's font keeps its reading position, and two threads would share it."""


@lru_cache(maxsize=1)
def loaded_font() -> Any:
    """Return ReportLab's TTFont, registered as `FONT_NAME`; a process's first call takes 0.1 s and 35 MB."""
    from reportlab import rl_config
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    rl_config.useA85 = 0  # streams as bytes: a fifth smaller than as letters, and quicker to make

    class DocumentFont(TTFont):  # type: ignore[misc]
        """A TTFont whose rare Han characters can be read back."""

        def addObjects(self, doc: Any) -> None:
            """Add the font's objects. ReportLab 5.1 writes characters beyond U+FFFF as one number; PDF wants UTF-16."""
            super().addObjects(doc)
            for name, stream in doc.idToObject.items():
                if name.startswith("toUnicodeCMap:"):
                    stream.content = _BEYOND_BMP.sub(_utf_16, stream.content)

    font = DocumentFont(FONT_NAME, str(_FILE), shapable=False)
    font.face.get_table = cache(font.face.get_table)  # 10 MB of outlines, else copied for every document: 2 ms
    pdfmetrics.registerFont(font)
    return font


def _utf_16(match: re.Match[str]) -> str:
    return f"<{chr(int(match.group(1), 16)).encode('utf-16-be').hex().upper()}>"


@lru_cache(maxsize=8192)
def width_of(text: str, size: float) -> float:
    """Return how wide drawable text is, in points."""
    widths, lacking = loaded_font().face.charWidths, loaded_font().face.defaultWidth
    return float(sum(widths.get(ord(character), lacking) for character in text) * size / 1000)


@lru_cache(maxsize=8192)
def drawable(text: str) -> str:
    """Return the text in composed form, without what is never seen, and with a box for each character the font lacks."""
    known = loaded_font().face.charToGlyph
    composed = unicodedata.normalize("NFC", UNSEEN.sub("", text.replace("\n", " ").replace("\t", " ")))
    return "".join(character if ord(character) in known else _LACKING for character in composed)


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Return drawable text as lines of at most `width` points, broken between words or Han characters, else in a word."""
    lines = [""]
    for piece in _PIECES.findall(text):
        if width_of(lines[-1] + piece.rstrip(), size) <= width or (piece in _NEVER_FIRST and lines[-1]):
            lines[-1] += piece
            continue
        lines[-1] = lines[-1].rstrip()
        if lines[-1]:
            lines.append("")
        for character in piece.lstrip():
            if lines[-1] and width_of(lines[-1] + character, size) > width:
                lines.append("")
            lines[-1] += character
    return [line.rstrip() for line in lines]
