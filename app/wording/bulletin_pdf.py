"""A published bulletin as a document: every figure with its definition beside the number, and what proves it unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.wording.bulletin_words import ShownFigure, period_words, shown_figures, title_of, words_of
from app.wording.pdf_pages import Column, Ink, Pages, TableRow

_TEXT, _SMALL, _TABLE = Ink(9), Ink(8, grey=True), Ink(8)
_GAP = 10.0
_NAME, _VALUE = 130.0, 90.0


@dataclass(frozen=True, slots=True)
class PublishedDocument:
    """What is set: the document and what proves it. `locale` is one that documents are written in."""

    document: Mapping[str, Any]
    sha256: str
    signature: str | None
    locale: str


def bulletin_pdf(published: PublishedDocument) -> bytes:
    """Return the bulletin as PDF: the same bytes for the same input."""
    document, locale = published.document, published.locale
    words = words_of(locale)
    title = title_of(document, locale)
    author = document["lender"]["name"] if document["lender"] else words["all_lenders"]
    pages = Pages(title, author, locale, f"{title} · {published.sha256[:16]}")
    pages.paragraph(words["title"], Ink(15, bold=True))
    pages.space(_GAP / 2)
    pages.facts(
        [
            (words["period"], period_words(document, locale)),
            (words["zone"], document["zone"]),
            (words["lender"], author),
            (words["frozen_at"], document["frozen_at"]),
            (words["chain"], str(document["chain_no"])),
        ],
        _TEXT,
    )
    pages.space(_GAP)
    if document["corrects"]:
        pages.paragraph(words["corrects"].format(**document["corrects"]), _TEXT)
    pages.paragraph(words["smallest"].format(count=document["smallest_cell"]), _SMALL)
    columns = [
        Column(words["figure"], _NAME),
        Column(words["value"], _VALUE, is_amount=True),
        Column(words["definition"], pages.width - _NAME - _VALUE),
    ]
    for section, figures in shown_figures(document, locale):
        pages.space(_GAP)
        rows = [row for figure in figures for row in _rows(figure, words)]
        pages.table(columns, rows, _TABLE, caption=section)
    pages.space(_GAP)
    pages.paragraph(f"{words['sha256']}: {published.sha256}", _SMALL)
    pages.paragraph(f"{words['previous']}: {document['previous_sha256'] or words['first_of_all']}", _SMALL)
    if published.signature:
        pages.paragraph(f"{words['signature']}: {published.signature}", _SMALL)
    return pages.to_pdf()


def _rows(figure: ShownFigure, words: Mapping[str, Any]) -> list[TableRow]:
    first, *others = figure.totals
    rows = [TableRow((figure.name, first, figure.definition), bold=True, ruled=True)]
    rows += [TableRow(("", each, "")) for each in others]
    rows += [TableRow((f"{words['of']} {cell.name}", cell.written, "")) for cell in figure.cells]
    return rows
