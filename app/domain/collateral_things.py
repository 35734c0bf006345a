"""What may be pledged, and how a vehicle is told from others: plate and VIN as compared, and as shown in lists."""

import re
import unicodedata
from collections.abc import Mapping

from app.domain.errors import refused_at
from app.domain.masks import DOT

KINDS = ("vehicle", "machinery", "real_estate", "jewellery", "electronics", "goods", "securities", "deposit", "other")
VEHICLE = "vehicle"

_VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_CHECK_PLACE = 8
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES: Mapping[str, int] = {
    **{digit: int(digit) for digit in "0123456789"},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)),
    **{"P": 7, "R": 9},
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}
"""What each letter counts. Source: 49 CFR 565.15, table III."""
_NORTH_AMERICA = frozenset("1245")
"""First characters of a VIN whose makers must give a check digit: the United States (1, 4, 5) and Canada (2)."""
_LONGEST_PLATE = 15


def normal_plate(plate: str) -> str:
    """Return a plate as it is compared: full width as half width, capitals, without blanks, dots and dashes.

    Raises ValidationError for what is none: nothing, or more than 15 characters.
    """
    folded = unicodedata.normalize("NFKC", plate).upper()
    text = "".join(char for char in folded if char.isalnum())
    if not text or len(text) > _LONGEST_PLATE:
        raise refused_at("/plate", f"plate has 1 to {_LONGEST_PLATE} letters and digits.")
    return text


def normal_vin(vin: str) -> str:
    """Return a vehicle identification number as it is compared.

    Raises ValidationError: 17 letters and digits without I, O and Q (ISO 3779); where it begins as those of the United
    States and Canada do, the ninth is the check digit (49 CFR 565.15(c)). The text does not repeat the number.
    """
    text = "".join(unicodedata.normalize("NFKC", vin).upper().split()).replace("-", "")
    if not _VIN.fullmatch(text):
        raise refused_at("/vin", "vin has 17 letters and digits, and none of I, O and Q.")
    if text[0] in _NORTH_AMERICA and text[_CHECK_PLACE] != check_digit(text):
        raise refused_at("/vin", "The ninth character of vin, its check digit, does not fit the others; look for a slip.")
    return text


def check_digit(vin: str) -> str:
    """Return the check digit that a VIN of 17 characters ought to have as its ninth."""
    rest = sum(_VALUES[char] * weight for char, weight in zip(vin, _WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def masked_plate(plate: str) -> str:
    """Return 粤••••89: the first character and the last two; of a short one only the first."""
    return f"{plate[:1]}{DOT * 4}{plate[-2:] if len(plate) > 4 else ''}"


def masked_vin(vin: str) -> str:
    """Return ••••1234: the last four, which a garage asks for."""
    return f"{DOT * 4}{vin[-4:]}"
