"""Matchers of law rules over what is known before there is a case: each holds, fails, or cannot be told."""

from collections.abc import Mapping, Sequence
from typing import Any

Known = Mapping[str, Any]
"""Facts by the law's vocabulary. None: known to be absent; a name that is not there: not known."""


def holds(matcher: Mapping[str, Any] | None, known: Known) -> bool | None:
    """Return whether a matcher object holds, or None when that hangs on the case."""
    unsure = False
    for path, wanted in (matcher or {}).items():
        found = _matches(known[path], wanted) if path in known else None
        if found is False:
            return False
        unsure = unsure or found is None
    return None if unsure else True


def denies(rows: Sequence[Mapping[str, Any]], known: Known) -> bool | None:
    """Return what a decision table says whatever the case.

    True: a block in every case. False: nothing, or a stop in some cases; what comes after the table is asked in all others.
    None: it may end its rule with something else than a stop, so nothing that comes after is certain.
    """
    may_escape = False
    for row in rows:
        found = holds(row["when"], known)
        if found is False:
            continue
        verdict = row["then"]["verdict"]
        if found:
            return True if verdict == "block" and not may_escape else None
        may_escape = may_escape or verdict not in ("block", "flag")
    return None if may_escape else False


def _matches(value: Any, wanted: Any) -> bool | None:
    if isinstance(wanted, Mapping):
        if set(wanted) == {"not"}:
            found = _matches(value, wanted["not"])
            return None if found is None else not found
        if set(wanted) == {"present"}:
            return (value is not None) is wanted["present"]
        return None
    return value in wanted if isinstance(wanted, list) else bool(value == wanted)
