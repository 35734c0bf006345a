"""Where things stand on a letter: paper, address window, fold marks, by the envelope it is put into.

A window shows what lies behind it wherever the folded sheet has slid to. So each layout has two boxes: `address`, which is
in the window at every place of the sheet and is where the address must be, and `window`, all that may show at some place:
there nothing else may stand. Millimetres from the upper left corner of the first page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

POINTS_PER_MM = 72 / 25.4
A4 = (595.28, 841.89)
US_LETTER = (612.0, 792.0)


class Box(NamedTuple):
    """A rectangle in millimetres from the upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        """Return how far down it ends."""
        return self.top + self.height


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of letter paper with its envelope."""

    key: str
    paper: tuple[float, float]
    """In points."""
    window: Box
    address: Box
    sender: Box
    """Who writes: the letterhead's block."""
    info: Box
    """Date and references."""
    text_top: float
    """Where the subject begins on the first page."""
    folds: tuple[float, ...]
    punch: float | None = None
    return_line: bool = True
    """The sender in one small line above the address, in the window: where what cannot be delivered goes back to."""
    margin_left: float = 25.0
    margin_right: float = 20.0
    margin_top: float = 20.0
    margin_bottom: float = 22.0
    address_from: float | None = None
    """Where the address proper begins if it fits from there on; None: at the top of its box."""
    source: str = ""


LAYOUTS: Mapping[str, Layout] = {
    layout.key: layout
    for layout in (
        Layout(
            "din5008b",
            A4,
            window=Box(20.0, 45.0, 90.0, 50.0),
            address=Box(25.0, 45.0, 80.0, 45.0),
            sender=Box(125.0, 14.0, 65.0, 30.0),
            info=Box(125.0, 50.0, 65.0, 45.0),
            text_top=101.0,
            folds=(105.0, 210.0),
            punch=148.5,
            address_from=62.7,
            source="DIN 5008 form B: address field 85 x 45 mm, 20 mm from the left, 45 mm from the top; window DIN 680, DL",
        ),
        Layout(
            "uk_dl",
            A4,
            window=Box(10.0, 49.0, 100.0, 41.0),
            address=Box(24.0, 55.0, 75.0, 30.0),
            sender=Box(125.0, 14.0, 65.0, 33.0),
            info=Box(125.0, 52.0, 65.0, 40.0),
            text_top=98.0,
            folds=(105.0, 210.0),
            source="DL envelope 110 x 220 mm, window 35 x 90 mm, 20 mm from left and bottom (BS 4264); folded at 105 mm",
        ),
        Layout(
            "us_no10",
            US_LETTER,
            window=Box(0.0, 57.7, 138.0, 34.4),
            address=Box(26.0, 63.5, 84.0, 23.8),
            sender=Box(15.0, 13.0, 80.0, 40.0),
            info=Box(130.0, 13.0, 66.0, 40.0),
            text_top=102.0,
            folds=(100.0, 200.0),
            return_line=False,
            source="No. 10 envelope 9 1/2 x 4 1/8 in, window 4 1/2 x 1 1/8 in, 7/8 in from the left, 1/2 in from the "
            "bottom; folded at 100 mm, so that the sheet slides by less than 5 mm",
        ),
        Layout(
            "cn_dl",
            A4,
            window=Box(10.0, 49.0, 100.0, 46.0),
            address=Box(24.0, 53.0, 75.0, 36.0),
            sender=Box(125.0, 14.0, 65.0, 33.0),
            info=Box(125.0, 52.0, 65.0, 40.0),
            text_top=100.0,
            folds=(105.0, 210.0),
            return_line=False,
            source="DL envelope 110 x 220 mm of GB/T 1416 with a window 20 mm from the left; postcode, address, then the "
            "name, as on Chinese envelopes; the sender is printed on the envelope, lower right",
        ),
    )
}  # fmt: skip
_BY_COUNTRY = {
    "DE": "din5008b", "AT": "din5008b", "EU": "din5008b",
    "GB": "uk_dl", "UK": "uk_dl", "IE": "uk_dl", "IN": "uk_dl",
    "US": "us_no10", "CA": "us_no10",
    "CN": "cn_dl",
}  # fmt: skip


def layout_for(country: str) -> Layout:
    """Return the usual layout of a country where letters are printed; DIN 5008 where we know of none of its own."""
    return LAYOUTS[_BY_COUNTRY.get(country, "din5008b")]
