"""The frame of documents: A4 pages that say which of how many they are, running text, facts, tables whose head repeats.

What is drawn is collected first and written at the end, when the number of pages is known. The same input gives the same
bytes: nothing of the time or the machine goes in.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.wording.pdf_fonts import FONT_NAME, drawable, loaded_font, making, width_of, wrapped

PORTRAIT = (595.28, 841.89)
"""A4 in points."""
LANDSCAPE = (841.89, 595.28)
MARGIN = 42.0
"""Left free on every side, in points."""
_FOOT = 26.0
_LEADING = 1.4
"""Of the size of the letters, from one line to the next."""
_CELL_GAP = 8.0
_GREY, _BLACK = 0.45, 0.0
_BOLD_STROKE = 0.25
"""How thick, in points, the outline of letters is drawn where they are to be bold: there is one weight of the font."""


class Ink(NamedTuple):
    """How letters look."""

    size: float
    bold: bool = False
    grey: bool = False


class Column(NamedTuple):
    """A column of a table. `width` in points; amounts stand at the right, so that their decimal points align."""

    title: str
    width: float
    is_amount: bool = False


class TableRow(NamedTuple):
    """The cells of one row, one for each column. `ruled`: a line above it."""

    cells: Sequence[str]
    bold: bool = False
    ruled: bool = False


class _Mark(NamedTuple):
    x: float
    y: float
    text: str
    ink: Ink


@dataclass
class _Page:
    marks: list[_Mark] = field(default_factory=list)
    rules: list[tuple[float, float, float, bool]] = field(default_factory=list)


@dataclass
class Pages:
    """A document that grows downwards. `foot` stands at the lower left of every page, "1 / 3" at the right."""

    title: str
    author: str
    locale: str
    foot: str
    size: tuple[float, float] = PORTRAIT
    _pages: list[_Page] = field(default_factory=list)
    _y: float = 0.0

    def __post_init__(self) -> None:
        self._turn()

    @property
    def width(self) -> float:
        """How wide text may be, in points."""
        return self.size[0] - 2 * MARGIN

    def space(self, points: float) -> None:
        """Leave room."""
        self._y -= points

    def paragraph(self, text: str, ink: Ink) -> None:
        """Write text over the whole width."""
        for line in wrapped(drawable(text), ink.size, self.width):
            self._need(ink.size * _LEADING)
            self._y -= ink.size * _LEADING
            self._mark(MARGIN, self._y, line, ink)

    def facts(self, pairs: Sequence[tuple[str, str]], ink: Ink) -> None:
        """Write (name, value) pairs in two columns, down the left one first."""
        half = (len(pairs) + 1) // 2
        column = self.width / 2
        name_width = max(width_of(drawable(name), ink.size) for name, _ in pairs) + 2 * _CELL_GAP
        for left in range(half):
            lines = 1
            for place, index in enumerate((left, left + half)):
                if index >= len(pairs):
                    continue
                name, value = pairs[index]
                parts = wrapped(drawable(value), ink.size, column - name_width - _CELL_GAP)
                x, y = MARGIN + place * column, self._y - ink.size * _LEADING
                self._mark(x, y, drawable(name), ink._replace(grey=True))
                for number, part in enumerate(parts):
                    self._mark(x + name_width, y - number * ink.size * _LEADING, part, ink)
                lines = max(lines, len(parts))
            self._y -= lines * ink.size * _LEADING

    def table(self, columns: Sequence[Column], rows: Sequence[TableRow], ink: Ink, *, caption: str = "") -> None:
        """Write a table; its head is repeated on every page it reaches, a row is never cut, a caption never left alone."""
        head = [wrapped(drawable(column.title), ink.size, column.width - _CELL_GAP) for column in columns]
        heading = max(len(lines) for lines in head) * ink.size * _LEADING + 6
        above = Ink(ink.size + 1.5, bold=True)
        self._need(heading + above.size * _LEADING + 3 * ink.size * _LEADING)
        if caption:
            self.paragraph(caption, above)
        self._head(columns, head, heading, ink)
        for row in rows:
            cells = [self._cell(column, text, ink.size) for column, text in zip(columns, row.cells, strict=True)]
            height = max(len(lines) for lines in cells) * ink.size * _LEADING + 2
            if self._need(height):
                self._head(columns, head, heading, ink)
            if row.ruled:
                self._pages[-1].rules.append((MARGIN, self._y - 1, self.width, False))
            self._row(columns, cells, ink._replace(bold=row.bold))
            self._y -= height

    def to_pdf(self) -> bytes:
        """Return the document."""
        from reportlab.pdfgen.canvas import Canvas

        written = io.BytesIO()
        with making:
            loaded_font()
            canvas = Canvas(
                written,
                pagesize=self.size,
                pageCompression=1,
                invariant=1,
                lang=self.locale,
                initialFontName=FONT_NAME,  # else Helvetica is named on every page, and not embedded
            )
            canvas.setTitle(self.title)
            canvas.setAuthor(self.author)
            canvas.setCreator("Duecourse")
            for number, page in enumerate(self._pages, start=1):
                self._write(canvas, page, f"{number} / {len(self._pages)}")
            canvas.save()
        return written.getvalue()

    def _head(self, columns: Sequence[Column], head: Sequence[Sequence[str]], height: float, ink: Ink) -> None:
        self._row(columns, head, ink._replace(grey=True))
        self._y -= height
        self._pages[-1].rules.append((MARGIN, self._y + 2, self.width, True))

    def _row(self, columns: Sequence[Column], cells: Sequence[Sequence[str]], ink: Ink) -> None:
        x = MARGIN
        for column, lines in zip(columns, cells, strict=True):
            y = self._y
            for line in lines:
                y -= ink.size * _LEADING
                if line:
                    indent = column.width - _CELL_GAP / 2 - width_of(line, ink.size) if column.is_amount else 0.0
                    self._mark(x + indent, y, line, ink)
            x += column.width

    def _cell(self, column: Column, text: str, size: float) -> Sequence[str]:
        return (text,) if column.is_amount else wrapped(drawable(text), size, column.width - _CELL_GAP)

    def _mark(self, x: float, y: float, text: str, ink: Ink) -> None:
        self._pages[-1].marks.append(_Mark(x, y, text, ink))

    def _need(self, points: float) -> bool:
        """Turn the page when so much room is not left; return whether it was turned."""
        if self._y - points >= MARGIN + _FOOT:
            return False
        self._turn()
        return True

    def _turn(self) -> None:
        self._pages.append(_Page())
        self._y = self.size[1] - MARGIN

    def _foot_marks(self, number: str) -> Iterator[_Mark]:
        ink = Ink(7, grey=True)
        yield _Mark(MARGIN, MARGIN, drawable(self.foot), ink)
        yield _Mark(self.size[0] - MARGIN - width_of(number, ink.size), MARGIN, number, ink)

    def _write(self, canvas: Any, page: _Page, number: str) -> None:
        """Write one page in PDF's own operators: ReportLab's text objects take twice the time of everything else."""
        for x, y, width, is_strong in page.rules:
            canvas.setLineWidth(0.7 if is_strong else 0.3)
            canvas.line(x, y, x + width, y)
        font, document = loaded_font(), canvas._doc
        written = ["BT", f"{_BOLD_STROKE} w"]
        ink, face = Ink(0.0), (-1, 0.0)
        for mark in (*page.marks, *self._foot_marks(number)):
            if mark.ink != ink:
                ink = mark.ink
                written.append(f"{_GREY if ink.grey else _BLACK} g {2 if ink.bold else 0} Tr")
            written.append(f"1 0 0 1 {mark.x:.2f} {mark.y:.2f} Tm")
            for subset, coded in font.splitString(mark.text, document):
                if face != (subset, ink.size):
                    face = (subset, ink.size)
                    written.append(f"{font.getSubsetInternalName(subset, document)} {ink.size:g} Tf")
                written.append(f"<{coded.hex()}> Tj")
        canvas.addLiteral("\n".join([*written, "ET"]))
        canvas.showPage()
