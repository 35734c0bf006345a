"""Passwords of staff: how long, and which ones are refused.

Source: NIST SP 800-63B-4 §3.1.1 (length, no rules of composition, a list of common ones); OWASP ASVS 5.0 §6.2.
"""

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable

from app.domain.errors import refused_at

SHORTEST, LONGEST = 12, 128
"""Characters of a password, both inclusive."""
_FEWEST_DIFFERENT = 5
_LEET = str.maketrans("013457@$!", "oieastasi")
_OURS = ("duecourse",)
_PART = re.compile(r"[^\W_]{4,}|[\u3400-\u9fff]{2,}")
"""Part of a name or an address that a password may not hold; shorter ones are in every second word."""


def normal_password(text: str) -> str:
    """Return a password as it is hashed: two keyboards may send one letter in two ways (NFC, RFC 8265)."""
    return unicodedata.normalize("NFC", text)


def check_password(text: str, *, common: Collection[str], names: Iterable[str], pointer: str = "/password") -> str:
    """Return the password as it is hashed. `common`: known ones, folded; `names`: of the person, and their address.

    Raises ValidationError that says what is wrong with it.
    """
    password = normal_password(text)
    if not SHORTEST <= len(password) <= LONGEST:
        raise refused_at(pointer, f"The password must have {SHORTEST} to {LONGEST} characters.")
    folded = unicodedata.normalize("NFKC", password).casefold()
    if any(part in folded for name in (*names, *_OURS) for part in _PART.findall(name.casefold())):
        raise refused_at(pointer, "The password holds your name, your e-mail address or ours; choose another.")
    if _is_guessed(folded, common):
        raise refused_at(
            pointer, "The password is among the first that are tried; choose another, several words for example."
        )
    return password


def _is_guessed(folded: str, common: Collection[str]) -> bool:
    """Return whether it is a known one, perhaps with digits and marks around it, said twice, or a run of the keyboard."""
    if len(set(folded)) < _FEWEST_DIFFERENT or _is_run(folded):
        return True
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", folded)
    tried = {each for text in (folded, core, core.translate(_LEET)) for each in (text, _unit(text))}
    return len(core) < _FEWEST_DIFFERENT or not tried.isdisjoint(common)


def _unit(text: str) -> str:
    """Return what a text repeats, or the text."""
    at = (text + text).find(text, 1)
    return text[:at] if at < len(text) else text


def _is_run(text: str) -> bool:
    """Return whether nearly every character follows the one before: abcdefghijkl, 123456789012."""
    steps = [ord(after) - ord(before) for before, after in itertools.pairwise(text)]
    return sum(step in (-1, 0, 1) for step in steps) >= len(steps) * 0.8
