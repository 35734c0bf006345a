"""Personal data as lists and pages show it: enough to tell one person from another, not enough to be carried away.

What is shown of each, and why, stands in docs/desk-borrowers.md.
"""

from collections.abc import Collection

from app.domain.names import folded, han_names

DOT = "•"
_SHORTEST_ID = 10
"""Characters; of a shorter identity number its last four would be nearly all of it."""


def masked_phone(phone: str, country_code: int | None = None) -> str:
    """Return +86 ••• ••34: the country and the last two digits. `phone` is E.164, `country_code` as it begins."""
    shown = f"+{country_code} " if country_code is not None and phone.startswith(f"+{country_code}") else ""
    return f"{shown}{DOT * 3} {DOT * 2}{phone[-2:]}"


def masked_email(email: str) -> str:
    """Return l•••@e•••.com: the first letter of the mailbox and of the domain, and the domain's last part."""
    mailbox, _, host = email.strip().rpartition("@")
    first, _, last = host.rpartition(".")
    domain = f"{first[:1]}{DOT * 3}.{last}" if first else DOT * 3
    return f"{mailbox[:1]}{DOT * 3}@{domain}"


def masked_name(name: str, typed: Collection[str] = ()) -> str:
    """Return 王•• or L• W•••: the first letter of each word, of a Han name the first character.

    `typed`: folded words that the reader has said themselves; these stay whole, as do the characters a Han name begins with.
    """
    text = name.strip()
    if han := han_names(text):
        whole = han[0]
        known = max((len(word) for word in typed if whole.startswith(word)), default=1)
        return whole if known == len(whole) else whole[:known] + DOT * (len(whole) - known)
    return " ".join(word if folded(word) in typed else _hidden(word) for word in text.split())


def _hidden(word: str) -> str:
    return f"{word[:1]}{DOT * max(len(word) - 1, 1)}"


def masked_national_id(number: str) -> str:
    """Return •••• 1234: the last four, by which a caller is asked; all of it is hidden where it is short."""
    return f"{DOT * 4} {number[-4:]}" if len(number) >= _SHORTEST_ID else DOT * 4


def masked_address(lines: tuple[str, ...]) -> str:
    """Return ••• and the last line: the place, without house and street. Of a single line only that there is one."""
    return f"{DOT * 3}, {lines[-1]}" if len(lines) > 1 else DOT * 3
