"""Creditor references: what a payer writes on a transfer so that it is known for which loan, with check digits.

One number in two forms: ten digits (fits the ten of a variable symbol, and every bank's form), and the same after RF and
two check digits as ISO 11649 has it. The last two of the ten digits are a check of their own, so that a typing error is
noticed in either form. Source: ISO 11649:2009; ISO/IEC 7064 MOD 97-10.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LENGTH = 10
_LOWEST, _COUNT = 10_000_000, 90_000_000
"""Numbers without their check digits. None begins with 0: banks drop leading noughts of symbols."""
_RF = re.compile(r"(?<![0-9A-Z])RF(\d\d)((?:[ -]?[0-9A-Z]){1,21})(?![0-9A-Z])")
_DIGITS = re.compile(r"(?<![0-9A-Z])\d(?:[ -]?\d)*(?![0-9A-Z])")
_SPACE = re.compile(r"[ -]")


@dataclass(frozen=True, slots=True)
class Named:
    """Numbers in a text: those whose check digits hold, and those of about the form of one whose do not."""

    valid: tuple[str, ...] = ()
    mistyped: tuple[str, ...] = ()


def reference_number(loan_id: str, attempt: int = 0) -> str:
    """Return the ten digits for a loan. `attempt` counts up where the number is another loan's at the same lender."""
    digest = hashlib.sha256(f"{loan_id}/{attempt}".encode()).digest()
    body = _LOWEST + int.from_bytes(digest[:8]) % _COUNT
    return f"{body}{98 - body * 100 % 97:02}"


def is_reference_number(text: str) -> bool:
    """Return whether these are ten digits whose check digits hold."""
    return len(text) == _LENGTH and text.isascii() and text.isdigit() and text[0] != "0" and int(text) % 97 == 1


def rf_reference(number: str) -> str:
    """Return the ISO 11649 form of a number: RF18 5390... without the blanks it is printed with."""
    return f"RF{98 - _mod_97(number + 'RF00'):02}{number}"


def printed(rf: str) -> str:
    """Return an RF reference in groups of four, as ISO 11649 has it on paper."""
    return " ".join(rf[start : start + 4] for start in range(0, len(rf), 4))


def is_rf_reference(text: str) -> bool:
    """Return whether the check digits of an RF reference (without blanks, capitals) hold."""
    return bool(re.fullmatch(r"RF\d\d[0-9A-Z]{1,21}", text)) and _mod_97(text[4:] + text[:4]) == 1


def is_iban(text: str) -> bool:
    """Return whether the check digits of an IBAN (without blanks, capitals) hold. Source: ISO 13616."""
    return bool(re.fullmatch(r"[A-Z]{2}\d\d[0-9A-Z]{11,30}", text)) and _mod_97(text[4:] + text[:4]) == 1


def references_in(text: str) -> Named:
    """Return the numbers a payer wrote into a text, in either form, each once and in their order.

    Blanks and hyphens within one are ignored, as are leading noughts. A number that stands in an RF reference whose own
    check digits fail counts as mistyped, though its last two may hold.
    """
    upper = text.upper()
    valid: dict[str, None] = {}
    mistyped: dict[str, None] = {}
    for match in _RF.finditer(upper):
        number = _leading_digits(_SPACE.sub("", match[2]))
        if is_reference_number(number) and rf_reference(number)[2:4] == match[1]:
            valid[number] = None
        elif _LENGTH - 1 <= len(number) <= _LENGTH + 1:
            mistyped[number] = None
    for match in _DIGITS.finditer(_RF.sub(" ", upper)):
        for number in _readings(match[0]):
            if is_reference_number(number):
                valid[number] = None
            elif _LENGTH - 1 <= len(number) <= _LENGTH + 1:
                mistyped[number] = None
    return Named(tuple(valid), tuple(number for number in mistyped if number not in valid))


def corrections(number: str) -> set[str]:
    """Return the numbers whose check digits hold and that one typing error makes into this one.

    A digit typed wrong, left out or doubled, or two neighbours changed about. About one in a hundred of such numbers
    holds by chance, so that a correction is a hint and never a proof.
    """
    return {each for each in _one_error_away(number) if is_reference_number(each)}


def _one_error_away(number: str) -> Iterator[str]:
    for at in range(len(number) + 1):
        before, after = number[:at], number[at:]
        if after:
            yield before + after[1:]
            if len(after) > 1:
                yield before + after[1] + after[0] + after[2:]
        for digit in "0123456789":
            yield before + digit + after
            if after:
                yield before + digit + after[1:]


def _readings(run: str) -> Iterator[str]:
    """Yield what a run of digits with blanks may be: the whole without them, and its words.

    Each without leading noughts, which banks fill up with; and with them where it has the length of a number as it stands:
    the nought may be the error.
    """
    words = [_SPACE.sub("", run), *(_SPACE.split(run) if _SPACE.search(run) else ())]
    for word in words:
        yield word.lstrip("0")
        if word.startswith("0") and _LENGTH - 1 <= len(word) <= _LENGTH + 1:
            yield word


def _leading_digits(text: str) -> str:
    found = re.match(r"\d+", text)
    return found[0].lstrip("0") if found else ""


def _mod_97(text: str) -> int:
    """Return the remainder of a text whose letters stand for 10 to 35."""
    return int("".join(str(int(char, 36)) for char in text)) % 97
