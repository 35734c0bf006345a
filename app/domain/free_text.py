"""What people write: card numbers are taken out before anything is kept.

We take no payments by card and must hold no card number; a borrower who types one into a message must not change that.
Source: PCI DSS 4.0, requirement 3; the check digit is ISO/IEC 7812-1 annex B (Luhn).
"""

import re

_RUN = re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)")
_GAP = r"[\s\-\u2010-\u2015._/,\u00b7]{1,3}"
_CARD = re.compile(
    rf"""(?<!\d)(?:
        (?P<whole>\d{{13,19}})
      | (?P<fours>\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{1,4}})(?P<rest>{_GAP}\d{{1,3}})?
      | (?P<six>\d{{4}}{_GAP}\d{{6}}{_GAP}\d{{4,5}})
    )(?!\d)""",
    re.VERBOSE,
)
"""As cards are printed, however the groups are kept apart, and whatever figures stand beside: an expiry, a security code."""
_LONGEST_TELEPHONE = 15
"""Digits. Source: ITU-T E.164."""
MASK = "[card number]"


def without_card_numbers(text: str) -> str:
    """Return the text with every run of 13 to 19 digits that passes the check of card numbers masked.

    Also one beside other figures, in groups as on a card, and in digits of any script. A number that begins with "+" and
    has up to 15 digits is a telephone's.
    """
    text = _RUN.sub(lambda match: MASK if _is_card(match.group()) else match.group(), text)
    kept, done, at = list[str](), 0, 0
    while match := _CARD.search(text, at):
        end = _end_of_card(match)
        at = end or match.start() + 1  # what begins a little later may be one
        if end is not None:
            kept += [text[done : match.start()], MASK]
            done = end
    return "".join(kept) + text[done:]


def _end_of_card(match: re.Match[str]) -> int | None:
    whole = match.group()
    if match.string[: match.start()].endswith("+") and len(_digits(whole)) <= _LONGEST_TELEPHONE:
        return None
    if _is_card(whole):
        return match.end()
    return match.end("fours") if match["rest"] and _is_card(match["fours"]) else None


def _digits(run: str) -> list[int]:
    return [int(char) for char in run if char.isdecimal()]


def _is_card(run: str) -> bool:
    digits = _digits(run)
    if len(digits) < 13 or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
