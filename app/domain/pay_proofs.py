"""What somebody who opened a link for paying must know before anything is shown: what a stranger with the phone does not.

The last four of the loan number, and the year of birth where it is known. Five wrong answers lock the link; ten on all links
of one borrower within a day lock them all, so that links that leaked together are no more tries than one.
"""

import hmac
import re
from collections.abc import Collection
from datetime import timedelta

MOST_TRIES = 5
MOST_TRIES_OF_BORROWER = 10
TRIES_OF_BORROWER_WITHIN = timedelta(days=1)
LINK_LIVES = timedelta(days=30)
"""From when its message was made."""
PROOF_LIVES = timedelta(minutes=15)
"""How long a page that was shown may be paid from."""
_LAST = 4
_CN_ID = re.compile(r"\d{6}((?:19|20)\d{2})\d{4}\d{3}[\dXx]")
"""GB 11643: six digits of a place, eight of the birth date, three of a sequence, a check digit."""


def last_four(loan_no: str) -> str:
    """Return the last four letters or digits of a loan number, in upper case; all of a shorter one."""
    return "".join(char for char in loan_no if char.isalnum())[-_LAST:].upper()


def birth_year(national_id: str | None, country: str | None) -> int | None:
    """Return the year of birth that a national id tells; None where it tells none that we can read."""
    match = _CN_ID.fullmatch(national_id.strip()) if national_id and country in (None, "CN") else None
    return int(match[1]) if match else None


def is_proven(loan_nos: Collection[str], year: int | None, *, said_last: str, said_year: str) -> bool:
    """Return whether the answers fit one of the loans a message is about, and the year where it is known.

    Every comparison is made, whatever came before it: how long it takes tells nothing.
    """
    said = last_four(said_last).encode()
    fits_loan = [hmac.compare_digest(last_four(loan_no).encode(), said) for loan_no in loan_nos]
    fits_year = year is None or hmac.compare_digest(str(year).encode(), said_year.strip().encode()[:_LAST])
    return bool(said) and any(fits_loan) and fits_year


def is_locked(tries: int, tries_of_borrower: int) -> bool:
    """Return whether no further answer is looked at."""
    return tries >= MOST_TRIES or tries_of_borrower >= MOST_TRIES_OF_BORROWER
