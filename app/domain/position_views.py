"""Two views of one past day: what was known of it then, and what is known of it now; and what makes the difference."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from app.domain.ledger import LedgerEntry
from app.domain.positions import Position

AMOUNTS = ("outstanding_minor", "principal_outstanding_minor", "overdue_minor", "next_due_minor", "unapplied_minor")
OTHERS = ("days_past_due", "bucket", "next_due_on")


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that differs. `what`: its name; amounts in minor units, days, a bucket's name or a date, as text."""

    what: str
    then: str | None
    now: str | None


def differences(then: Position, now: Position) -> list[Difference]:
    """Return the figures of a day that are not the same in both views, in the order of AMOUNTS and OTHERS."""
    found = []
    for name in (*AMOUNTS, *OTHERS):
        before, after = getattr(then, name), getattr(now, name)
        if before != after:
            found.append(Difference(name.removesuffix("_minor"), _written(before), _written(after)))
    return found


def learnt_since(entries: Iterable[LedgerEntry], as_of: date, known_at: datetime) -> list[LedgerEntry]:
    """Return the entries that count by the end of `as_of` and became known only after `known_at`, in their order."""
    late = [entry for entry in entries if entry.effective_on <= as_of and entry.recorded_at > known_at]
    return sorted(late, key=lambda entry: (entry.recorded_at, entry.entry_id))


def _written(value: object) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)
