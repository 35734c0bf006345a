"""An address of lines as a print service wants it: by its parts. Nothing is guessed: what has not the form is refused."""

import re
from collections.abc import Sequence

_US_LAST = re.compile(r"(?P<city>[^,]+?),?\s+(?P<state>[A-Z]{2})\s+(?P<zip>\d{5}(?:-\d{4})?)")
_LONGEST_NAME, _LONGEST_LINE = 40, 64
"""Source: Lob, "Letters: to" (name, address_line1)."""


class AddressFormError(ValueError):
    """The lines are not an address of the form that is wanted. The text holds no personal data."""


def address_parts(lines: Sequence[str], country: str) -> dict[str, str]:
    """Return name, address_line1, address_line2, address_city, address_state, address_zip, address_country.

    The first line is the name. Of the United States the last must be "City, ST 12345"; elsewhere it is taken for the city,
    with whatever postcode stands in it. Raises AddressFormError.
    """
    kept = [line.strip() for line in lines if line.strip()]
    if len(kept) < 3:
        raise AddressFormError("An address needs a name, a street and a city.")
    name, *streets, last = kept
    parts = {"name": name, "address_country": country}
    if country == "US":
        found = _US_LAST.fullmatch(last)
        if found is None:
            raise AddressFormError("The last line is not a city, a state and a ZIP code.")
        parts |= {"address_city": found["city"], "address_state": found["state"], "address_zip": found["zip"]}
    else:
        parts["address_city"] = last
    parts["address_line1"] = streets[0]
    if len(streets) > 1:
        parts["address_line2"] = ", ".join(streets[1:])
    if len(name) > _LONGEST_NAME or any(
        len(parts.get(key, "")) > _LONGEST_LINE for key in ("address_line1", "address_line2")
    ):
        raise AddressFormError("A line of the address is too long.")
    return parts
