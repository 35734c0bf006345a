"""How a message looks where it arrives: cut as the platform cuts, counted as the provider bills.

How much a phone shows varies with its size, its letters and its version; the figures are those of a usual phone, in columns
(a Chinese character takes two), and meant to show where a text may be cut, not to promise where.
"""

import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.segments import mainland_segments_of, segments_of
from app.wording.catalogue import Rendered

_PUSH = (
    ("Android, collapsed", 42, 1, 46),
    ("Android, expanded", 42, 9, 46),
    ("iOS, lock screen", 36, 4, 44),
)
"""Where, columns of the title, lines of the body, columns of a line."""
_WECHAT_CHARACTERS = 20
_SUBJECT_COLUMNS = 41
"""Of a mail program on a phone held upright."""
_LETTER_COLUMNS, _LETTER_LINES = 86, 6
_LETTER_PAGE_LINES = 40
_WORDS_A_MINUTE, _CHARACTERS_A_MINUTE = 150, 240
"""Of speech, slow enough to be followed on a phone."""


@dataclass(frozen=True, slots=True)
class View:
    """One place where it is seen: its name, its lines, and whether something of it was cut."""

    place: str
    lines: tuple[str, ...]
    is_cut: bool = False
    note: str = ""


def views_of(rendered: Rendered, channel: str, *, signature: str = "") -> list[View]:
    """Return how a message looks. `signature`: what a Chinese SMS provider puts before it."""
    title, body = rendered.title, rendered.body
    if channel == "push":
        return list(_push(title, body))
    if channel == "sms":
        return list(_sms(body, signature))
    if channel == "wechat":
        return [_field("title", title), _field("body", body)]
    if channel == "email":
        subject, is_cut = _cut(title, _SUBJECT_COLUMNS)
        return [
            View("list of a mail program", (subject, _cut(" ".join(body.split()), 60)[0]), is_cut),
            View("text", tuple(body.split("\n"))),
        ]
    if channel == "voice":
        return [View("as read", tuple(textwrap.wrap(body, 80)), note=f"about {_seconds(body)} seconds")]
    if channel == "letter":
        lines = [line for paragraph in body.split("\n") for line in (*_wrapped(paragraph, _LETTER_COLUMNS), "")]
        note = f"{len(lines)} lines, about {-(-len(lines) // _LETTER_PAGE_LINES)} page(s)"
        return [View("first lines", (title, "", *lines[:_LETTER_LINES]), note=note)]
    return [View("in the app", (title, *body.split("\n")))]


def _push(title: str, body: str) -> Iterator[View]:
    for place, title_columns, most_lines, columns in _PUSH:
        head, head_is_cut = _cut(title, title_columns)
        lines = _wrapped(body, columns)
        shown = lines[:most_lines]
        if len(lines) > most_lines:
            shown[-1] = _cut(f"{shown[-1]}\n", columns)[0]
        yield View(place, (head, *shown), head_is_cut or len(lines) > most_lines)


def _sms(body: str, signature: str) -> Iterator[View]:
    size = segments_of(body)
    yield View("phone", tuple(_wrapped(body, 40)), note=f"{size.count} SMS, {size.units} units of {size.encoding}")
    if signature:
        billed = mainland_segments_of(body, signature)
        lines = tuple(_wrapped(f"【{signature}】{body}", 40))
        yield View("mainland China", lines, note=f"{billed.count} SMS, {billed.units} characters")


def _field(name: str, text: str) -> View:
    shown = text[:_WECHAT_CHARACTERS]
    return View(f"field of {name}", (shown,), shown != text, f"{len(text)} of {_WECHAT_CHARACTERS} characters")


def _wrapped(text: str, columns: int) -> list[str]:
    """Return text in lines of at most so many columns, broken at blanks where there are some."""
    lines, line = [], ""
    for word in _words(text):
        if line and _width(line + word) > columns:
            lines.append(line.rstrip())
            line = ""
        line += word.lstrip() if not line else word
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _words(text: str) -> Iterator[str]:
    word = ""
    for char in text:
        word += char
        if char == " " or _width(char) == 2:
            yield word
            word = ""
    if word:
        yield word


def _cut(text: str, columns: int) -> tuple[str, bool]:
    line = text.split("\n")[0]
    if _width(line) <= columns and "\n" not in text:
        return text, False
    while _width(line) > columns - 1:
        line = line[:-1]
    return line.rstrip() + "…", True


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _seconds(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    words = len("".join(" " if unicodedata.east_asian_width(char) in "WF" else char for char in text).split())
    return round(60 * (wide / _CHARACTERS_A_MINUTE + words / _WORDS_A_MINUTE))
