"""What people write: card numbers are taken out before anything is kept.

We take no payments by card and must hold no card number; a borrower who types one into a message must not change that.
Source: PCI DSS 4.0, requirement 3; the check digit is ISO/IEC 7812-1 annex B (Luhn).
"""

import re

_RUN = re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)")
MASK = "[card number]"


def without_card_numbers(text: str) -> str:
    """Return the text with every run of 13 to 19 digits that passes the check of card numbers masked.

    A number that begins with "+" is a telephone's.
    """
    return _RUN.sub(lambda match: MASK if _is_card(match.group()) else match.group(), text)


def _is_card(run: str) -> bool:
    digits = [int(char) for char in run if char.isascii() and char.isdigit()]
    if len(digits) < 13 or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
