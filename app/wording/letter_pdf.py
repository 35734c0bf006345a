"""A letter as a document: address in the window of its envelope, text, tables, enclosed sheets, "page n of m".

The same letter gives the same bytes, so that its hash is evidence. Nothing is ever drawn over the window or off the page: an
address that does not fit, or a character the font lacks, is refused (LetterRefusedError), for a letter with a box in the
place of a name is worse than none. The document's own data name the sender and nothing of the recipient.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from app.domain.letters import refused
from app.wording.amounts import written_date
from app.wording.letter_contents import Letter, LetterPdf, Section, Table
from app.wording.letter_layouts import POINTS_PER_MM, Box, Layout
from app.wording.letter_lines import broken, measured
from app.wording.letter_words import Words, words_in
from app.wording.pdf_fonts import UNSEEN, loaded_font, making
from app.wording.pdf_writing import ASCII, PlacedLine, PlacedPage, written_pdf

MOST_PAGES = 12
"""A letter with its sheets: more than fits into a standard envelope (and into a print service's limits) is refused."""
_LEADING = 1.36
_FOOT = 9 * POINTS_PER_MM
_BODY, _SMALL, _TINY, _HEADING, _NAME = 10.0, 8.0, 6.5, 11.0, 12.0
_ADDRESS_SIZES = (10.5, 9.5, 8.5)
_ADDRESS_LEADING = 1.22
_PARAGRAPH_GAP = 6.0


def letter_pdf(letter: Letter) -> LetterPdf:
    """Return the letter as PDF. Raises LetterRefusedError."""
    with making:
        return _Setting(_composed(letter)).pdf()


def postal_lines(name: str | None, lines: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """Return name and address in the order of the layout's envelopes: in China postcode, address, then the name."""
    kept = [clean for line in lines if (clean := _clean(line).strip())]
    who = _clean(name or "").strip()
    if layout.key != "cn_dl":
        return tuple(line for line in (who, *kept) if line)
    postcodes = [line for line in kept if line.isdigit() and len(line) == 6]
    rest = [line for line in kept if line not in postcodes]
    return tuple(line for line in (*postcodes, *rest, f"{who}（收）" if who else "") if line)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", UNSEEN.sub("", text.replace("\t", " ")))


def _composed(letter: Letter) -> Letter:
    """Return the letter in composed characters, each of which the font has. Raises LetterRefusedError."""
    if not letter.recipient:
        raise refused("address", "There is no address to write to.")
    _check(letter.recipient, "address_characters", "the address")
    _check(_texts(letter), "text_characters", "the letter")
    return letter


def _check(texts: Iterable[str], what: str, where: str) -> None:
    known = loaded_font().face.charToGlyph
    lacking = sorted(c for c in set().union(*texts) if ord(c) not in known)
    if lacking:
        named = ", ".join(f"U+{ord(character):04X}" for character in lacking[:5])
        raise refused(what, f"The font of documents lacks characters of {where}: {named}.")


def _texts(letter: Letter) -> Iterator[str]:
    words = words_in(letter.locale)
    yield from (letter.sender_name, *letter.sender_lines, letter.return_line, letter.subject, letter.legal_line)
    yield from (*letter.paragraphs, *letter.enclosed)
    for name, value in letter.references:
        yield from (name, value)
    for table in letter.tables:
        yield from (table.caption, *table.columns)
        for row in table.rows:
            yield from row
    for section in (*letter.sections, *letter.sheets):
        yield from (section.heading, *section.paragraphs)
    yield from (written_date(letter.written_on, letter.locale), words.date, words.page, words.enclosed, words.colon, ASCII)


class _Setting:
    """One letter on its way to pages."""

    def __init__(self, letter: Letter) -> None:
        self._letter, self._layout = letter, letter.layout
        self._words: Words = words_in(letter.locale)
        self._width, self._height = letter.layout.paper
        self._left = letter.layout.margin_left * POINTS_PER_MM
        self._measure = self._width - self._left - letter.layout.margin_right * POINTS_PER_MM
        self._floor = letter.layout.margin_bottom * POINTS_PER_MM
        self._pages: list[PlacedPage] = [PlacedPage()]
        self._y = 0.0

    def pdf(self) -> LetterPdf:
        letter = self._letter
        self._head()
        self._y = self._height - letter.layout.text_top * POINTS_PER_MM
        self._paragraph(letter.subject, _HEADING, bold=True, keep=True)
        self._space(_PARAGRAPH_GAP)
        for paragraph in letter.paragraphs:
            self._paragraph(paragraph, _BODY)
            self._space(_PARAGRAPH_GAP)
        if letter.enclosed:
            titles = self._words.joiner.join(letter.enclosed)
            self._paragraph(f"{self._words.enclosed}{self._words.colon}{titles}", _SMALL)
            self._space(_PARAGRAPH_GAP)
        for table in letter.tables:
            self._table(table)
        for section in letter.sections:
            self._section(section)
        for sheet in letter.sheets:
            self._turn()
            self._section(sheet)
        if len(self._pages) > MOST_PAGES:
            raise refused("too_many_pages", f"The letter has {len(self._pages)} pages; {MOST_PAGES} are the most.")
        self._feet()
        pdf = written_pdf(
            self._pages,
            paper=letter.layout.paper,
            locale=letter.locale,
            author=letter.sender_name,
            fixed_text=letter.fixed_text,
        )
        return LetterPdf(pdf, len(self._pages))

    # -- the first page's head -----------------------------------------------------------------------------------------

    def _head(self) -> None:
        letter, layout = self._letter, self._layout
        self._block(layout.sender, [(letter.sender_name, _NAME, True), *((t, _SMALL, False) for t in letter.sender_lines)])
        self._address()
        on = written_date(letter.written_on, letter.locale)
        info = [(self._words.date, on), *letter.references]
        self._block(
            layout.info,
            [part for name, value in info for part in ((name, _TINY, False), (value, _SMALL + 1, False))],
        )
        page = self._pages[0]
        for fold in layout.folds:
            self._tick(page, fold, 4.0)
        if layout.punch is not None:
            self._tick(page, layout.punch, 6.0)

    def _tick(self, page: PlacedPage, down_mm: float, long_mm: float) -> None:
        y = self._height - down_mm * POINTS_PER_MM
        page.rules.append((4.0 * POINTS_PER_MM, y, (4.0 + long_mm) * POINTS_PER_MM, y))

    def _block(self, box: Box, texts: Sequence[tuple[str, float, bool]]) -> None:
        """Write lines into a box. Raises LetterRefusedError where the letterhead has more than there is room for."""
        x, y = box.left * POINTS_PER_MM, self._height - box.top * POINTS_PER_MM
        for text, size, bold in texts:
            for line in broken(text, size, box.width * POINTS_PER_MM):
                y -= size * 1.25
                self._pages[0].lines.append(PlacedLine(x, y, line, size, bold, grey=size == _TINY))
        if y < self._height - box.bottom * POINTS_PER_MM - 1:
            raise refused("letterhead", "Sender or references take more room than the letter's layout has for them.")

    def _address(self) -> None:
        """Write the address where the window shows it wherever the sheet has slid to."""
        box, letter = self._layout.address, self._letter
        top = self._height - box.top * POINTS_PER_MM
        room = box.height * POINTS_PER_MM
        x = box.left * POINTS_PER_MM
        if self._layout.return_line and letter.return_line:
            size = _TINY
            line = letter.return_line
            while measured(line) * size / 1000 > box.width * POINTS_PER_MM and size > 5.0:
                size -= 0.5
            if measured(line) * size / 1000 > box.width * POINTS_PER_MM:
                raise refused("letterhead", "The return address is too long for one line in the window; shorten it.")
            self._pages[0].lines.append(PlacedLine(x, top - size, line, size, grey=True))
            top -= size + 4
            room -= size + 4
        size, lines = _fitted(letter.recipient, box.width * POINTS_PER_MM, room)
        if self._layout.address_from is not None:
            down = top - (self._height - self._layout.address_from * POINTS_PER_MM)
            top -= max(0.0, min(down, room - len(lines) * size * _ADDRESS_LEADING))
        for number, text in enumerate(lines, start=1):
            self._pages[0].lines.append(PlacedLine(x, top - number * size * _ADDRESS_LEADING + size * 0.2, text, size))

    # -- running text --------------------------------------------------------------------------------------------------

    def _space(self, points: float) -> None:
        if self._y < self._top():
            self._y -= points

    def _top(self) -> float:
        return self._height - self._layout.margin_top * POINTS_PER_MM

    def _turn(self) -> None:
        self._pages.append(PlacedPage())
        self._y = self._top()

    def _paragraph(self, text: str, size: float, *, bold: bool = False, keep: bool = False) -> None:
        """Write a paragraph. No page ends with its first line or begins with its last; `keep`: what follows stays."""
        lines = list(broken(text, size, self._measure))
        step = size * _LEADING
        extra = 3 * _BODY * _LEADING if keep else 0.0
        while lines:
            fits = int((self._y - self._floor + 0.01) // step)
            if len(lines) <= fits and self._y - len(lines) * step - extra >= self._floor - 0.01:
                take = len(lines)
            else:
                take = 0 if keep else min(fits, len(lines) - 2)
                if take < 2:
                    take = 0
                if not take and self._y >= self._top():  # a page of its own is not enough either
                    take = min(max(fits, 1), len(lines))
            for line in lines[:take]:
                self._y -= step
                self._pages[-1].lines.append(PlacedLine(self._left, self._y, line, size, bold))
            lines = lines[take:]
            if lines:
                self._turn()

    def _section(self, section: Section) -> None:
        self._space(_PARAGRAPH_GAP)
        if section.heading:
            self._paragraph(section.heading, _HEADING, bold=True, keep=True)
            self._space(_PARAGRAPH_GAP / 2)
        size, gap = (_SMALL, _PARAGRAPH_GAP / 6) if section.is_small else (_BODY, _PARAGRAPH_GAP)
        for paragraph in section.paragraphs:
            self._paragraph(paragraph, size)
            self._space(gap)

    def _table(self, table: Table) -> None:
        """Write a table; its head is repeated on every page it reaches, no row is cut, the total never stands alone."""
        size, step = _SMALL + 0.5, (_SMALL + 0.5) * _LEADING + 2
        widths = self._column_widths(table, size)
        self._space(_PARAGRAPH_GAP)
        self._paragraph(table.caption, _BODY, bold=True, keep=True)
        head = [broken(title, _SMALL, width - 6) for title, width in zip(table.columns, widths, strict=True)]
        high = max(map(len, head)) * _SMALL * 1.2 + 5
        self._table_head(table, head, widths, high)
        for number, row in enumerate(table.rows, start=1):
            is_total = table.has_total and number == len(table.rows)
            needed = step * (2 if table.has_total and number == len(table.rows) - 1 else 1)
            if self._y - needed < self._floor:
                self._turn()
                self._table_head(table, head, widths, high)
            if is_total:
                self._rule(self._y - 1)
            self._y -= step
            self._cells(table, row, widths, size, bold=is_total)
        self._space(_PARAGRAPH_GAP)

    def _column_widths(self, table: Table, size: float) -> list[float]:
        """Return the widths of columns: of figures as wide as they need, the rest for the first column of text."""
        count = len(table.columns)
        needs = [
            max(
                *(measured(row[column]) * size / 1000 for row in table.rows),
                *(measured(word) * _SMALL / 1000 for word in table.columns[column].split() or ("",)),
            )
            + 8
            for column in range(count)
        ]
        left = self._measure - sum(needs)
        if left < 0:
            raise refused("text", "A table of the letter is wider than the page.")
        share = left / count
        return [need + share for need in needs]

    def _table_head(self, table: Table, head: Sequence[Sequence[str]], widths: Sequence[float], high: float) -> None:
        x, top = self._left, self._y
        for column, lines in enumerate(head):
            for number, line in enumerate(lines, start=1):
                y = top - number * _SMALL * 1.2
                self._pages[-1].lines.append(
                    PlacedLine(self._placed(table, column, x, widths, line, _SMALL), y, line, _SMALL, grey=True)
                )
            x += widths[column]
        self._y -= high
        self._rule(self._y)

    def _cells(self, table: Table, row: Sequence[str], widths: Sequence[float], size: float, *, bold: bool) -> None:
        x = self._left
        for column, text in enumerate(row):
            if text:
                self._pages[-1].lines.append(
                    PlacedLine(self._placed(table, column, x, widths, text, size), self._y + 3, text, size, bold)
                )
            x += widths[column]

    def _placed(self, table: Table, column: int, x: float, widths: Sequence[float], text: str, size: float) -> float:
        if column in table.text_columns:
            return x
        return x + widths[column] - measured(text) * size / 1000

    def _rule(self, y: float) -> None:
        self._pages[-1].rules.append((self._left, y, self._left + self._measure, y))

    def _feet(self) -> None:
        total = len(self._pages)
        for number, page in enumerate(self._pages, start=1):
            text = self._words.page.format(number=number, total=total)
            x = self._left + self._measure - measured(text) * _SMALL / 1000
            page.lines.append(PlacedLine(x, _FOOT, text, _SMALL, grey=True))
        legal = broken(self._letter.legal_line, _TINY, self._measure - 80) if self._letter.legal_line else ()
        if len(legal) > 3:
            raise refused("letterhead", "Licence, regulator and complaints take more than three lines at the foot.")
        for number, line in enumerate(reversed(legal)):
            self._pages[0].lines.append(
                PlacedLine(self._left, 9 * POINTS_PER_MM + number * _TINY * 1.2, line, _TINY, grey=True)
            )


def _fitted(recipient: Sequence[str], width: float, room: float) -> tuple[float, list[str]]:
    """Return the largest size in which the address fits, with its lines. Raises LetterRefusedError."""
    for size in _ADDRESS_SIZES:
        lines = [line for text in recipient for line in broken(text, size, width)]
        if len(lines) * size * _ADDRESS_LEADING <= room + 0.01:
            return size, lines
    raise refused("address_too_long", f"The address has more lines than the window shows ({len(recipient)} as stored).")
