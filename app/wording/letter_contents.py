"""What a letter consists of, before it is set."""

from dataclasses import dataclass, field
from datetime import date

from app.wording.letter_layouts import Layout


@dataclass(frozen=True, slots=True)
class Section:
    """A text with a heading: what a law has said to the borrower, or a sheet that is enclosed on pages of its own."""

    heading: str
    paragraphs: tuple[str, ...]
    is_small: bool = False
    """Set small and close: terms and references, line by line."""


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text; the last row is a total when `has_total`. Columns not in `text_columns` stand at the right."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: frozenset[int] = frozenset({0})
    has_total: bool = True


@dataclass(frozen=True, slots=True)
class Letter:
    """What is set. Recipient and texts are personal data."""

    layout: Layout
    locale: str
    sender_name: str
    sender_lines: tuple[str, ...]
    """Address, then ways of reaching the sender."""
    return_line: str
    recipient: tuple[str, ...] = field(repr=False)
    """As it stands on the envelope, the country last when the letter goes abroad."""
    written_on: date
    references: tuple[tuple[str, str], ...] = field(repr=False)
    """(name, value): date and page numbers are not among them."""
    subject: str = field(repr=False)
    paragraphs: tuple[str, ...] = field(repr=False)
    tables: tuple[Table, ...] = field(default=(), repr=False)
    sections: tuple[Section, ...] = ()
    sheets: tuple[Section, ...] = ()
    """Set on pages of their own, after the letter."""
    enclosed: tuple[str, ...] = ()
    """Titles of all that is enclosed, inserts of the print room among them."""
    legal_line: str = ""
    """Licence and regulator, at the foot of the first page."""
    fixed_text: str = ""
    """Text that other letters of this kind share: its characters become one subset of the font, made once."""


@dataclass(frozen=True, slots=True)
class LetterPdf:
    """The document and how many pages it has."""

    pdf: bytes = field(repr=False)
    pages: int
