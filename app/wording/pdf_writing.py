"""Writing placed lines of text and rules as a PDF, with the font as a shared subset and a small one of the document's own.

ReportLab makes the document; pages are given in PDF's own operators, for its text objects take twice the time of everything
else. Bold is drawn as an outline: there is one weight of the font.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.wording.pdf_fonts import FONT_NAME, loaded_font
from app.wording.pdf_subsets import Subset, add_subset, characters_of, own_subset, shared_subset

ASCII = "".join(map(chr, range(32, 127)))
"""In every shared subset, so that amounts and numbers need no other."""
_BOLD_STROKE = 0.25
_GREY = 0.4
_SHARED, _OWN = "B", "X"


@dataclass(slots=True)
class PlacedLine:
    """One line of text at a place, in points from the lower left corner."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    grey: bool = False


@dataclass(slots=True)
class PlacedPage:
    """One page. `rules`: x, y, x2, y2."""

    lines: list[PlacedLine] = field(default_factory=list)
    rules: list[tuple[float, float, float, float]] = field(default_factory=list)


def written_pdf(
    pages: Sequence[PlacedPage], *, paper: tuple[float, float], locale: str, author: str, fixed_text: str
) -> bytes:
    """Return the pages as PDF. `fixed_text`: what documents of this kind share; of it the shared subset is made.

    The document's own data hold `author` and nothing else. Hold `pdf_fonts.making` meanwhile.
    """
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(
        out,
        pagesize=paper,
        pageCompression=1,
        invariant=1,
        lang=locale,
        initialFontName=FONT_NAME,  # else Helvetica is named on every page, and not embedded
    )
    canvas.setTitle(author)
    canvas.setAuthor(author)
    canvas.setSubject("")
    canvas.setCreator("Duecourse")
    fonts = _fonts(pages, fixed_text)
    for resource, subset in fonts.items():
        add_subset(canvas._doc, subset, resource)
    codes = {character: (resource, code) for resource, subset in fonts.items() for character, code in subset.codes.items()}
    for page in pages:
        canvas.addLiteral("\n".join(_operators(page, codes)))
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _fonts(pages: Sequence[PlacedPage], fixed_text: str) -> Mapping[str, Subset]:
    known = loaded_font().face.charToGlyph
    shared = "".join(character for character in characters_of((fixed_text, ASCII)) if ord(character) in known)
    kept = set(shared)
    own = characters_of([line.text for page in pages for line in page.lines])
    own = "".join(character for character in own if character not in kept)
    fonts = {_SHARED: shared_subset(shared)}
    return {**fonts, _OWN: own_subset(own)} if own else fonts


def _operators(page: PlacedPage, codes: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield "0.3 w"
    for x, y, x2, y2 in page.rules:
        yield f"{x:.2f} {y:.2f} m {x2:.2f} {y2:.2f} l S"
    yield f"BT\n{_BOLD_STROKE} w"
    ink: tuple[bool, bool] | None = None
    face: tuple[str, float] | None = None
    for line in page.lines:
        if (line.bold, line.grey) != ink:
            ink = (line.bold, line.grey)
            yield f"{_GREY if line.grey else 0} g {2 if line.bold else 0} Tr"
        yield f"1 0 0 1 {line.x:.2f} {line.y:.2f} Tm"
        run: list[str] = []
        for character in line.text:
            resource, code = codes[character]
            if face != (resource, line.size):
                if run:
                    yield f"<{''.join(run)}> Tj"
                    run = []
                face = (resource, line.size)
                yield f"/{resource} {line.size:g} Tf"
            run.append(code)
        if run:
            yield f"<{''.join(run)}> Tj"
    yield "ET"
