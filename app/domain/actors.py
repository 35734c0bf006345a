"""Who acted, as rows and the audit trail name them: staff:NAME, operator:NAME, policy:..., system."""

import unicodedata

_PEOPLE = ("staff:", "operator:")


def same_person(one: str | None, other: str | None) -> bool:
    """Return whether two actors are one person, however the name is written, and whether at the desk or by a command."""
    return one is not None and other is not None and _plain(one) == _plain(other)


def _plain(actor: str) -> str:
    folded = " ".join(unicodedata.normalize("NFKC", actor).casefold().split())
    return next((folded.removeprefix(kind).strip() for kind in _PEOPLE if folded.startswith(kind)), folded)
